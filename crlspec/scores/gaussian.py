"""Score differences of Gaussian environments: precision matrices, with their known sampling variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate

__all__ = ["GaussianScores"]


@dataclass(frozen=True)
class GaussianScores(ScoreDifference):
    """d^e(y) = Θ_e (y − μ_e) − Θ_0 (y − μ_0): right where every environment is Gaussian.

    The moments are corrected by the sampling variance of Θ̂ (Wishart): Cov(Θ̂ v) = (vᵀΘv Θ + Θv vᵀΘ) / N.
    Two fits on halves of the data stand beside the fit on all of it as ``replicates``.
    """

    kind = "gaussian"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Closed form; ``seed`` decides the halves."""
        progress("scores", 0.0)
        rng = np.random.default_rng([seed, 11])
        points = coordinates.observational
        permuted = [rng.permutation(samples) for samples in coordinates.all]
        halves = np.stack([_differences([y[k::2] for y in permuted], points)[0] for k in (0, 1)])
        values, moments = _differences(coordinates.all, points)
        noise = ((halves[0] - halves[1]) ** 2).sum(-1).mean(-1) / 4
        return ScoreEstimate(values, moments, halves, noise)


def _differences(samples: list[np.ndarray], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (environment, sample, component) at the points, and debiased second moments."""
    means = [y.mean(0) for y in samples]
    precisions = [np.linalg.inv(np.cov(y.T).reshape(y.shape[1], -1)) for y in samples]
    second = np.cov(points.T).reshape(points.shape[1], -1)
    values, moments = [], []
    for mean, precision, y in zip(means[1:], precisions[1:], samples[1:], strict=True):
        value = (points - mean) @ precision - (points - means[0]) @ precisions[0]
        moment = value.T @ value / len(value)
        for theta, count in ((precision, len(y)), (precisions[0], len(samples[0]))):
            spread = theta @ second @ theta
            moment = moment - (theta * np.trace(theta @ second) + spread + theta) / count
        values.append(value)
        moments.append((moment + moment.T) / 2)
    return np.stack(values), np.stack(moments)
