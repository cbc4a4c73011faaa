"""Rates and their intervals, and the effect from which a rate is reached."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

__all__ = ["seeds_needed", "smallest_found", "wilson"]


def wilson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a rate (Wilson, Journal of the American Statistical Association 1927); (0, 1) without trials.

    Raises ValueError unless 0 ≤ hits ≤ trials and 0 < level < 1.
    """
    if not 0 <= hits <= trials or not 0 < level < 1:
        raise ValueError(f"hits must be from 0 to trials and level in (0, 1), got {hits}, {trials}, {level}")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate, weight = hits / trials, z * z / trials
    centre = (rate + weight / 2) / (1 + weight)
    half = z * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials)) / (1 + weight)
    return max(0.0, centre - half), min(1.0, centre + half)


def seeds_needed(rate: float) -> int:
    """The fewest trials of which the interval can lie above a rate: where all of them succeed."""
    return next(trials for trials in range(1, 10**6) if wilson(trials, trials)[0] >= rate)


def smallest_found(strengths: np.ndarray, found: np.ndarray, power: float = 0.8) -> float:
    """The strength from which an edge is found with a power, read off by isotonic regression.

    strengths  (edge,) of edges over many simulated models
    found      (edge,) whether each was found

    The rate of finding is fitted as a function that never falls with strength (pool adjacent violators); the
    answer is the smallest strength from which the fit reaches the power. NaN where it nowhere does.
    """
    order = np.argsort(strengths, kind="stable")
    values, hits = np.asarray(strengths, dtype=float)[order], np.asarray(found, dtype=float)[order]
    blocks: list[list[float]] = []  # [sum of hits, edges, index of the first edge]
    for index, hit in enumerate(hits):
        blocks.append([hit, 1.0, float(index)])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            total, count, _ = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    for total, count, first in blocks:
        if total / count >= power:
            return float(values[int(first)])
    return float("nan")
