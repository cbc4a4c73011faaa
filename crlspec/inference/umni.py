"""UMNI-CRL: linear mixing, unknown interventions on several latents at once, soft or hard.

After Varıcı, Acartürk, Shanmugam & Tajer, "Linear causal representation learning from unknown multi-node
interventions", NeurIPS 2024. Signature and causal order come from :mod:`crlspec.inference.order.signature`; with the
signature D known, score differences combine to those of single-node interventions, and what follows is as in
LSCALE-I: encoder rows, then the likelihood of all environments, and tests of edges at one level alpha. Latents need
not be Gaussian, there may be more environments than latents, and several may target the same latent alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference import declarations
from crlspec.inference.answer import asked_of, assemble
from crlspec.inference.base import Estimator
from crlspec.inference.checks.one_mechanism import check_one_mechanism
from crlspec.inference.checks.rank import check_rank, is_gaussian
from crlspec.inference.edges.scores import score_edges
from crlspec.inference.estimate import Estimate, Status
from crlspec.inference.likelihood.gaussian import fit_orders
from crlspec.inference.likelihood.refine import refine_flexible, refine_gaussian
from crlspec.inference.order.known_signature import in_known_signature
from crlspec.inference.order.peeling import peel, rows_in_order, unmix, unmixing_variances
from crlspec.inference.order.signature import Peeled, in_order, peel_sinks
from crlspec.inference.order.sinks_gaussian import GaussianSinks
from crlspec.inference.order.sinks_scores import ScoreSinks
from crlspec.inference.soft.gaussian import closure_by_likelihood, closure_by_scores
from crlspec.inference.soft.held_out import closure_by_orders
from crlspec.inference.status import status_of, with_heteroscedasticity, without_calibration
from crlspec.inference.step import Step
from crlspec.inference.thresholds import UmniThresholds
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.spec.setting import Setting

__all__ = ["UmniCrl"]

WIDTH = 4
"""Partial orders kept by the search."""


@dataclass(frozen=True)
class UmniCrl(Estimator):
    """The estimator ``umni-crl``.

    variant  auto (by the setting), hard or soft
    alpha    significance level of every test of an edge
    refine   likelihood, or none: edges by score differences alone
    thresholds  what else decides
    """

    variant: Literal["auto", "hard", "soft"] = "auto"
    alpha: float = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    thresholds: UmniThresholds = field(default_factory=UmniThresholds)
    declaration = declarations.UmniCrl
    streams = True

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, mixing, graph and signature from the observations.

        The diagnostics hold ``signature`` (environment, latent) of 0 and 1, and ``signature_strength``, the size of
        the change of the latent's mechanism in the environment as a share of its root mean square where the latent
        is targeted: about 1 where the signature is 1, about 0 elsewhere.

        Raises SettingMismatch as :meth:`accepts` does, and where exact scores are asked for that nobody knows
        (targets concealed, latents not Gaussian); DataError where the observations span more or fewer linear
        dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        coordinates = Coordinates.of(problem, problem.environments)
        check_rank(problem, coordinates, self.thresholds)
        estimate = scores.estimate(coordinates, seed, progress)
        hard, gaussian = self._hard(problem.setting), is_gaussian(coordinates, self.thresholds.gaussian)
        progress("signature", 0.0)
        known = _known(problem)
        search = _Search(problem, coordinates, estimate, scores, hard, gaussian, known, seed, progress)
        scored = time.perf_counter()
        peeled, status = search.signature(self.thresholds)
        order, signature = _named(peeled, known)
        strengths = np.empty_like(peeled.strengths)
        strengths[list(order)] = peeled.strengths
        found = _Found(search, peeled, order, signature, time.perf_counter() - scored)
        steps = found.hard_steps(self) if search.hard else found.soft_steps(self)
        if gaussian and not hard and not estimate.exact:
            latents = [problem.latents[k] for k in order]
            check = check_one_mechanism(peeled.signature, peeled.shared, latents, problem.environments)
            steps[-1] = replace(steps[-1], checks=(*steps[-1].checks, check))
        found_status = with_heteroscedasticity(
            status if status is not None else status_of(estimate, self.thresholds.agreement),
            steps[-1],
            self.thresholds.heteroscedastic,
        )
        uncalibrated = self.refine == "none" and not estimate.exact
        seconds = {"scores": scored - began, "inference": time.perf_counter() - scored}
        labelled = {"environment": list(problem.environments), "latent": list(problem.latents)}
        further = {
            "signature": xr.DataArray(signature.T.astype(np.int8), labelled, ("environment", "latent")),
            "signature_strength": xr.DataArray(strengths.T, labelled, ("environment", "latent")),
        }
        return assemble(
            problem,
            coordinates,
            estimate,
            steps,
            seconds,
            alpha=self.alpha,
            thresholds=self.thresholds,
            exact_graph=search.hard,
            targeted_by=_shown_by(problem, signature, strengths),
            status=without_calibration(found_status) if uncalibrated else found_status,
            further=further,
        )

    def _hard(self, setting: Setting) -> bool:
        return self.variant == "hard" or (self.variant == "auto" and setting.kind == "hard")


@dataclass(frozen=True)
class _Search:
    """The search for signature and order, by likelihood where no environment contradicts Gaussian latents
    (``gaussian``), else by score differences."""

    problem: Problem
    coordinates: Coordinates
    estimate: ScoreEstimate
    scores: ScoreDifference
    hard: bool
    gaussian: bool
    known: np.ndarray | None
    seed: int
    progress: Progress

    @cached_property
    def likelihood(self) -> GaussianSinks:
        """Sinks by the likelihood of linear-Gaussian latents."""
        return GaussianSinks.of(self.coordinates.all, self.hard)

    def signature(self, thresholds: UmniThresholds) -> tuple[Peeled, Status | None]:
        """The best signature with its causal order, and the status where another explains the data as well."""
        n = self.coordinates.observational.shape[1]
        if not self.gaussian and self.estimate.exact:
            if self.known is None:
                raise SettingMismatch(
                    "Got exact scores with concealed targets of latents that are not Gaussian",
                    "estimated scores, since the search for targets needs scores of marginals, which are "
                    "not known exactly",
                    "Choose scores: {kind: auto}. Or tell the targets: name them in interventions.targets, and "
                    "conceal none.",
                )
            return in_known_signature(self.estimate, self.known), None
        if not self.gaussian:
            find = ScoreSinks(
                self.coordinates, self.estimate, self.scores, self.hard, self.seed, self.progress
            )
            return peel_sinks(find, n, known=self.known)[0], None
        sinks = self.likelihood
        found = peel_sinks(sinks, n, width=WIDTH, known=self.known)
        close = [peeled for peeled in found if peeled.cost < found[0].cost + thresholds.close]
        if self.hard and len(close) > 1:
            costs = _joint_costs(close, sinks)
            ranked = sorted(range(len(close)), key=lambda k: costs[k])
            close, gap = [close[k] for k in ranked], sorted(costs)[1] - min(costs)
        else:
            gap = close[1].cost - close[0].cost if len(close) > 1 else np.inf
        best = close[0]
        if self.hard and self.known is None:
            best = replace(best, signature=_pruned(best, sinks))
        return best, _doubtful if self.known is None and gap < thresholds.clear else None


_doubtful = Status(
    "undecided",
    "Another assignment of targets to environments explains the data about as well as the one found. Targets, "
    "latents and graph may be wrong.",
    "Give more samples, stronger interventions, or environments with fewer targets in common.",
)


def _pruned(peeled: Peeled, sinks: GaussianSinks) -> np.ndarray:
    """The signature (position, environment) less every target whose removal the joint likelihood, after the Bayesian
    information criterion, prefers, one after the other while rank is kept."""
    signature = peeled.signature.copy()
    best = _joint_costs([peeled], sinks)[0]
    while True:
        fewer: dict[tuple[int, int], np.ndarray] = {}
        for i, k in np.argwhere(signature):
            less = signature.copy()
            less[i, k] = False
            if np.linalg.matrix_rank(less.astype(float)) == len(less):
                fewer[int(i), int(k)] = less
        tried = [replace(peeled, signature=less) for less in fewer.values()]
        costs = dict(zip(fewer, _joint_costs(tried, sinks), strict=True))
        if not costs or min(costs.values()) >= best:
            return signature
        at = min(costs, key=lambda key: costs[key])
        signature[at], best = False, costs[at]


def _joint_costs(tried: Sequence[Peeled], sinks: GaussianSinks) -> list[float]:
    """Negative log likelihood at each joint optimum and the Bayesian information criterion's price of a target."""
    if not tried:
        return []
    orders, rows = [tuple(range(len(one.rows))) for one in tried], np.stack([one.rows for one in tried])
    fits = fit_orders(orders, rows, sinks.moments, sinks.counts, [one.signature for one in tried])
    total = float(sinks.counts.sum())
    return [
        float(total * fit.loss + np.log(total) * one.signature.sum())
        for fit, one in zip(fits, tried, strict=True)
    ]


