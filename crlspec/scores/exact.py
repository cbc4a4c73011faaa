"""Exact score differences, from a known model: separates the error of scores from that of an algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate

__all__ = ["ExactScores"]


@dataclass(frozen=True)
class ExactScores(ScoreDifference):
    """``oracle(environment, x)`` gives d_X = s_obs − s_env (sample, observed) at x (sample, observed)."""

    oracle: Callable[[str, np.ndarray], np.ndarray]
    kind = "exact"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Ask the oracle; d_Y = Aᵀ d_X for x = A y + c."""
        values = []
        for done, name in enumerate(coordinates.environments):
            progress("scores", done, len(coordinates.environments))
            values.append(self.oracle(name, np.asarray(coordinates.x)) @ coordinates.space.coloring)
        stacked = np.stack(values)
        moments = np.einsum("esi,esj->eij", stacked, stacked) / stacked.shape[1]
        return ScoreEstimate(stacked, moments, exact=True)
