"""Score differences d^e = s_obs − s_env behind one interface, whatever they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data import Problem
from crlspec.numerics.autocorrelation import third_moment_size
from crlspec.numerics.linalg import ColumnSpace
from crlspec.numerics.pooled import column_space
from crlspec.numerics.rows import Rows
from crlspec.numerics.statistics import gaussianity_p_value
from crlspec.progress import Progress
from crlspec.scores.noise_units import noise_units

if TYPE_CHECKING:
    from crlspec.scores.gaussian import GaussianFacts

__all__ = ["Coordinates", "ScoreDifference", "ScoreEstimate"]


@dataclass(frozen=True)
class Coordinates:
    """Observations of all environments in the white coordinates of their column space.

    environments   names of the interventional environments, in order
    observational  (sample, component)
    interventional environment → (sample, component)
    space          the way back to x
    x              the observational observations (sample, observed), in their own units; rows that are read as they
                   are needed, where the data do not fit
    reference      name of the observational environment
    dependent      environments whose rows depend on each other, in the order of the file
    """

    environments: tuple[str, ...]
    observational: np.ndarray
    interventional: Mapping[str, np.ndarray]
    space: ColumnSpace
    x: np.ndarray | Rows
    reference: str
    dependent: frozenset[str] = frozenset()

    @classmethod
    def fit(
        cls, samples: Mapping[str, np.ndarray], observational: str, environments: tuple[str, ...], n: int
    ) -> Coordinates:
        """The n leading principal components of the pooled samples (environment → (sample, observed))."""
        space = ColumnSpace.fit([samples[name] for name in (observational, *environments)], n)
        return cls._in(space, samples, observational, environments)

    @classmethod
    def of(cls, problem: Problem, environments: tuple[str, ...]) -> Coordinates:
        """The column space of a problem with as many dimensions as latents; in units of equal noise where x is noisy.

        Raises DataError where the noise of each variable cannot be told (``noise_units``).
        """
        samples = [problem.samples[name] for name in (problem.observational, *environments)]
        space = ColumnSpace.fit(samples, len(problem.latents), units=noise_units(problem))
        found = cls._in(space, problem.samples, problem.observational, environments)
        return replace(found, dependent=problem.dependent)

    @classmethod
    def of_normal(cls, problem: Problem, environments: tuple[str, ...], level: float) -> Coordinates:
        """The same space from the moments of the observations, several times faster, where these tell it and no
        environment contradicts normal latents at this level: nothing but moments is then asked of the coordinates.
        Elsewhere as ``of``."""
        samples = [problem.samples[name] for name in (problem.observational, *environments)]
        space = None if level >= 1 else column_space(samples, len(problem.latents), noise_units(problem))
        if space is None:
            return cls.of(problem, environments)
        found = cls._in(space, problem.samples, problem.observational, environments)
        found = replace(found, dependent=problem.dependent)
        return found if found.gaussianity > level else cls.of(problem, environments)

    @classmethod
    def _in(
        cls,
        space: ColumnSpace,
        samples: Mapping[str, np.ndarray],
        observational: str,
        environments: tuple[str, ...],
    ) -> Coordinates:
        return cls(
            environments,
            space(samples[observational]),
            {name: space(samples[name]) for name in environments},
            space,
            samples[observational],
            observational,
        )

    @classmethod
    def within(cls, space: ColumnSpace, problem: Problem) -> Coordinates:
        """The coordinates of a problem in a space that is given."""
        found = cls._in(space, problem.samples, problem.observational, problem.environments)
        return replace(found, dependent=problem.dependent)

    @property
    def all(self) -> list[np.ndarray]:
        """The samples of all environments, the observational first."""
        return [self.observational, *(self.interventional[name] for name in self.environments)]

    @cached_property
    def gaussianity(self) -> float:
        """p-value of "every environment is jointly normal"; rows that depend on each other count as fewer."""
        names = (self.reference, *self.environments)
        given = list(zip(names, self.all, strict=True))
        sizes = [third_moment_size(y) if name in self.dependent else len(y) for name, y in given]
        return gaussianity_p_value(self.all, sizes)


@dataclass(frozen=True)
class ScoreEstimate:
    """Estimated score differences at the observational samples, and what is known of their error.

    values      (environment, sample, component): d^e in white coordinates
    moments     (environment, component, component): E_obs[d dᵀ], free of the estimator's own noise: products
                of two fits that share no sample, or corrected by the known sampling variance
    fits        gives the ``replicates``; None where there are none
    exact       whether the values carry no estimation error
    gaussian    means and covariances that the values come from, where they do: the sampling error of anything made
                of them is then known
    points      (sample, component) where the values are; None: at the observational samples, in their order
    """

    values: np.ndarray
    moments: np.ndarray
    fits: Callable[[], np.ndarray] | None = None
    exact: bool = False
    gaussian: GaussianFacts | None = None
    points: np.ndarray | None = None

    @classmethod
    def from_replicates(cls, replicates: np.ndarray) -> ScoreEstimate:
        """Two independent fits (2, environment, sample, component): the cross product has no noise floor."""
        first, second = replicates
        cross = np.einsum("esi,esj->eij", first, second) / first.shape[1]
        return cls(
            values=(first + second) / 2,
            moments=(cross + np.swapaxes(cross, 1, 2)) / 2,
            fits=lambda: replicates,
        )

    @cached_property
    def replicates(self) -> np.ndarray | None:
        """(replicate, environment, sample, component): fits that share no sample, made once they are asked for; None
        where exact."""
        return None if self.fits is None else self.fits()

    @property
    def noise(self) -> np.ndarray:
        """(environment,) mean squared error of ``values`` as told by the replicates, summed over components."""
        if self.replicates is None:
            return np.zeros(len(self.values))
        gaps = self.replicates[0] - self.replicates[1]
        return np.asarray((gaps**2).sum(-1).mean(-1) / 4)

    def combined(self, weights: np.ndarray) -> ScoreEstimate:
        """The same for linear combinations of the environments' score differences.

        weights  (combination, environment); the combinations take the place of environments
        """
        if self.replicates is not None:
            return ScoreEstimate.from_replicates(np.einsum("me,resi->rmsi", weights, self.replicates))
        values = np.einsum("me,esi->msi", weights, self.values)
        moments = np.einsum("msi,msj->mij", values, values) / values.shape[1]
        return ScoreEstimate(values, moments, exact=self.exact)

    def in_basis(self, decoder: np.ndarray) -> np.ndarray:
        """E[d dᵀ] (environment, latent, latent) of d_Z = Ĝᵀ d_Y, for a decoder Ĝ (component, latent)."""
        return np.asarray(decoder.T @ self.moments @ decoder)


class ScoreDifference(ABC):
    """An estimator of score differences. ``kind`` is its name in a spec.

    by_moments  whether it takes normal environments by their moments, and no other way
    """

    kind: str
    by_moments: bool = False

    @abstractmethod
    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Score differences of every environment at the observational samples."""
