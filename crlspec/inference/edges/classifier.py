"""Order and edges of latents behind a general mixing, from two hard interventions on each.

Two rounds. In the first every other latent may be a parent, in the second those alone that the first one found; in
between the latents take the small smooth change that the data ask for. No order is searched: the environments of i
say which others its mechanism depends on, and never name a descendant.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import fdtrc

from crlspec.inference.edges.classifier_model import ContrastModel, Rows, fit_contrasts
from crlspec.inference.edges.classifier_tests import contrast_scores
from crlspec.inference.edges.leave_one_out import order_of
from crlspec.inference.power import Power, by_chi_square
from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.progress import Progress

__all__ = ["calibrated", "detectable_shares", "edges_by_classifier"]


def edges_by_classifier(
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    seed: int,
    progress: Progress,
    kept: float = GscaleThresholds.kept,
    alpha: float = 0.01,
    bound: float = GscaleThresholds.detectable_share,
) -> tuple[Step, float]:
    """The step, and by how much tests against the order exceed chance: see :func:`calibrated`.

    Strengths are shares of the variance of a score that j explains. The latents themselves are left as they are.

    samples  (sample, latent) of every environment, the observational first
    pairs    for each latent the two that intervene on it
    kept     pairs of a lower p-value in the first round may be edges in the second
    alpha    level of the tests, for their power
    bound    strength that must be seen for an absent edge to be claimed absent
    """
    began = time.perf_counter()
    n, generator = len(pairs), torch.Generator().manual_seed(seed)
    rows, graph = _heap(samples, pairs), ~np.eye(n, dtype=bool)
    for last in (False, True):
        model = ContrastModel(graph, generator)
        fit_contrasts(model, rows, generator, progress)
        scores = contrast_scores(model, rows)
        statistics, freedom = scores.tests()
        order, p_values, excess = calibrated(statistics, freedom)
        if not last:
            graph = graph & (p_values < kept)
            rows = Rows(rows.z + scores.shift(graph, rows.z), rows.kind)
    places = np.ix_(order, order)
    signal = np.tril(statistics[1][places], -1) / len(rows)
    note = "one classifier of all environments; causes tested free of smooth changes of the latents, two rounds; "
    note += f"statistics against the order {excess:.1f} times those of chance"
    seconds = time.perf_counter() - began
    step = Step(
        "edges", order, np.eye(n)[list(order)], signal / (1 + signal), p_values[places], seconds, note,
        power=Power(detectable_shares(freedom[1][places], excess, len(rows), alpha), bound),
    )  # fmt: skip
    return step, excess


def detectable_shares(freedom: np.ndarray, excess: float, samples: int, alpha: float) -> np.ndarray:
    """(position, position): the share from which on the wide statistic alone is seen with power .8, ``[i, j]`` for
    j → i; NaN elsewhere. The narrow one can only add to that.

    The p-values of :func:`calibrated` are four times those of an F test. The statistic is χ² in units of the excess,
    noncentral by the number of samples times the signal, to first order.

    freedom  (position, position) degrees of freedom of the wide statistic; their sum above the diagonal is that of
             the excess
    """
    n = len(freedom)
    total, found = float(freedom[np.triu_indices(n, 1)].sum()), np.full((n, n), np.nan)
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        signal = excess * by_chi_square(freedom[i, j], alpha / 4, total) / samples
        found[i, j] = signal / (1 + signal)
    return found


def calibrated(statistics: np.ndarray, freedom: np.ndarray) -> tuple[tuple[int, ...], np.ndarray, float]:
    """Order, p-values (latent, latent), ``[i, j]`` for j → i, and the excess of what the order rules out.

    What goes against the order is no edge, so its statistics show how much more than chance is at work: latents
    that are off by more than the tests know, or networks that have not learned all. Where that is above one, all are
    taken in its units (as in the genomic control of Devlin & Roeder, Biometrics 1999), and compared with an F
    distribution, since it is estimated. p-values are doubled for the two statistics, and for the two directions.

    statistics, freedom  (2, latent, latent), of a narrow and of a wide effect, the order being read off the wide one
    """
    n = statistics.shape[-1]
    none = np.eye(n, dtype=bool)
    if n == 1:
        return (0,), np.ones((1, 1)), 1.0
    means = statistics / np.where(none, 1, freedom)
    order = order_of(means[1].T)
    place = np.argsort(order)
    against = place[:, None] < place[None]
    total = float(freedom[1, against].sum())
    excess = max(1.0, float(statistics[1, against].sum() / total))
    p_values = fdtrc(np.where(none, 1, freedom), total, means / excess).min(0)
    return order, np.where(none, 1.0, np.minimum(1.0, 4 * p_values)), excess


def _heap(samples: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> Rows:
    """All samples, in observational standard deviations."""
    centre, unit = samples[0].mean(0), samples[0].std(0)
    kind = np.zeros(len(samples), dtype=np.int64)
    for k, environments in enumerate(zip(*pairs, strict=True)):
        kind[list(environments)] = 1 + k * len(pairs) + np.arange(len(pairs))
    z = torch.as_tensor((np.concatenate(samples) - centre) / unit, dtype=torch.float32)
    return Rows(z, torch.as_tensor(np.repeat(kind, [len(y) for y in samples])))
