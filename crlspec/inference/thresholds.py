"""The numbers that decide what a user is told, for each estimator: one frozen object, kept in every provenance.

Beside each stands the table or benchmark that set it, or that it is a convention. The level alpha of the tests of
edges is no threshold but a choice of the user's, and a field of the estimators themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crlspec.inference.design_thresholds import DesignThresholds

__all__ = [
    "BaselineThresholds",
    "ContrastiveThresholds",
    "DesignThresholds",
    "GscaleThresholds",
    "LinearThresholds",
    "LscaleThresholds",
    "RopesThresholds",
    "Thresholds",
    "UmniThresholds",
]


@dataclass(frozen=True)
class Thresholds:
    """What every estimator asks of the observations.

    injective   share of the largest eigenvalue of the standardised covariance below which a dimension is not there:
                conventions of double precision, 1e-13 before a mixing is called not injective ...
    rounding    ... and 1e-11 before what lies off the latents' space counts as rounding
    sizeable    share of the last latent's eigenvalue above which what lies off their space is no small noise: a
                convention
    curved      p-value of "what lies off the space does not depend on squares of the latents" below which a linear
                mixing is refuted: a convention
    dimension   level of the test of how many dimensions stand out of noise (held by tests/numerics/test_dimension.py)
    noise_share share of noise in a latent's variance above which its edges are not relied on: a convention
    noise_bias  the same where nothing else shows its effect, in standard errors of a correlation, 1/√N: noise moves
                correlations of latents by no more than its share of them, and a test keeps its level, about, where
                that is less than one of them
    factors     p-value from which on a factor model is taken: a convention
    close_fit   misfit per degree of freedom (RMSEA) up to which one that is rejected is close: a convention (Browne &
                Cudeck, 1993)
    gaussian    p-value above which latents pass as Gaussian in every environment, for ``scores: auto`` and whatever
                else rests on it: a convention
    design      the numbers of the tests of the declared design: see :class:`DesignThresholds`
    """

    injective: float = 1e-13
    rounding: float = 1e-11
    sizeable: float = 1e-2
    curved: float = 1e-6
    dimension: float = 1e-3
    noise_share: float = 0.05
    noise_bias: float = 1.0
    factors: float = 1e-3
    close_fit: float = 0.05
    gaussian: float = 1e-3
    design: DesignThresholds = field(default_factory=DesignThresholds)

    def most_noise(self, samples: float) -> float:
        """The share of noise in a latent's variance up to which its edges are relied on, of so many samples."""
        return min(self.noise_share, self.noise_bias / samples**0.5)


@dataclass(frozen=True)
class LinearThresholds(Thresholds):
    """Of linear mixings: LSCALE-I and UMNI-CRL.

    agreement              share of the size of score differences that two fits on halves of the data must share, in
                           every environment: a convention
    misfit                 level of the goodness of fit against free Gaussians: a convention
    explained              share of a misfit that one freed mechanism has to explain, so that it refutes the design
                           and not the optimiser: a convention
    freeing                share below which it is said that no single change explains a misfit: a convention
    worst                  share of a misfit that the environments named for it make up: a convention
    order                  level at which every order with one found edge, or one pair of a closure, reversed must be
                           ruled out, all of them together: benchmarks/trust.py holds what comes of it (of 456 runs,
                           seeds 7400000 on, none of 225 that are ok is wrong); at .01 false pairs of soft
                           interventions get through at 100 samples, where χ² is too small
    hard                   level at which a target that depends on latents before it is not hard: a convention
    known                  level at which the data contradict what is known, all statements together: a convention
    negligible             strength of an edge below which it counts as none, for an edge that is known: a convention
    leftover               standard error of what a latent may hold of all others, in standard deviations, up to which
                           latents count as separated: .25 costs .03 of a correlation
    detectable             strength of an edge that could be there and not be seen, up to which absent edges count as
                           absent: benchmarks/trust.py holds what comes of it
    detectable_share       the same where a strength is a share of the variance of a score: w² / (1 + w²) for w = .5
    flexible_samples       least samples of an environment for smooth mechanisms: a convention, which
                           benchmarks/trust.py holds
    worse                  standard errors of paired held-out losses by which a refined encoder must be worse than the
                           one it began from, for that one to be kept: a convention
    heteroscedastic        share of the variance of a squared residual, explained by other latents, from which on the
                           size of a noise is said to vary: a convention
    heteroscedastic_level  level of the test that must reject before any such share counts: a convention
    granted                factor by which the χ² of what a design leaves unchanged may exceed what chance gives,
                           since networks leave some unexplained: a convention
    unchanged              level of the test of that χ²: a convention
    """

    agreement: float = 0.2
    misfit: float = 1e-3
    explained: float = 0.5
    freeing: float = 0.1
    worst: float = 0.7
    order: float = 3e-3
    hard: float = 1e-3
    known: float = 1e-3
    negligible: float = 0.1
    leftover: float = 0.25
    detectable: float = 0.5
    detectable_share: float = 0.2
    flexible_samples: int = 1000
    worse: float = 3.0
    heteroscedastic: float = 0.003
    heteroscedastic_level: float = 1e-4
    granted: float = 1.25
    unchanged: float = 1e-3


