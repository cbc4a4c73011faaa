"""Which two environments share a target, where nobody says: the log ratio of a true pair has one direction alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import networkx as nx
import numpy as np

from crlspec.inference.log_ratios import leading_direction, one_direction, quadratic_ratio
from crlspec.progress import Progress

__all__ = ["Pairing", "find_pairs"]

FLOOR = 1e-4
"""Shares nearer to one than this are told apart by noise alone."""


@dataclass(frozen=True)
class Pairing:
    """pairs: indices of environments, the lower first; costs (environment, environment): log of the share of the
    contrast that no single direction explains, inf on the diagonal; margin: how much more the best pairing without
    one of the pairs found costs, in all: small where another pairing explains the data nearly as well."""

    pairs: tuple[tuple[int, int], ...]
    costs: np.ndarray
    margin: float


def find_pairs(samples: Sequence[np.ndarray], progress: Progress) -> Pairing:
    """The perfect matching of lowest cost among an even number of environments, each (sample, component)."""
    count = len(samples)
    costs = np.full((count, count), np.inf)
    tried = list(combinations(range(count), 2))
    for done, (i, j) in enumerate(tried):
        progress("pairs", done, len(tried))
        costs[i, j] = costs[j, i] = _cost(samples[i], samples[j])
    best = _matching(costs)
    total = sum(costs[pair] for pair in best)
    others = []
    for pair in best if count > 2 else ():
        without = costs.copy()
        without[pair] = without[pair[::-1]] = np.inf
        others.append(sum(without[other] for other in _matching(without)))
    return Pairing(best, costs, float(min(others) - total) if others else float("inf"))


def _cost(first: np.ndarray, second: np.ndarray) -> float:
    whole = quadratic_ratio(first, second)
    start = leading_direction(whole, np.concatenate([first, second]))
    share = one_direction(first, second, start).share(whole)
    return float(np.log(1.0 - share + FLOOR))


def _matching(costs: np.ndarray) -> tuple[tuple[int, int], ...]:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(costs)))
    for i, j in combinations(range(len(costs)), 2):
        if np.isfinite(costs[i, j]):
            graph.add_edge(i, j, weight=-costs[i, j])
    found = nx.max_weight_matching(graph, maxcardinality=True)
    return tuple(sorted((min(pair), max(pair)) for pair in found))
