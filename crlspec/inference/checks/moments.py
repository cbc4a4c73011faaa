"""Means and covariances of every environment, of the observations and in white coordinates, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from crlspec.inference.checks.two_samples import Relative, equalities, relatives
from crlspec.numerics.linalg import WIDE, column_means, squares_about
from crlspec.numerics.pooled import Pooled
from crlspec.numerics.rows import Rows, scan_of

__all__ = ["Moments"]

SKETCH = 64
"""Of more than 256 variables the white coordinates are those of so many random combinations of them."""


@dataclass(frozen=True)
class Moments:
    """What the checks of a design work on; environments in one order, the control first.

    names        of the environments
    counts       (environment,) rows; effective ones, once it is known that rows depend on each other
    means        (environment, component) in white coordinates: the pooled samples have covariance I
    covariances  (environment, component, component), unbiased
    y            environment → (sample, component)
    observed     (environment, observed) means of the observations in units of their pooled deviations, about the
                 pooled mean; None of very many variables
    spread       (environment, observed, observed) their covariances; None of very many variables
    scale        (observed,) those deviations
    rest         variance off the white coordinates, along one direction, as a share of the least variance along them
    """

    names: tuple[str, ...]
    counts: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    y: Mapping[str, np.ndarray]
    observed: np.ndarray | None
    spread: np.ndarray | None
    scale: np.ndarray
    rest: float

    @classmethod
    def of(
        cls,
        samples: Mapping[str, np.ndarray],
        components: int,
        units: np.ndarray | None = None,
    ) -> Moments:
        """Of samples, environment → (sample, observed), the control first.

        components  dimensions of the white coordinates; fewer, where the samples span fewer
        units       (observed,) in proportion to the deviations of noise on x, where there is some: the principal
                    directions are those in these units
        """
        names, tables = tuple(samples), list(samples.values())
        counts = np.array([len(x) for x in tables], dtype=float)
        if tables[0].shape[1] > WIDE:
            centre = counts @ np.stack([column_means(x) for x in tables]) / counts.sum()
            sketch = _sketch(samples, centre)
            found = cls.of({name: _combined(x, centre, sketch) for name, x in samples.items()}, components)
            return replace(found, observed=None, spread=None)
        scans = [scan_of(x) for x in tables]
        pooled = Pooled.of(scans, units)
        values, scale = pooled.spectrum, pooled.scale
        components = min(components, int((values > 1e-13 * values[0]).sum()))
        space = pooled.space(components)
        spread = np.stack([scan.covariance for scan in scans]) / np.outer(scale, scale)
        gaps, scaled = np.stack([scan.mean for scan in scans]) - pooled.offset, space.whitener * scale
        return cls(
            names=names,
            counts=counts,
            means=gaps @ space.whitener.T,
            covariances=scaled @ spread @ scaled.T,
            y={name: space(x) for name, x in samples.items()},
            observed=gaps / scale,
            spread=spread,
            scale=scale,
            rest=float(values[components:].mean() / values[components - 1])
            if len(values) > components
            else 0.0,
        )

    @property
    def size(self) -> int:
        """The number of white coordinates."""
        return self.means.shape[1]

    @cached_property
    def equalities(self) -> np.ndarray:
        """(environment, environment) likelihood ratios of equal means and covariances, see ``equality``."""
        return equalities(self.means, self.covariances, self.counts)

    @cached_property
    def principal(self) -> tuple[np.ndarray, np.ndarray]:
        """Of ``spread``, which has to be there: (environment, observed) variances, the largest first, and their
        directions (environment, observed, direction)."""
        assert self.spread is not None
        values, vectors = np.linalg.eigh(self.spread)
        return values[:, ::-1], vectors[:, :, ::-1]

    @cached_property
    def changes(self) -> list[Relative]:
        """The covariance of each environment relative to that of the control, which is the first of them."""
        free = self.counts - 1
        control = np.broadcast_to(self.covariances[0], self.covariances.shape)
        return relatives(control, self.covariances, np.broadcast_to(free[0], free.shape), free)


def _combined(x: np.ndarray | Rows, centre: np.ndarray, sketch: np.ndarray) -> Any:
    """(x − centre) times the combinations: (sample, combination)."""
    if isinstance(x, Rows):
        return x.mapped(lambda part: np.asarray((part - centre) @ sketch), sketch.shape[1])
    return (x - centre) @ sketch


def _sketch(samples: Mapping[str, np.ndarray], centre: np.ndarray) -> np.ndarray:
    """Random combinations (observed, combination) of the variables in units of their own deviations."""
    squares = sum(squares_about(x, centre) for x in samples.values())
    scale = np.sqrt(np.asarray(squares) / sum(len(x) for x in samples.values()))
    random = np.random.default_rng(0).normal(size=(len(centre), SKETCH)) / SKETCH**0.5
    return np.asarray(random / np.where(scale > 0, scale, 1.0)[:, None])
