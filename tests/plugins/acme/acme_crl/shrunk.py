"""The scores ``shrunk``."""

from dataclasses import dataclass

import numpy as np

from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate


@dataclass(frozen=True)
class Shrunk(ScoreDifference):
    """d^e(y) = Θ_e (y − μ_e) − Θ_0 (y − μ_0), Θ the inverse of (1 − share) Σ + share · tr(Σ)/n · I."""

    share: float = 0.001
    kind = "shrunk"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Two fits, on halves of every environment; ``seed`` decides the halves."""
        progress("scores", 0.0)
        rng = np.random.default_rng([seed, 29])
        permuted = [rng.permutation(y) for y in coordinates.all]
        fits = [
            np.stack([self._score(y[half::2], coordinates.observational) for y in permuted])
            for half in (0, 1)
        ]
        return ScoreEstimate.from_replicates(np.stack([fit[1:] - fit[0] for fit in fits]))

    def _score(self, samples: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Θ (y − μ) at the points (sample, component)."""
        covariance = np.cov(samples.T).reshape(points.shape[1], -1)
        level = np.trace(covariance) / len(covariance)
        shrunk = (1 - self.share) * covariance + self.share * level * np.eye(len(covariance))
        return (points - samples.mean(0)) @ np.linalg.inv(shrunk)
