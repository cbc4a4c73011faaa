"""Score differences of Gaussian environments: precision matrices, with their known sampling variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import column_means, covariance
from crlspec.numerics.rows import Rows
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.folds import check_halves
from crlspec.scores.gaussian_facts import GaussianFacts

__all__ = ["GaussianScores"]

POINTS = 4000
"""Points, about, at which values are kept of samples that are many times as many, or do not fit."""

MANY = 4
"""Times so many."""


@dataclass(frozen=True)
class GaussianScores(ScoreDifference):
    """d^e(y) = Θ_e (y − μ_e) − Θ_0 (y − μ_0): right where every environment is Gaussian.

    The moments are corrected by the sampling variance of Θ̂. Two fits on halves of the data stand beside the fit on
    all of it as ``replicates``, and the means and covariances as ``gaussian``.

    Of many samples, and of data that do not fit into memory, the values are not those at every sample, but at some
    thousand points whose mean and covariance are exactly those of all samples. d^e is linear, so that nothing that is
    quadratic in it changes.
    """

    kind = "gaussian"
    by_moments = True

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Closed form; ``seed`` decides the halves."""
        check_halves(coordinates, 0.0)
        progress("scores", 0.0)
        many = isinstance(coordinates.x, Rows) or len(coordinates.observational) > MANY * POINTS
        few = _alike(coordinates.observational) if many else None
        points = coordinates.observational if few is None else few
        facts = GaussianFacts.of(coordinates.all)

        def replicates() -> np.ndarray:
            return _values(_halves(coordinates.all, np.random.default_rng([seed, 11])), points)

        values = _values([facts], points)[0]
        return ScoreEstimate(values, facts.moments, replicates, gaussian=facts, points=few)


def _alike(samples: np.ndarray) -> np.ndarray:
    """Every so-manieth sample, moved linearly so that mean and covariance are those of all samples."""
    some = samples[:: max(1, len(samples) // POINTS)]
    mean = column_means(samples)
    root = np.linalg.cholesky(covariance(samples) * ((len(samples) - 1) / len(samples)))
    own = np.linalg.cholesky(np.atleast_2d(np.cov(some.T, bias=True)))
    return np.asarray(mean + np.linalg.solve(own, (some - some.mean(0)).T).T @ root.T)


def _halves(samples: Sequence[np.ndarray], rng: np.random.Generator) -> list[GaussianFacts]:
    """The facts of every second sample of a random order, and of the others: what the first leave of all."""
    means, covariances, counts = [], [], []
    for y in samples:
        first, count = np.zeros(len(y), dtype=bool), len(y)
        first[rng.permutation(count)[::2]] = True
        half = np.asarray(y).T[:, first].T  # columns lie each in one piece of memory
        one, other = len(half), count - len(half)
        mean, mine = column_means(half), covariance(half)
        rest = (count * column_means(y) - one * mean) / other
        scatter = (count - 1) * covariance(y) - (one - 1) * mine
        scatter -= one * other / count * np.outer(mean - rest, mean - rest)
        means.append((mean, rest))
        covariances.append((mine, scatter / (other - 1)))
        counts.append((one, other))
    return [
        GaussianFacts(
            np.stack([both[k] for both in means]), np.stack([both[k] for both in covariances]),
            tuple(both[k] for both in counts),
        )
        for k in (0, 1)
    ]  # fmt: skip


def _values(facts: Sequence[GaussianFacts], points: np.ndarray) -> np.ndarray:
    """d^e (facts, interventional environment, sample, component) at the points, of all in one product."""
    slopes = np.stack([one.slopes for one in facts])
    shifts = np.stack([one.shifts - one.means[0] @ one.slopes for one in facts])
    found = points @ np.moveaxis(slopes, 2, 0).reshape(points.shape[1], -1)
    found += shifts.ravel()
    return np.moveaxis(found.reshape(len(points), *shifts.shape), 0, 2)
