"""Order and edges of latents behind a general mixing, from two hard interventions on each.

Two rounds. In the first every other latent may be a parent, in the second those alone that the first one found; in
between the latents take the small smooth change that the data ask for. No order is searched: the environments of i
say which others its mechanism depends on, and never name a descendant.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import chndtr, fdtrc, ncfdtr

from crlspec.inference.edges.classifier_model import ContrastModel, Rows, fit_contrasts
from crlspec.inference.edges.classifier_tests import ContrastScores, contrast_scores
from crlspec.inference.edges.known import FreeTests, edge_statements, known_checks, ruled_out
from crlspec.inference.edges.leave_one_out import order_of
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.power import Power, by_chi_square
from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.progress import Progress

__all__ = ["Calibrated", "calibrated", "detectable_shares", "edges_by_classifier"]

CONVENTIONS = GscaleThresholds()
STATISTICS, DIRECTIONS = 2, 2
"""Of a pair: each is one more chance to be found by chance."""


def edges_by_classifier(
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    seed: int,
    progress: Progress,
    thresholds: GscaleThresholds = CONVENTIONS,
    alpha: float = 0.01,
    knowledge: Knowledge | None = None,
    context: TrainingContext = HERE,
) -> tuple[Step, float]:
    """The step, and by how much tests against the order exceed chance, of tests that know nothing: see
    :func:`calibrated`.

    Strengths are shares of the variance of a score that j explains. The latents themselves are left as they are.

    samples    (sample, latent) of every environment, the observational first
    pairs      for each latent the two that intervene on it
    thresholds pairs of a lower p-value than ``kept`` in the first round may be edges in the second; an edge of
               ``detectable_share`` must be seen for an absent one to be claimed absent
    alpha      level of the tests, for their power
    knowledge  what is known of the graph: both rounds are made without it, and tell whether it is true; where it asks
               for another graph than the second one's, a third round is made
    context    where its networks are trained
    """
    began = time.perf_counter()
    n, generator = len(pairs), context.chance(torch.Generator().manual_seed(seed))
    rows, graph = _heap(samples, pairs, context.device), ~np.eye(n, dtype=bool)
    scores = _fitted(rows, graph, generator, progress)
    graph = graph & (calibrated(*scores.tests()).p_values < thresholds.kept)
    rows = Rows(rows.z + scores.shift(graph, rows.z), rows.kind)
    untold = tests = calibrated(*_fitted(rows, graph, generator, progress).tests())
    statements = []
    if knowledge is not None:
        statements = edge_statements(knowledge, untold.free(len(rows), thresholds), alpha)
        told = (graph & ~ruled_out(knowledge)) | knowledge.edges.T
        changed = bool((told != graph).any())
        again = (
            _fitted(rows, told, generator, progress).tests() if changed else (tests.statistics, tests.freedom)
        )
        tests = calibrated(*again, knowledge.before)
    step = _step(tests, len(rows), thresholds.detectable_share, alpha, knowledge, began)
    if knowledge is not None:
        step = replace(step, checks=known_checks(knowledge, statements, step, thresholds.known, alpha))
    return step, untold.excess


def _fitted(rows: Rows, graph: np.ndarray, generator: torch.Generator, progress: Progress) -> ContrastScores:
    """The scores of a round."""
    model = ContrastModel(graph, generator).to(rows.z.device)
    fit_contrasts(model, rows, generator, progress)
    return contrast_scores(model, rows)


def _step(
    tests: Calibrated, samples: int, bound: float, alpha: float, knowledge: Knowledge | None, began: float
) -> Step:
    """By position."""
    order = tests.order
    n, places = len(order), np.ix_(order, order)
    signal = np.tril(tests.statistics[1][places], -1) / samples
    strengths, p_values = signal / (1 + signal), tests.p_values[places]
    given, levels = None, np.full((n, n), alpha)
    if knowledge is not None:
        given = knowledge.given(order)
        levels = np.where(given.ordered, DIRECTIONS * alpha, alpha)
        strengths, p_values = np.where(given.absent, 0.0, strengths), np.where(given.absent, 1.0, p_values)
    detectable = detectable_shares(tests.freedom[1][places], tests.excess, samples, levels)
    if given is not None:
        detectable = np.where(given.absent, 0.0, detectable)
    note = "one classifier of all environments; causes tested free of smooth changes of the latents, two rounds; "
    note += f"statistics against the order {tests.excess:.1f} times those of chance"
    return Step(
        "edges", order, np.eye(n)[list(order)], strengths, p_values, time.perf_counter() - began, note,
        power=Power(detectable, bound), given=given,
    )  # fmt: skip


def detectable_shares(
    freedom: np.ndarray, excess: float, samples: int, alpha: float | np.ndarray
) -> np.ndarray:
    """(position, position): the share from which on the wide statistic alone is seen with power .8, ``[i, j]`` for
    j → i; NaN elsewhere. The narrow one can only add to that.

    The p-values of :func:`calibrated` are four times those of an F test. The statistic is χ² in units of the excess,
    noncentral by the number of samples times the signal, to first order.

    freedom  (position, position) degrees of freedom of the wide statistic; their sum above the diagonal is that of
             the excess
    alpha    level of all tests, or (position, position) of each
    """
    n = len(freedom)
    total, found = float(freedom[np.triu_indices(n, 1)].sum()), np.full((n, n), np.nan)
    levels = np.broadcast_to(alpha, (n, n)) / (STATISTICS * DIRECTIONS)
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        signal = excess * by_chi_square(freedom[i, j], levels[i, j], total) / samples
        found[i, j] = signal / (1 + signal)
    return found


@dataclass(frozen=True)
class Calibrated:
    """Tests of all edges, taken in units of the excess of what an order rules out.

    order       roots first
    p_values    (latent, latent), ``[i, j]`` for j → i, doubled for the two statistics, and for the two directions
                where the order of the two is not known
    single      likewise, of each direction by itself
    excess      how many times what chance gives the statistics against the order are
    statistics  (2, latent, latent), of a narrow and of a wide effect
    freedom     likewise their degrees of freedom
    """

    order: tuple[int, ...]
    p_values: np.ndarray
    single: np.ndarray
    excess: float
    statistics: np.ndarray
    freedom: np.ndarray

    @property
    def against(self) -> np.ndarray:
        """(latent, latent) bool: what the order rules out."""
        place = np.argsort(self.order)
        return np.asarray(place[:, None] < place[None])

    def free(self, samples: int, thresholds: GscaleThresholds) -> FreeTests:
        """Each direction by itself, of tests that know nothing."""
        wide, freedom = self.statistics[1], np.where(np.eye(len(self.order), dtype=bool), 1, self.freedom[1])
        total = float(self.freedom[1, self.against].sum())
        signal = wide / samples

        def shift(share: float) -> float:
            """The noncentrality of an edge of so large a share of the variance of a score."""
            return samples * share / (1 - share) / self.excess

        larger = 1 - chndtr(wide / self.excess, freedom, shift(thresholds.granted_share))
        return FreeTests(
            np.where(self.against, 1.0, self.single),
            np.where(self.against, 1.0, np.maximum(self.single, larger)),
            np.where(self.against, 0.0, signal / (1 + signal)),
            ncfdtr(freedom, total, shift(thresholds.negligible_share), wide / freedom / self.excess),
            thresholds.negligible_share,
        )


def calibrated(statistics: np.ndarray, freedom: np.ndarray, before: np.ndarray | None = None) -> Calibrated:
    """Order, p-values, and the excess of what the order rules out.

    What goes against the order is no edge, so its statistics show how much more than chance is at work: latents
    that are off by more than the tests know, or networks that have not learned all. Where that is above one, all are
    taken in its units (as in the genomic control of Devlin & Roeder, Biometrics 1999), and compared with an F
    distribution, since it is estimated.

    statistics, freedom  (2, latent, latent), of a narrow and of a wide effect, the order being read off the wide one
    before               (latent, latent) bool: i is known to come before j; None where nothing is
    """
    n = statistics.shape[-1]
    none = np.eye(n, dtype=bool)
    if n == 1:
        return Calibrated((0,), np.ones((1, 1)), np.ones((1, 1)), 1.0, statistics, freedom)
    means = statistics / np.where(none, 1, freedom)
    order = order_of(means[1].T, before)
    place = np.argsort(order)
    against = place[:, None] < place[None]
    total = float(freedom[1, against].sum())
    excess = max(1.0, float(statistics[1, against].sum() / total))
    single = STATISTICS * fdtrc(np.where(none, 1, freedom), total, means / excess).min(0)
    either = single * np.where(none if before is None else before | before.T, 1, DIRECTIONS)
    one, both = (np.where(none, 1.0, np.minimum(1.0, values)) for values in (single, either))
    return Calibrated(order, both, one, excess, statistics, freedom)


def _heap(samples: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], device: str) -> Rows:
    """All samples, in observational standard deviations."""
    centre, unit = samples[0].mean(0), samples[0].std(0)
    kind = np.zeros(len(samples), dtype=np.int64)
    for k, environments in enumerate(zip(*pairs, strict=True)):
        kind[list(environments)] = 1 + k * len(pairs) + np.arange(len(pairs))
    z = torch.as_tensor((np.concatenate(samples) - centre) / unit, dtype=torch.float32)
    kinds = torch.as_tensor(np.repeat(kind, [len(y) for y in samples]))
    return Rows(z.to(device), kinds.to(device))
