"""Which two environments share a target, where nobody says.

Under a linear mixing the log ratio of a true pair has one direction alone. Under any mixing the log ratios of the two
to the observational environment are functions of the same latents, those of environments of other latents of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import networkx as nx
import numpy as np

from crlspec.inference.encoders.log_ratios import leading_direction, one_direction, quadratic_ratio
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.progress import Progress

__all__ = ["Pairing", "cheapest", "find_pairs", "pairing_of"]

FLOOR = 1e-4
"""Shares nearer to one than this are stacked apart by noise alone."""
ROWS, BINS, TAIL = 30_000, 50, 0.005
"""Of the correlation ratio: samples and bins at most, and the share of either tail that is drawn in."""


@dataclass(frozen=True)
class Pairing:
    """What the environments say of it.

    pairs   indices of environments, the lower first
    costs   (environment, environment): log of the share of the contrast that no single direction explains, and, where
            log ratios were given, of the share of their variance that neither explains of the other
    margin  how much more the best pairing without one of the pairs found costs, in all
    clear   the margin from which on other pairings are ruled out
    """

    pairs: tuple[tuple[int, int], ...]
    costs: np.ndarray
    margin: float
    clear: float = GscaleThresholds.clear


def find_pairs(
    samples: Sequence[np.ndarray],
    progress: Progress,
    ratios: np.ndarray | None = None,
    clear: float = GscaleThresholds.clear,
) -> Pairing:
    """The perfect matching of lowest cost among an even number of environments, each (sample, component).

    ratios  (sample, environment) log ratios to the observational environment, of a mixing that is not linear
    clear   margin from which on other pairings are ruled out
    """
    count = len(samples)
    costs = np.full((count, count), np.inf)
    tried = list(combinations(range(count), 2))
    for done, (i, j) in enumerate(tried):
        progress("pairs", done, len(tried))
        costs[i, j] = costs[j, i] = _cost(samples[i], samples[j])
    if ratios is not None:
        costs = costs + _unexplained(ratios)
    return pairing_of(costs, clear)


def pairing_of(costs: np.ndarray, clear: float) -> Pairing:
    """The perfect matching of lowest cost; infinite costs (environment, environment) are those of no pair."""
    best, total = cheapest(costs)
    others = []
    for pair in best if len(costs) > 2 else ():
        without = costs.copy()
        without[pair] = without[pair[::-1]] = np.inf
        others.append(cheapest(without)[1])
    margin = float(min(others) - total) if others else float("inf")
    return Pairing(best, costs, margin, clear)


def cheapest(costs: np.ndarray) -> tuple[tuple[tuple[int, int], ...], float]:
    """The matching of lowest cost, and its cost; infinite where some are left alone."""
    found = _matching(costs)
    whole = 2 * len(found) == len(costs)
    return found, float(sum(costs[pair] for pair in found)) if whole else float("inf")


def _cost(first: np.ndarray, second: np.ndarray) -> float:
    whole = quadratic_ratio(first, second)
    start = leading_direction(whole, np.concatenate([first, second]))
    share = one_direction(first, second, start).share(whole)
    return float(np.log(1.0 - share + FLOOR))


def _unexplained(ratios: np.ndarray) -> np.ndarray:
    """Log of the share of a column's variance that another leaves (environment, environment): correlation ratios, the
    smaller of the two ways."""
    kept = ratios[:: max(1, len(ratios) // ROWS)]
    kept = np.clip(kept, *np.quantile(kept, [TAIL, 1 - TAIL], axis=0))
    kept = (kept - kept.mean(0)) / kept.std(0)
    left = np.empty((kept.shape[1],) * 2)
    for j, column in enumerate(kept.T):
        place = column.argsort().argsort() * min(BINS, len(kept) // 4) // len(kept)
        counts = np.bincount(place)
        means = np.stack([np.bincount(place, one) / counts for one in kept.T], 1)
        left[:, j] = 1 - (counts[:, None] * means**2).sum(0) / len(kept)
    return np.log(np.minimum(left, left.T) + FLOOR)


def _matching(costs: np.ndarray) -> tuple[tuple[int, int], ...]:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(costs)))
    for i, j in combinations(range(len(costs)), 2):
        if np.isfinite(costs[i, j]):
            graph.add_edge(i, j, weight=-costs[i, j])
    found = nx.max_weight_matching(graph, maxcardinality=True)
    return tuple(sorted((min(pair), max(pair)) for pair in found))
