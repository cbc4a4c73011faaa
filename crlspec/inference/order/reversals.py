"""The transitive closure of a graph from its causal orders: j is an ancestor of i where no order may put i first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["Order", "closure_by_reversals", "moved"]

Order = tuple[int, ...]


def moved(order: Order, source: int, target: int) -> Order:
    """The order with the entry at ``source`` moved to position ``target``."""
    rest = (*order[:source], *order[source + 1 :])
    return (*rest[:target], order[source], *rest[target:])


def closure_by_reversals(
    best: Order, ask: Callable[[Sequence[tuple[Order, int]]], Sequence[tuple[float, float]]], alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """(size, p-value) of "j is no ancestor of i", each (position, position), ``[i, j]`` with j before i.

    best  a right order
    ask   for each (order, place) the size of what speaks against the order, which has i at ``place`` and j next, and
          its p-value

    Pairs near to each other in the order first: what lies between j and i is then known to be no descendant of j,
    and goes before both, or to be no ancestor of i, and goes behind both. An ancestor of an ancestor needs no test.
    """
    n = len(best)
    sizes, p_values = np.zeros((n, n)), np.ones((n, n))
    for distance in range(1, n):
        asked: dict[tuple[int, int], tuple[Order, int]] = {}
        for j in range(n - distance):
            i = j + distance
            between = range(j + 1, i)
            through = [k for k in between if max(p_values[k, j], p_values[i, k]) < alpha]
            if through:
                p_values[i, j] = min(max(p_values[k, j], p_values[i, k]) for k in through)
                sizes[i, j] = max(min(sizes[k, j], sizes[i, k]) for k in through)
                continue
            before = [best[k] for k in between if p_values[k, j] >= alpha]
            behind = [best[k] for k in between if p_values[k, j] < alpha]
            order = (*best[:j], *before, best[i], best[j], *behind, *best[i + 1 :])
            asked[i, j] = (order, j + len(before))
        for pair, (size, p_value) in zip(asked, ask(list(asked.values())), strict=True):
            sizes[pair], p_values[pair] = size, p_value
    return sizes, p_values
