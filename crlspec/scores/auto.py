"""Scores chosen by the data: Gaussian ones where no environment contradicts them, classifiers otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores

__all__ = ["AutoScores"]


@dataclass(frozen=True)
class AutoScores(ScoreDifference):
    """Skewness and kurtosis of every whitened component in every environment.

    gaussian  p-value above which no environment contradicts Gaussian latents
    """

    gaussian: float
    device: str = "cpu"
    kind = "auto"
    by_moments = True

    def choose(self, coordinates: Coordinates) -> ScoreDifference:
        """The estimator that the data call for."""
        gaussian = coordinates.gaussianity > self.gaussian
        return GaussianScores() if gaussian else RatioScores(device=self.device)

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """The chosen estimator's answer."""
        return self.choose(coordinates).estimate(coordinates, seed, progress)