@dataclass(frozen=True)
class _Found:
    """From signature (latent, environment) and order on: single-node score differences, then as in LSCALE-I."""

    search: _Search
    peeled: Peeled
    order: tuple[int, ...]
    signature: np.ndarray
    seconds: float

    @property
    def single(self) -> ScoreEstimate:
        """Score differences of single-node interventions, one per latent: those of the environments are Dᵀ theirs."""
        return self.search.estimate.combined(np.linalg.pinv(self.signature.T.astype(float)))

    @property
    def note(self) -> str:
        """Signature in words."""
        sizes = ", ".join(str(int(row.sum())) for row in self.signature)
        means = (
            "likelihood of Gaussian latents"
            if self.search.gaussian
            else "score differences of every marginal"
        )
        return f"signature by the {means}: {sizes} targeting environments a latent"

    def hard_steps(self, estimator: UmniCrl) -> list[Step]:
        """Exact graph: rows independent of their predecessors where they are targeted."""
        began, search, single = time.perf_counter(), self.search, self.single
        samples = search.coordinates.all
        if search.gaussian and not search.estimate.exact:
            order, rows, errors = self.order, self.peeled.rows, None
        else:
            orders = peel(single.moments, most=3)
            covariances = self._own_covariances(samples)

            def starts(order: tuple[int, ...]) -> np.ndarray:
                return unmix(rows_in_order(single.moments, order), covariances, order)

            order, rows = orders[0].order, starts(orders[0].order)
            counts = self.signature @ np.array([len(y) for y in samples[1:]])
            errors = unmixing_variances(rows, covariances, counts.tolist(), order)
        strengths, p_values = score_edges(rows, single, order, errors)
        seconds = self.seconds + time.perf_counter() - began
        first = Step("signature", order, rows, strengths, p_values, seconds, self.note)
        if estimator.refine == "none" or search.estimate.exact:
            return [first]
        asked = asked_of(search.problem, search.coordinates, estimator.alpha, estimator.thresholds)
        if search.gaussian:
            rivals = estimator.thresholds if search.known is None else None
            return [
                first,
                *refine_gaussian(samples, order, rows, search.progress, self.signature, asked, rivals),
            ]
        return [
            first,
            *refine_flexible(
                samples,
                orders,
                starts,
                estimator.alpha,
                search.seed,
                search.progress,
                self.signature,
                estimator.thresholds.heteroscedastic_level,
                asked,
            ),
        ]

    def soft_steps(self, estimator: UmniCrl) -> list[Step]:
        """Transitive closure: rows up to mixing with ancestors."""
        began, search, single = time.perf_counter(), self.search, self.single
        if not search.gaussian:
            first = closure_by_scores(single)
            if estimator.refine == "none" or search.estimate.exact:
                return [first]
            return [first, self._nonlinear(estimator, first, single)]
        strengths, p_values = score_edges(self.peeled.rows, single, self.order)
        seconds = self.seconds + time.perf_counter() - began
        first = Step("signature", self.order, self.peeled.rows, strengths, p_values, seconds, self.note)
        if estimator.refine == "none" or search.estimate.exact:
            return [first]
        sinks = search.likelihood

        def starts(order: tuple[int, ...]) -> np.ndarray:
            return in_order(sinks, self.signature[list(order)]).rows

        return [
            first,
            closure_by_likelihood(
                search.coordinates,
                single,
                first,
                search.problem.latents,
                estimator.alpha,
                estimator.thresholds,
                self._groups(),
                starts,
            ),
        ]

    def _own_covariances(self, samples: list[np.ndarray]) -> np.ndarray:
        """(latent, component, component): covariance within the environments that target each latent."""
        counts = np.array([len(y) for y in samples[1:]], dtype=float) * self.signature
        each = np.stack([np.cov(y.T).reshape(y.shape[1], -1) for y in samples[1:]])
        return np.tensordot(counts / counts.sum(1, keepdims=True), each, 1)

    def _groups(self) -> np.ndarray:
        """(latent, group, environment) bool: where a latent follows one and the same mechanism."""
        shared = np.empty(len(self.order), dtype=bool)
        shared[list(self.order)] = self.peeled.shared
        most = max(1 if one else int(row.sum()) for one, row in zip(shared, self.signature, strict=True))
        groups = np.zeros((len(shared), 1 + most, self.signature.shape[1] + 1), dtype=bool)
        groups[:, 0, 0], groups[:, 0, 1:] = True, ~self.signature
        for k, row in enumerate(self.signature):
            for number, environment in enumerate(np.flatnonzero(row)):
                groups[k, 1 if shared[k] else 1 + number, 1 + environment] = True
        return groups

    def _nonlinear(self, estimator: UmniCrl, first: Step, single: ScoreEstimate) -> Step:
        """Order and closure by the likelihood of smooth mechanisms."""
        search = self.search

        def starts(order: tuple[int, ...]) -> np.ndarray:
            return rows_in_order(single.moments, order)

        return closure_by_orders(
            search.coordinates.all,
            [peeling.order for peeling in peel(single.moments, most=3)],
            starts,
            first,
            search.problem.latents,
            estimator.alpha,
            estimator.thresholds.held_out,
            search.seed,
            search.progress,
            self.signature,
        )


def _known(problem: Problem) -> np.ndarray | None:
    """The signature (latent, environment) bool where targets are not concealed."""
    targets = problem.setting.targets
    if targets is None:
        return None
    return np.array([[z in targets[name] for name in problem.environments] for z in problem.latents])


def _named(peeled: Peeled, known: np.ndarray | None) -> tuple[tuple[int, ...], np.ndarray]:
    """The order as indices of latents, and the signature by latent. Latents without a name go by their position."""
    if known is None:
        return tuple(range(len(peeled.rows))), peeled.signature
    place = {row.tobytes(): k for k, row in enumerate(known)}
    return tuple(place[row.tobytes()] for row in peeled.signature), known


def _shown_by(problem: Problem, signature: np.ndarray, strengths: np.ndarray) -> dict[str, str]:
    """For each latent an environment of its own that targets it, rather one with few targets."""
    worth = signature * (1 + 1e-3 * np.tanh(np.abs(strengths))) / signature.sum(0).clip(1)
    latents, environments = linear_sum_assignment(worth, maximize=True)
    return {problem.latents[k]: problem.environments[e] for k, e in zip(latents, environments, strict=True)}
