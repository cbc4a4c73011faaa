"""The search for an unknown signature: peeling from the sinks, then the joint likelihood of what it found.

Where latents are Gaussian and interventions hard, signatures that peeling finds about equally good are compared at
their joint optima, the best one is mended by single flips, and a rival that comes close leaves the answer undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference.estimate import Status
from crlspec.inference.likelihood.gaussian import fit_orders
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.order.known_signature import in_known_signature
from crlspec.inference.order.signature import Peeled, peel_sinks
from crlspec.inference.order.sinks_gaussian import GaussianSinks
from crlspec.inference.order.sinks_scores import ScoreSinks
from crlspec.inference.order.told import Told
from crlspec.inference.thresholds import UmniThresholds
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate

__all__ = ["SignatureSearch", "named"]

WIDTH = 8
"""Partial orders kept by the search."""

SAME = 0.9
"""Latents of two answers that correlate more are the same one. Two optima of one likelihood lie far apart or at one
place, so that the number decides nothing between (a convention)."""


@dataclass(frozen=True)
class SignatureSearch:
    """The search for signature and order, by likelihood where no environment contradicts Gaussian latents
    (``gaussian``), else by score differences."""

    problem: Problem
    coordinates: Coordinates
    estimate: ScoreEstimate
    scores: ScoreDifference
    hard: bool
    gaussian: bool
    told: Told
    knowledge: Knowledge | None
    seed: int
    progress: Progress

    @cached_property
    def likelihood(self) -> GaussianSinks:
        """Sinks by the likelihood of linear-Gaussian latents."""
        return GaussianSinks.of(self.coordinates.all, self.hard)

    @property
    def before(self) -> np.ndarray | None:
        """(latent, latent) bool: pairs whose order is known; None where none is."""
        return None if self.knowledge is None else self.knowledge.before

    def free(self, signature: np.ndarray) -> tuple[tuple[int, ...], np.ndarray] | None:
        """Order and rows of a signature (latent, environment) without what is known of the order; None where nothing
        is."""
        if self.knowledge is None:
            return None
        told = Told.all(signature)
        peeled = peel_sinks(self.likelihood, len(self.problem.latents), told=told)[0]
        return named(peeled, told)[0], peeled.rows

    def signature(self, thresholds: UmniThresholds) -> tuple[Peeled, Status | None]:
        """The best signature with its causal order, and the status where another explains the data as well."""
        n = self.coordinates.observational.shape[1]
        if not self.gaussian and self.estimate.exact:
            if not self.told.whole:
                raise SettingMismatch(
                    "Got exact scores with concealed targets of latents that are not Gaussian",
                    "estimated scores, since the search for targets needs scores of marginals, which are "
                    "not known exactly",
                    "Choose scores: {kind: auto}. Or tell the targets: name them in interventions.targets, and "
                    "conceal none.",
                )
            return in_known_signature(self.estimate, self.told.signature), None
        if not self.gaussian:
            find = ScoreSinks(
                self.coordinates, self.estimate, self.scores, self.hard, self.seed, self.progress
            )
            return peel_sinks(find, n, told=self.told, before=self.before)[0], None
        close = self._close(self.told, self.before, thresholds.close)
        best = close[0]
        rivals = [one.cost - best.cost for one in close[1:] if self._differ(one, best)]
        if self.hard and not self.told.whole:
            best = _mended(best, self.likelihood, self.told.free)
        return best, _doubtful if not self.told.whole and min(
            rivals, default=np.inf
        ) < thresholds.clear else None

    def kept(self, told: Told, thresholds: UmniThresholds) -> Peeled:
        """The best signature by likelihood that keeps what is told, with nothing known of the order."""
        best = self._close(told, None, thresholds.close)[0]
        return _mended(best, self.likelihood, told.free) if self.hard and not told.whole else best

    def _close(self, told: Told, before: np.ndarray | None, within: float) -> list[Peeled]:
        """Signatures by likelihood that keep what is told, ``within`` so many nats of the best as peeling sees them;
        by their joint optima under hard interventions, the best first."""
        sinks = self.likelihood
        found = peel_sinks(sinks, len(self.told.signature), width=WIDTH, told=told, before=before)
        close = [peeled for peeled in found if peeled.cost < found[0].cost + within]
        if self.hard and len(close) > 1:
            fits = _joint(close, sinks)
            close = [replace(one, rows=fit.rows, cost=fit.cost) for one, fit in zip(close, fits, strict=True)]
            close.sort(key=lambda one: one.cost)
        return close

    def _differ(self, one: Peeled, other: Peeled) -> bool:
        """Whether two answers say different things: other targets, or, where latents are claimed each by itself, the
        same targets with other latents."""
        if {row.tobytes() for row in one.signature} != {row.tobytes() for row in other.signature}:
            return True
        if not self.hard:
            return False
        places = [
            next(k for k, row in enumerate(other.signature) if (row == mine).all()) for mine in one.signature
        ]
        covariance = np.cov(self.coordinates.observational.T)
        first, second = (rows / np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))[:, None]
                         for rows in (one.rows, other.rows[places]))  # fmt: skip
        return bool(np.abs(np.einsum("ij,jk,ik->i", first, covariance, second)).min() < SAME)


_doubtful = Status(
    "undecided",
    "Another assignment of targets to environments explains the data about as well as the one found. Targets, "
    "latents and graph may be wrong.",
    "Give more samples, stronger interventions, or environments with fewer targets in common.",
)


def _mended(peeled: Peeled, sinks: GaussianSinks, free: np.ndarray) -> Peeled:
    """The signature (position, environment) after every flip of one entry that the joint likelihood prefers, after
    the Bayesian information criterion, one after the other, in environments that are ``free``. Rank is kept, and
    every environment keeps a target."""
    best = replace(peeled, cost=_joint([peeled], sinks)[0].cost)
    while True:
        tried = []
        for i, k in np.ndindex(peeled.signature.shape):
            signature = best.signature.copy()
            signature[i, k] ^= True
            if (
                free[k]
                and signature[:, k].any()
                and np.linalg.matrix_rank(signature.astype(float)) == len(signature)
            ):
                tried.append(replace(best, signature=signature))
        fits = _joint(tried, sinks)
        at = min(range(len(fits)), key=lambda k: fits[k].cost, default=None)
        if at is None or not fits[at].cost < best.cost - 1e-6:
            return best
        best = replace(tried[at], rows=fits[at].rows, cost=fits[at].cost)


class _Fit(NamedTuple):
    """A joint optimum: encoder rows (position, component), negative log likelihood and the Bayesian information
    criterion's price of its targets."""

    rows: np.ndarray
    cost: float


def _joint(tried: Sequence[Peeled], sinks: GaussianSinks) -> list[_Fit]:
    """The joint optimum of each signature, from its rows, in its order."""
    if not tried:
        return []
    orders, rows = [tuple(range(len(one.rows))) for one in tried], np.stack([one.rows for one in tried])
    fits = fit_orders(orders, rows, sinks.moments, sinks.counts, [one.signature for one in tried])
    total = float(sinks.counts.sum())
    return [
        _Fit(fit.rows, float(total * fit.loss + np.log(total) * one.signature.sum()))
        for fit, one in zip(fits, tried, strict=True)
    ]


def named(peeled: Peeled, told: Told) -> tuple[tuple[int, ...], np.ndarray]:
    """The order as indices of latents, and the signature by latent. Latents that nothing tells apart go by their
    position."""
    order = told.latents(peeled.signature)
    signature = np.empty_like(peeled.signature)
    signature[list(order)] = peeled.signature
    return order, signature
