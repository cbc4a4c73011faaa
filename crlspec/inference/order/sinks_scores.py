"""Sinks by score differences, for latents of any kind: scores are estimated anew for every marginal.

Along a sink's column g of the mixing d^e·g = D_ie f. With A(D_i) the moments of what is left of (d^e)_e once its part
along the row D_i is taken out, and T the moments of all of it, the sink is where min_g gᵀA(D_i)g / gᵀTg vanishes. The
moments are products of two fits that share no sample, so that they are free of the noise of the scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crlspec.inference.order.signature import Sink
from crlspec.inference.order.told import Allowed
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate

__all__ = ["ScoreSinks"]

RIDGE = 1e-3
"""Share of the mean eigenvalue of T added to it: directions that no environment changes tell nothing."""
TOP = 40
"""Rows of each part that are continued to all environments, where these are many."""


@dataclass(frozen=True)
class ScoreSinks:
    """Finds sinks; see :class:`crlspec.inference.order.signature.LeafFinder`.

    estimate  the score differences of all components, so that they are not estimated twice
    scores    how the marginals' are estimated; exact ones are not to be had there
    hard      whether a target is cut off from its causes
    """

    coordinates: Coordinates
    estimate: ScoreEstimate
    scores: ScoreDifference
    hard: bool
    seed: int
    progress: Progress

    def __call__(self, basis: np.ndarray, allowed: Allowed | None, most: int) -> list[Sink]:
        """The best sinks of u = basis y."""
        left = len(basis)
        here = replace(
            self.coordinates,
            observational=self.coordinates.observational @ basis.T,
            interventional={name: y @ basis.T for name, y in self.coordinates.interventional.items()},
        )
        whole = left == basis.shape[1]
        estimate = self.estimate if whole else self.scores.estimate(here, self.seed + left, self.progress)
        moments = _cross_moments(estimate)
        kept = _searched(moments, allowed).top(most)
        return [
            self._sink(here, moments, row, g, cost)
            for row, g, cost in zip(kept.rows, kept.directions, kept.costs, strict=True)
        ]

    def _sink(
        self, here: Coordinates, moments: np.ndarray, targets: np.ndarray, g: np.ndarray, cost: float
    ) -> Sink:
        g = g / np.linalg.norm(g)
        products = np.einsum("abij,i,j->ab", moments, g, g)
        mean = targets / targets.sum()
        squares = np.maximum(np.diagonal(products), 0.0)
        size = targets @ squares / targets.sum()
        strengths = np.sqrt(squares / size) if size > np.finfo(float).tiny else np.zeros(len(squares))
        if self.hard:
            own = [y for y, hit in zip(here.all[1:], targets, strict=True) if hit]
            weights = np.array([len(y) for y in own], dtype=float)
            covariances = np.stack([np.cov(y.T).reshape(len(g), -1) for y in own])
            row = np.linalg.solve(np.tensordot(weights / weights.sum(), covariances, 1), g)
        else:
            row = np.einsum("a,b,abij,j->i", mean, mean, moments, g)
        return Sink(targets.astype(bool), g, row, strengths, True, float(cost))


@dataclass(frozen=True)
class _Fits:
    """Rows of the signature (row, environment) bool, the direction (row, component) along which each fits best, and
    what it costs there (row,): min_g gᵀA(D_i)g / gᵀTg."""

    rows: np.ndarray
    directions: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(cls, moments: np.ndarray, rows: np.ndarray) -> _Fits:
        left = moments.shape[-1]
        weights = rows.astype(float)
        weights /= np.sqrt(weights.sum(1, keepdims=True))
        total = np.einsum("aaij->ij", moments)
        along = np.einsum("ca,cb,abij->cij", weights, weights, moments, optimize=True)
        metric = total + RIDGE * np.trace(total) / left * np.eye(left)
        back = np.linalg.inv(_factor(metric))
        values, vectors = np.linalg.eigh(back @ (total - along) @ back.T)
        return cls(rows, np.stack([back.T @ vector for vector in vectors[:, :, 0]]), values[:, 0])

    def top(self, most: int) -> _Fits:
        """Those of lowest cost, the lowest first."""
        best = np.argsort(self.costs, kind="stable")[:most]
        return _Fits(self.rows[best], self.directions[best], self.costs[best])


def _searched(moments: np.ndarray, allowed: Allowed | None = None) -> _Fits:
    """The fits of all rows; of many environments, rows of a few of them are continued to all by the directions that
    they give, and mended by flips of single entries, as :class:`GaussianSinks` does."""
    every = Allowed.anything(len(moments)) if allowed is None else allowed
    if every.few:
        return _Fits.of(moments, every.rows())
    rows = []
    for few in every.blocks():
        part = _Fits.of(moments[np.ix_(few, few)], every.rows(few)).top(TOP)
        for targets, g in zip(part.rows, part.directions, strict=True):
            whole = _shares(moments, g, few[targets]) > 0.5
            whole[few] = targets
            rows.append(whole)
    fits = _Fits.of(moments, np.unique(np.array(rows), axis=0)).top(TOP)
    while True:
        both = np.unique(np.concatenate([fits.rows, every.near(fits.rows[:8])]), axis=0)
        better = _Fits.of(moments, both).top(TOP)
        if better.costs[0] > fits.costs[0] - 1e-6:
            return better
        fits = better


def _shares(moments: np.ndarray, g: np.ndarray, targeting: np.ndarray) -> np.ndarray:
    """(environment,): how much of the change along g that those ``targeting`` share each environment has."""
    products = np.einsum("abij,i,j->ab", moments, g, g)[:, targeting].mean(1)
    return np.asarray(products / max(products[targeting].mean(), np.finfo(float).tiny))


def _cross_moments(estimate: ScoreEstimate) -> np.ndarray:
    """E[d^a d^bᵀ] (environment, environment, component, component), symmetric."""
    pair = (estimate.values, estimate.values) if estimate.replicates is None else estimate.replicates
    environments, samples, components = pair[0].shape
    flat = [np.swapaxes(d, 1, 2).reshape(-1, samples) for d in pair]
    product = (flat[0] @ flat[1].T / samples).reshape(environments, components, environments, components)
    moments = product.transpose(0, 2, 1, 3)
    return np.asarray((moments + moments.transpose(1, 0, 3, 2)) / 2)


def _factor(metric: np.ndarray) -> np.ndarray:
    """A square root; eigenvalues that noise has made negative are lifted."""
    values, vectors = np.linalg.eigh((metric + metric.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 1e-9 * values[-1])))
