"""Means and covariances of every environment, of the observations and in white coordinates, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from crlspec.inference.checks.two_samples import Relative, equalities, relatives
from crlspec.numerics.linalg import WIDE, ColumnSpace, blocks, column_means, projected, squares_about
from crlspec.numerics.rows import Rows

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
        space: ColumnSpace | None = None,
    ) -> Moments:
        """Of samples, environment → (sample, observed), the control first.

        components  dimensions of the white coordinates; fewer, where the samples span fewer
        units       (observed,) in proportion to the deviations of noise on x, where there is some: the principal
                    directions are those in these units
        space       the column space that is given; None: the leading principal directions
        """
        names = tuple(samples)
        counts = np.array([len(x) for x in samples.values()], dtype=float)
        weights = counts / counts.sum()
        means = np.stack([column_means(x) for x in samples.values()])
        centre = weights @ means
        if means.shape[1] > WIDE and space is None:
            sketch = _sketch(samples, centre)
            turned = {name: _combined(x, centre, sketch) for name, x in samples.items()}
            found = cls.of(turned, components)
            return replace(found, observed=None, spread=None)
        spread, scale = None, np.ones(means.shape[1])
        if means.shape[1] <= WIDE:
            spread, gaps = _spread(samples, means), means - centre
            pooled = np.einsum("e,eij->ij", weights, spread) + gaps.T @ (weights[:, None] * gaps)
            scale = np.sqrt(np.diag(pooled))
            if units is None:
                scale = np.where(scale > 0, scale, 1.0)
            else:
                scale = units * np.sqrt(((scale / units) ** 2).mean())
            spread, pooled = spread / np.outer(scale, scale), pooled / np.outer(scale, scale)
        rest = 0.0
        if space is None:
            values, vectors = np.linalg.eigh(pooled)
            values, vectors = np.maximum(values[::-1], 1e-300), vectors[:, ::-1]
            components = min(components, int((values > 1e-13 * values[0]).sum()))
            whitener = (vectors[:, :components] / np.sqrt(values[:components])).T / scale
            if len(values) > components:
                rest = float(values[components:].mean() / values[components - 1])
        else:
            whitener, spectrum = space.whitener, space.spectrum
            if len(spectrum) > components:
                rest = float(spectrum[components:].mean() / max(spectrum[components - 1], 1e-300))
        y = {name: projected(x, centre, whitener) for name, x in samples.items()}
        scaled = whitener * scale
        covariances = (
            np.stack([np.cov(v.T).reshape(v.shape[1], -1) for v in y.values()])
            if spread is None
            else scaled @ spread @ scaled.T
        )
        return cls(
            names=names,
            counts=counts,
            means=(means - centre) @ whitener.T,
            covariances=covariances,
            y=y,
            observed=None if spread is None else (means - centre) / scale,
            spread=spread,
            scale=scale,
            rest=rest,
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


def _spread(samples: Mapping[str, np.ndarray], means: np.ndarray) -> np.ndarray:
    """Unbiased covariances (environment, observed, observed)."""
    found = np.zeros((len(means), means.shape[1], means.shape[1]))
    for e, x in enumerate(samples.values()):
        if isinstance(x, Rows):
            found[e] = x.scan.covariance
            continue
        for part in blocks(x):
            centred = part - means[e]
            found[e] += centred.T @ centred
        found[e] /= max(len(x) - 1, 1)
    return found


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
