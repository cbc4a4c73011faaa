"""The numbers that decide what a user is told, for each estimator: one frozen object, kept in every provenance.

Beside each stands the table or benchmark that set it, or that it is a convention. The level alpha of the tests of
edges is no threshold but a choice of the user's, and a field of the estimators themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BaselineThresholds",
    "ContrastiveThresholds",
    "GscaleThresholds",
    "LinearThresholds",
    "LscaleThresholds",
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
    """

    injective: float = 1e-13
    rounding: float = 1e-11
    sizeable: float = 1e-2
    curved: float = 1e-6
    dimension: float = 1e-3
    noise_share: float = 0.05


@dataclass(frozen=True)
class LinearThresholds(Thresholds):
    """Of linear mixings: LSCALE-I and UMNI-CRL.

    gaussian               p-value above which latents pass as Gaussian in every environment: a convention
    agreement              share of the size of score differences that two fits on halves of the data must share, in
                           every environment: a convention
    misfit                 level of the goodness of fit against free Gaussians: a convention
    order                  level at which every order with one found edge reversed must be ruled out, all of them
                           together: benchmarks/trust.py holds what comes of it
    leftover               standard error of what a latent may hold of all others, in standard deviations, up to which
                           latents count as separated: .2 costs .02 of a correlation
    detectable             strength of an edge that could be there and not be seen, up to which absent edges count as
                           absent: benchmarks/trust.py holds what comes of it
    detectable_share       the same where a strength is a share of the variance of a score: w² / (1 + w²) for w = .5
    flexible_samples       least samples of an environment for smooth mechanisms: a convention, which
                           benchmarks/trust.py holds
    heteroscedastic        share of the variance of a squared residual, explained by other latents, from which on the
                           size of a noise is said to vary: a convention
    heteroscedastic_level  level of the test that must reject before any such share counts: a convention
    """

    gaussian: float = 1e-3
    agreement: float = 0.2
    misfit: float = 1e-3
    order: float = 1e-3
    leftover: float = 0.2
    detectable: float = 0.5
    detectable_share: float = 0.2
    flexible_samples: int = 1000
    heteroscedastic: float = 0.003
    heteroscedastic_level: float = 1e-4


@dataclass(frozen=True)
class LscaleThresholds(LinearThresholds):
    """Of LSCALE-I. The last three are of the variant full-rank, and conventions.

    image          share of the largest eigenvalue of exact moments below which a direction is not in their image
    spreads        so many times the squared angles between two fits' images are what images may share by chance ...
    widest         ... but no squared sine above this one
    """

    image: float = 1e-9
    spreads: float = 4.0
    widest: float = 0.5


@dataclass(frozen=True)
class UmniThresholds(LinearThresholds):
    """Of UMNI-CRL.

    close  signatures within so many nats of the best are compared by their joint likelihoods: a convention
    clear  nats by which the best signature must lead the next, else the status is undecided: odds of twenty to one
           after the Bayesian information criterion, a convention
    """

    close: float = 30.0
    clear: float = 3.0


@dataclass(frozen=True)
class GscaleThresholds(Thresholds):
    """Of GSCALE-I.

    smallest    principal components of less variance than this share of the largest are rounding: a convention
    floor       those of less than this share are not blown up to unit variance: a convention
    even        share of the contrast of any one direction from which on one with an even log ratio is the start: a
                convention
    contrast    standard errors by which the two environments of every latent must be told apart: a convention
    clear       margin from which on other pairings are ruled out, of a linear mixing: a convention
    clear_bent  the same of any mixing: a convention
    moved       level of chance that is taken off the distances by which interventions move latents: a convention
    kept        p-value below which a pair of the first round of tests may be an edge in the second: a convention
    agreement   least rank correlation of each latent between two encoders that are said to have found the same; the
                tables of docs/general.md count those that fall below as undecided
    samples     least samples of an environment: a convention, which benchmarks/trust.py holds
    detectable_share  share of the variance of a score that could be there and not be seen, up to which absent edges
                count as absent: what a standardised weight of one half explains among five latents (.08 among three)
    excess      tests against the order that are so many times what chance gives show latents that are still mixed:
                benchmarks/leftovers.py shows it grow with the mixing, the number is a convention
    """

    smallest: float = 1e-9
    floor: float = 1e-3
    even: float = 0.5
    contrast: float = 6.0
    clear: float = 3.0
    clear_bent: float = 0.7
    moved: float = 0.01
    kept: float = 0.2
    agreement: float = 0.97
    samples: int = 500
    detectable_share: float = 0.05
    excess: float = 2.5


@dataclass(frozen=True)
class ContrastiveThresholds(Thresholds):
    """Of contrastive CRL.

    further    so many times as many components as latents are looked at beyond those needed: a convention
    gaussian   p-value above which latents behind a linear encoder pass as Gaussian, so that no network is needed ...
    judged     ... of so many samples an environment, so that the sampling error of a linear code, which more samples
               would show, does not count as curvature: conventions
    agreement  two restarts whose latents correlate less, after a linear map, have not found the same: a convention
    """

    further: int = 3
    gaussian: float = 1e-3
    judged: int = 2000
    agreement: float = 0.95


@dataclass(frozen=True)
class BaselineThresholds(Thresholds):
    """Of ICA and PCA.

    dependent  level of the test that components are independent, corrected for the number of pairs: a convention
    """

    dependent: float = 1e-3