@dataclass(frozen=True)
class LscaleThresholds(LinearThresholds):
    """Of LSCALE-I. The first three are of the variant full-rank, and conventions.

    image          share of the largest eigenvalue of exact moments below which a direction is not in their image
    spreads        so many times the squared angles between two fits' images are what images may share by chance ...
    widest         ... but no squared sine above this one
    reach          level of the order of soft interventions where networks were trained for every order, which leaves
                   p-values to some chance: a convention
    """

    image: float = 1e-9
    spreads: float = 4.0
    widest: float = 0.5
    reach: float = 1e-4


@dataclass(frozen=True)
class UmniThresholds(LinearThresholds):
    """Of UMNI-CRL.

    close     signatures within so many nats of the best are compared by their joint likelihoods: a convention
    clear     nats by which the best signature must lead the next, one with a target less and one without full rank,
              else the status is undecided: odds of twenty to one after the Bayesian information criterion, a
              convention
    real      nats that each further target of a signature without full rank must gain, for it to be one: a convention
    held_out  level of the order of soft interventions by losses of held-out samples, which are normal: a convention
    """

    close: float = 30.0
    clear: float = 3.0
    real: float = 5.0
    held_out: float = 0.01


@dataclass(frozen=True)
class GscaleThresholds(Thresholds):
    """Of GSCALE-I.

    smallest    principal components of less variance than this share of the largest are rounding: a convention
    floor       those of less than this share are not blown up to unit variance: a convention
    code_floor  the same of a code of images, whose small components bend most: a convention
    even        share of the contrast of any one direction from which on one with an even log ratio is the start: a
                convention
    turns       skewness of a log ratio below which it turns nowhere within the data, and all restarts begin at it: a
                convention (.01 to .1 for shifts of the mean, .43 and more for changes of scale, in the specs of
                specs/general)
    two_sided   the same from which on all restarts begin at two sides; between these two some begin at the log ratio:
                a convention, chosen likewise (|z| with a turning point at the mean has .36)
    contrast    standard errors by which the two environments of every latent must be told apart: a convention
    clear       margin from which on other pairings are ruled out, of a linear mixing: a convention
    clear_bent  the same of any mixing: a convention
    moved       level of chance that is taken off the distances by which interventions move latents: a convention
    kept        p-value below which a pair of the first round of tests may be an edge in the second: a convention
    agreement   least rank correlation of each latent between two encoders that are said to have found the same; the
                tables of docs/general.md count those that fall below as undecided
    samples     least samples of an environment: a convention, which benchmarks/trust.py holds
    saturated   share of an environment's rows that may saturate a link: of 42 tanh data sets of three latents and
                5,000 samples no graph was wrong below .18, one of three from .19 to .3, nearly all above
    detectable_share  share of the variance of a score that could be there and not be seen, up to which absent edges
                count as absent: what a standardised weight of one half explains among five latents (.08 among three)
    known       level at which the data contradict what is known, all statements together: a convention
    granted_share  share of the variance of a score up to which what latents hold of each other may look like an edge,
                before an edge known absent counts as contradicted: what a standardised weight of .2 explains among
                five latents; tests/inference/edges/test_known.py holds what comes of it
    negligible_share  share of the variance of a score below which an edge counts as none, for one that is known: what
                a standardised weight of .1 explains among five latents, as ``detectable_share`` is of one half
    told        least share of the variance of each log ratio of images that their code tells, from which on
                nothing but the code is looked at: a convention
    excess      tests against the order that are so many times what chance gives show latents that are still mixed:
                benchmarks/leftovers.py shows it grow with the mixing, the number is a convention
    """

    smallest: float = 1e-9
    floor: float = 1e-3
    code_floor: float = 0.1
    even: float = 0.5
    turns: float = 0.2
    two_sided: float = 0.35
    contrast: float = 6.0
    clear: float = 3.0
    clear_bent: float = 0.7
    moved: float = 0.01
    kept: float = 0.2
    agreement: float = 0.97
    samples: int = 500
    saturated: float = 0.15
    detectable_share: float = 0.05
    known: float = 1e-3
    granted_share: float = 0.01
    negligible_share: float = 0.002
    told: float = 0.9
    excess: float = 2.5


@dataclass(frozen=True)
class RopesThresholds(GscaleThresholds):
    """Of ROPES: those of GSCALE-I, and one more.

    scattered   share of the squared score change between the two environments of a latent that falls on other
                latents, up to which it counts as hitting one: a convention
    """

    scattered: float = 0.1


@dataclass(frozen=True)
class ContrastiveThresholds(Thresholds):
    """Of contrastive CRL.

    further    so many times as many components as latents are looked at beyond those needed: a convention
    judged     latents behind a linear encoder that pass as Gaussian (``gaussian``) need no network: judged of so
               many samples an environment, so that the sampling error of a linear code, which more samples would
               show, does not count as curvature: a convention
    agreement  two restarts whose latents correlate less, after a linear map, have not found the same: a convention
    """

    further: int = 3
    judged: int = 2000
    agreement: float = 0.95


@dataclass(frozen=True)
class BaselineThresholds(Thresholds):
    """Of ICA and PCA.

    dependent  level of the test that components are independent, corrected for the number of pairs: a convention
    """

    dependent: float = 1e-3
