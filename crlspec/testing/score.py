"""The contract of score differences."""

import abc
from typing import ClassVar

import numpy as np

from crlspec.progress import silent
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.testing.toy import LinearGaussianToy

__all__ = ["ScoreContract"]


class ScoreContract(abc.ABC):
    """The laws of score differences, exact and estimated alike, on :class:`LinearGaussianToy`."""

    tolerance: ClassVar[float] = 0.05
    """Mean squared error allowed, over the mean square of the truth."""

    @abc.abstractmethod
    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        """The estimator; exact scores take ``toy.difference`` as oracle."""

    def estimated(self, environments: tuple[str, ...], seed: int = 0) -> tuple[Coordinates, ScoreEstimate]:
        """Score differences of the toy, with its environments in some order."""
        toy = LinearGaussianToy()
        coordinates = Coordinates.fit(toy.problem.samples, "obs", environments, 3)
        return coordinates, self.scores(toy).estimate(coordinates, seed, silent)

    def truth(self, coordinates: Coordinates) -> np.ndarray:
        """(environment, sample, component)"""
        toy = LinearGaussianToy()
        found = [toy.difference(name, np.asarray(coordinates.x)) for name in coordinates.environments]
        return np.stack(found) @ coordinates.space.coloring

    def test_shapes_are_those_of_every_other(self) -> None:
        coordinates, found = self.estimated(LinearGaussianToy.environments)
        assert found.values.shape == (3, len(coordinates.observational), 3)
        assert found.moments.shape == (3, 3, 3)
        assert found.noise.shape == (3,)
        assert (found.replicates is None) == found.exact
        assert found.replicates is None or found.replicates.shape == (2, *found.values.shape)
        assert all(np.isfinite(array).all() for array in (found.values, found.moments, found.noise))
        np.testing.assert_allclose(found.moments, np.swapaxes(found.moments, 1, 2), rtol=1e-9, atol=1e-12)

    def test_values_and_moments_are_near_the_truth_whatever_the_order_of_environments(self) -> None:
        for environments in (LinearGaussianToy.environments, LinearGaussianToy.environments[::-1]):
            coordinates, found = self.estimated(environments)
            truth = self.truth(coordinates)
            error = ((found.values - truth) ** 2).sum(-1).mean(-1)
            assert np.all(error <= self.tolerance * (truth**2).sum(-1).mean(-1))
            moments = np.einsum("esi,esj->eij", truth, truth) / truth.shape[1]
            size = np.linalg.norm(moments, axis=(1, 2))
            assert np.all(
                np.linalg.norm(found.moments - moments, axis=(1, 2)) <= 2 * self.tolerance**0.5 * size
            )

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        first, second = (self.estimated(LinearGaussianToy.environments, seed=4)[1] for _ in range(2))
        np.testing.assert_array_equal(first.values, second.values)
        np.testing.assert_array_equal(first.moments, second.moments)
