"""Sinks by the likelihood of linear-Gaussian latents: closed forms in the precision matrices of the environments.

Along a direction g the conditional variance of the sink given all else is 1/(gᵀ Ω g), Ω the precision matrix of an
environment or of a pool of environments. That the sink's mechanism is one and the same in a group of environments
therefore costs ½ Σ_e N_e [log gᵀΩ_e g − log gᵀΩ_group g] ≥ 0 in log likelihood, zero where it is true. A stationary
g is a generalised eigenvector of Σ_e N_e Ω_e/(gᵀΩ_e g) and Σ_group N_group Ω_group/(gᵀΩ_group g).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from crlspec.inference.order.signature import Sink
from crlspec.inference.order.told import Allowed
from crlspec.numerics.linalg import augmented_moments, weighted

__all__ = ["GaussianSinks"]

Mechanism = Literal["cut", "shared", "own"]
"""What holds in the environments that target the sink: it is independent of all else, with a mean and a variance in
each; it has one regression in all of them; it has a regression in each."""

TOP, ROUNDS, ALIKE = 40, 15, 0.99


@dataclass(frozen=True)
class GaussianSinks:
    """Finds sinks; see :class:`crlspec.inference.order.signature.LeafFinder`.

    moments     (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    counts      (environment,) samples
    hard        whether a target is cut off from its causes; it decides what may hold where the sink is targeted,
                among which the Bayesian information criterion chooses
    """

    moments: np.ndarray
    counts: np.ndarray
    hard: bool

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """What may hold where the sink is targeted."""
        return ("shared", "cut") if self.hard else ("shared", "own")

    @classmethod
    def of(cls, samples: Sequence[np.ndarray], hard: bool) -> GaussianSinks:
        """From samples (sample, component) of every environment, the observational first."""
        moments = np.stack([augmented_moments(y) for y in samples])
        counts = np.array([len(y) for y in samples], dtype=float)
        return cls(moments, counts, hard)

    def __call__(self, basis: np.ndarray, allowed: Allowed | None, most: int) -> list[Sink]:
        """The best sinks of u = basis y."""
        here = _Environments.of(basis, self.moments, self.counts)
        rows = Allowed.anything(len(self.counts) - 1) if allowed is None else allowed
        tried = [self._searched(here, rows, mechanism) for mechanism in self.mechanisms]
        costs, targets, directions = (
            np.concatenate([getattr(fits, name) for fits in tried])
            for name in ("costs", "rows", "directions")
        )
        best: list[int] = []
        for k in np.argsort(costs, kind="stable").tolist():
            alike = (
                np.abs(directions[best] @ directions[k]) > ALIKE
            )  # of the same sink, where its targets are too
            if not (alike & (targets[best] == targets[k]).all(1)).any():
                best.append(k)
            if len(best) == most:
                break
        first = len(tried[0].costs)
        return [tried[int(k >= first)].sink(k - first * (k >= first), self.hard) for k in best]

    def _searched(self, here: _Environments, allowed: Allowed, mechanism: Mechanism) -> _Fits:
        """The likeliest of all rows; of many environments, rows of a few of them are continued to all by the
        directions that they give, and mended by flips of single entries."""
        if allowed.few:
            return self._tried(here, allowed.rows(), mechanism)
        rows = []
        for few in allowed.blocks():
            part = self._tried(here.only(few), allowed.rows(few), mechanism)
            for sink in (part.sink(k, self.hard) for k in range(len(part.rows))):
                whole = here.shares(sink.direction, few[sink.targets]) > 0.5
                whole[few] = sink.targets
                rows.append(whole)
        fits = self._tried(here, np.unique(np.array(rows), axis=0), mechanism)
        while True:
            both = np.unique(np.concatenate([fits.rows, allowed.near(fits.rows[:8])]), axis=0)
            better = self._tried(here, both, mechanism)
            if better.costs[0] > fits.costs[0] - 1e-6:
                return better
            fits = better

    def _tried(self, here: _Environments, rows: np.ndarray, mechanism: Mechanism) -> _Fits:
        """The likeliest of the rows with their directions: ranked by a linearisation, then fitted."""
        starts: tuple[Mechanism, ...] = ("shared", "own") if mechanism == "cut" else (mechanism,)
        pools = _Pools.of(here, rows, mechanism)
        fits = [_Fits.of(pools, here.start(rows, start)).top(TOP) for start in starts]
        fit = _Fits.joined(fits).top(TOP)
        if mechanism == "cut":
            likely = np.unique(np.concatenate([fit.rows, rows[rows.all(1)]]), axis=0)
            fit = _Fits.joined([fit, *self._parallel(here, likely[likely.sum(1) > 1])]).top(TOP)
        for _ in range(ROUNDS):
            other = _Fits.of(fit.pools, fit.improved())
            better = other.losses < fit.losses - 1e-9 * np.abs(fit.losses)
            if not better.any():
                break
            fit = fit.where(better, other)
        return fit.top(TOP)

    def _parallel(self, here: _Environments, rows: np.ndarray) -> list[_Fits]:
        """A sink that is cut off in two environments changes both along one direction, whatever the others do: all
        such directions for each row. Where few environments leave the sink alone, there is no other start."""
        starts = [here.parallel(*np.flatnonzero(row)[:2]) for row in rows]
        if not starts:
            return []
        pools = _Pools.of(here, np.repeat(rows, len(starts[0]), 0), "cut")
        return [_Fits.of(pools, np.concatenate(starts))]


@dataclass(frozen=True)
class _Environments:
    """Moments, covariances and precision matrices (environment, component, component) of the components left."""

    moments: np.ndarray
    covariances: np.ndarray
    precisions: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, basis: np.ndarray, moments: np.ndarray, counts: np.ndarray) -> _Environments:
        extended = np.zeros((len(basis) + 1, basis.shape[1] + 1))
        extended[0, 0], extended[1:, 1:] = 1, basis
        here = extended @ moments @ extended.T
        covariances = here[:, 1:, 1:] - here[:, 1:, :1] * here[:, :1, 1:]
        return cls(here, covariances, np.linalg.inv(covariances), counts)

    def pooled(self, weights: np.ndarray) -> np.ndarray:
        """Precision matrices (row, component, component) of pools of environments."""
        counted = weights * self.counts
        pool = weighted(counted / counted.sum(1)[:, None], self.moments)
        return np.asarray(np.linalg.inv(pool)[:, 1:, 1:])

    def only(self, environments: np.ndarray) -> _Environments:
        """The observational environment and those of the interventional ones alone."""
        kept = np.concatenate([[0], 1 + environments])
        return _Environments(
            self.moments[kept], self.covariances[kept], self.precisions[kept], self.counts[kept]
        )

    def shares(self, direction: np.ndarray, targeting: np.ndarray) -> np.ndarray:
        """The size of the change along a direction in each interventional environment, as a share of its root
        mean square over the environments ``targeting`` it."""
        changes = (self.precisions[1:] - self.precisions[0]) @ direction
        squares = np.einsum("ei,ij,ej->e", changes, self.covariances[0], changes)
        return np.asarray(np.sqrt(squares / max(squares[targeting].mean(), np.finfo(float).eps)))

    def start(self, rows: np.ndarray, mechanism: Mechanism) -> np.ndarray:
        """Directions (row, component) along which Ω_e g varies least within each group of environments."""
        ones = np.concatenate([np.zeros((len(rows), 1)), rows], 1)
        squares = self.precisions @ self.precisions
        groups = [1 - ones] if mechanism == "own" else [1 - ones, ones]
        within = np.zeros((len(rows), *squares.shape[1:]))
        for group in groups:
            counted = group * self.counts
            mean = weighted(counted / counted.sum(1, keepdims=True), self.precisions)
            within += weighted(counted, squares) - counted.sum(1)[:, None, None] * mean @ mean
        total = np.broadcast_to(weighted(self.counts, squares), within.shape)
        return _smallest(within, total)

    def parallel(self, one: int, other: int) -> np.ndarray:
        """Directions g (direction, component) along which Ω_e g of two interventional environments is parallel."""
        back = np.linalg.inv(np.linalg.cholesky(self.precisions[1 + other]))
        vectors = np.linalg.eigh(back @ self.precisions[1 + one] @ back.T)[1]
        directions = (back.T @ vectors).T
        return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))


@dataclass(frozen=True)
class _Pools:
    """Rows of the signature with what does not depend on directions (row first in every array).

    ones     (row, environment) who is targeted, the observational environment first
    counts   (row, environment) samples of the environments with a 0
    changing (row, environment) those with a 1
    kept     precision matrices of the pooled environments with a 0
    shared   those of the pooled ones with a 1, where one regression holds in them; else None
    """

    here: _Environments
    mechanism: Mechanism
    ones: np.ndarray
    counts: np.ndarray
    changing: np.ndarray
    kept: np.ndarray
    shared: np.ndarray | None

    @classmethod
    def of(cls, here: _Environments, rows: np.ndarray, mechanism: Mechanism) -> _Pools:
        ones = np.concatenate([np.zeros((len(rows), 1)), rows], 1)
        kept = here.pooled(1 - ones)
        shared = here.pooled(ones) if mechanism == "shared" else None
        return cls(here, mechanism, ones, (1 - ones) * here.counts, ones * here.counts, kept, shared)

    def some(self, index: np.ndarray) -> _Pools:
        """Those of some rows, by index."""
        return _Pools(
            self.here, self.mechanism, self.ones[index], self.counts[index], self.changing[index], self.kept[index],
            None if self.shared is None else self.shared[index],
        )  # fmt: skip

    @classmethod
    def joined(cls, pools: Sequence[_Pools]) -> _Pools:
        """All of them as one."""
        shared = [each.shared for each in pools if each.shared is not None]
        ones, counts, changing, kept = (
            np.concatenate([getattr(each, name) for each in pools])
            for name in ("ones", "counts", "changing", "kept")
        )
        both = np.concatenate(shared) if shared else None
        return cls(pools[0].here, pools[0].mechanism, ones, counts, changing, kept, both)


@dataclass(frozen=True)
class _Fits:
    """Directions of rows of the signature, and how much likelihood each costs (row first in every array).

    changed  precision matrices that stand for the environments with a 1; None where each has its own regression
    """

    pools: _Pools
    directions: np.ndarray
    losses: np.ndarray
    costs: np.ndarray
    changed: np.ndarray | None

    @property
    def rows(self) -> np.ndarray:
        """(row, interventional environment) bool."""
        return self.pools.ones[:, 1:].astype(bool)

    @classmethod
    def of(cls, pools: _Pools, directions: np.ndarray) -> _Fits:
        here, g, changed = pools.here, directions, pools.shared
        each, targeted = np.log(_along(here.precisions, g)), pools.ones.sum(1)
        losses = -pools.counts.sum(1) * np.log(_forms(pools.kept, g))
        losses += (pools.counts * each).sum(1) if pools.mechanism == "own" else each @ here.counts
        regression = g.shape[1] + 1
        if changed is not None:
            losses -= pools.changing.sum(1) * np.log(_forms(changed, g))
            free = np.full(len(g), 2.0 * regression)
        elif pools.mechanism == "own":
            free = regression * (1.0 + targeted)
        else:
            changed, variances = _independent(pools, g)
            losses += (pools.changing * np.log(variances)).sum(1)
            free = 2.0 * regression - 2 + 2 * targeted
        costs = 0.5 * losses + 0.5 * free * np.log(here.counts.sum())
        return cls(pools, g, losses, costs, changed)

    @classmethod
    def joined(cls, fits: Sequence[_Fits]) -> _Fits:
        """All of them as one."""
        if len(fits) == 1:
            return fits[0]
        changed = [each.changed for each in fits if each.changed is not None]
        directions, losses, costs = (
            np.concatenate([getattr(each, name) for each in fits])
            for name in ("directions", "losses", "costs")
        )
        pools = _Pools.joined([each.pools for each in fits])
        return cls(pools, directions, losses, costs, np.concatenate(changed) if changed else None)

    def top(self, most: int) -> _Fits:
        """Those of lowest cost, the lowest first."""
        best = np.argsort(self.costs, kind="stable")[:most]
        changed = None if self.changed is None else self.changed[best]
        return _Fits(
            self.pools.some(best), self.directions[best], self.losses[best], self.costs[best], changed
        )

    def where(self, better: np.ndarray, other: _Fits) -> _Fits:
        """``other``, of the same rows, where it is better."""
        changed, wide = self.changed, better[:, None]
        if changed is not None and other.changed is not None:
            changed = np.where(wide[..., None], other.changed, changed)
        return _Fits(
            self.pools,
            np.where(wide, other.directions, self.directions),
            np.where(better, other.losses, self.losses),
            np.where(better, other.costs, self.costs),
            changed,
        )

    def improved(self) -> np.ndarray:
        """Directions after one step towards a stationary point."""
        g, pools = self.directions, self.pools
        precisions = pools.here.precisions
        counted = pools.counts if self.changed is None else pools.here.counts
        pooled = (pools.counts.sum(1) / _forms(pools.kept, g))[:, None, None] * pools.kept
        if self.changed is not None:
            pooled += (pools.changing.sum(1) / _forms(self.changed, g))[:, None, None] * self.changed
        return _smallest(weighted(counted / _along(precisions, g), precisions), pooled)

    def sink(self, k: int, hard: bool) -> Sink:
        """The Sink of a row."""
        g, targets, here = self.directions[k], self.pools.ones[k, 1:].astype(bool), self.pools.here
        strengths = here.shares(g, np.flatnonzero(targets))
        change = ((here.precisions[1:] - here.precisions[0]) @ g)[targets].mean(0)
        row = self.changed[k] @ g if hard and self.changed is not None else change
        return Sink(targets, g, row, strengths, self.pools.mechanism == "shared", float(self.costs[k]))


def _along(matrices: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(row, environment) gᵀMg of directions (row, component) and matrices (environment, component, component)."""
    return np.asarray(((g @ matrices) * g).sum(-1).T)


def _forms(matrices: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(row,) gᵀMg of directions (row, component) and a matrix of each, (row, component, component)."""
    return np.asarray(((matrices @ g[:, :, None])[:, :, 0] * g).sum(1))


def _independent(pools: _Pools, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sink independent of all else where it is targeted: precision matrices of the environments with a 1, each
    weighted by its precision, and the sink's variance (row, environment) in each."""
    here, weights = pools.here, pools.changing
    variances = np.ones_like(weights)
    alone = bool((pools.ones.sum(1) == 1).all())  # of one environment no weights are to be found
    for _ in range(1 if alone else 4):
        scaled = weights / variances
        pool = weighted(scaled / scaled.sum(1, keepdims=True), here.covariances)
        precision = np.linalg.inv(pool)
        functional = (precision @ g[:, :, None])[:, :, 0]
        functional = functional / (functional * g).sum(1)[:, None]
        variances = _along(here.covariances, functional)
    return precision, variances


def _smallest(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The generalised eigenvector of (first, second) with the smallest eigenvalue, per row, of unit length."""
    back = np.linalg.inv(np.linalg.cholesky(second))
    vectors = np.linalg.eigh(back @ first @ np.swapaxes(back, 1, 2))[1][:, :, 0]
    directions = (vectors[:, None] @ back)[:, 0]
    return np.asarray(directions / np.sqrt(np.square(directions).sum(1))[:, None])
