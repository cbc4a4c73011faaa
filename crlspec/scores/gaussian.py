"""Score differences of Gaussian environments: precision matrices, with their known sampling variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import column_means
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

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Closed form; ``seed`` decides the halves."""
        check_halves(coordinates, 0.0)
        progress("scores", 0.0)
        rng = np.random.default_rng([seed, 11])
        many = isinstance(coordinates.x, Rows) or len(coordinates.observational) > MANY * POINTS
        few = _alike(coordinates.observational) if many else None
        points = coordinates.observational if few is None else few
        split = [[GaussianFacts.of([half]) for half in _halved(y, rng)] for y in coordinates.all]
        facts = GaussianFacts.of(coordinates.all)
        parts = [facts, *(_together([both[k] for both in split]) for k in (0, 1))]
        found = _values(parts, points)
        gaps = found[1] - found[2]
        noise = np.einsum("esi,esi->e", gaps, gaps) / (4 * len(points))
        return ScoreEstimate(found[0], facts.moments, found[1:], noise, gaussian=facts, points=few)


def _together(parts: list[GaussianFacts]) -> GaussianFacts:
    """The facts of several environments, each of which came alone."""
    return GaussianFacts(
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.covariances for part in parts]),
        tuple(count for part in parts for count in part.counts),
    )


def _alike(samples: np.ndarray) -> np.ndarray:
    """Every so-manieth sample, moved linearly so that mean and covariance are those of all samples."""
    some = samples[:: max(1, len(samples) // POINTS)]
    mean, root = column_means(samples), np.linalg.cholesky(np.atleast_2d(np.cov(samples.T, bias=True)))
    own = np.linalg.cholesky(np.atleast_2d(np.cov(some.T, bias=True)))
    return np.asarray(mean + np.linalg.solve(own, (some - some.mean(0)).T).T @ root.T)


def _halved(samples: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Every second sample of a random order, and the others, each in the order in which they came."""
    first = np.zeros(len(samples), dtype=bool)
    first[rng.permutation(len(samples))[::2]] = True
    columns = samples.T  # each in one piece of memory, where they are given so
    return columns[:, first].T, columns[:, ~first].T


def _values(facts: Sequence[GaussianFacts], points: np.ndarray) -> np.ndarray:
    """d^e (facts, interventional environment, sample, component) at the points, of all in one product."""
    slopes = np.stack([one.slopes for one in facts])
    shifts = np.stack([one.shifts - one.means[0] @ one.slopes for one in facts])
    found = points @ np.moveaxis(slopes, 2, 0).reshape(points.shape[1], -1)
    found += shifts.ravel()
    return np.moveaxis(found.reshape(len(points), *shifts.shape), 0, 2)
