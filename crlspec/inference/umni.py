"""UMNI-CRL: linear mixing, unknown interventions on several latents at once, soft or hard.

After Varıcı, Acartürk, Shanmugam & Tajer, "Linear causal representation learning from unknown multi-node
interventions", NeurIPS 2024. Signature and causal order come from :mod:`crlspec.inference.order.signature`; with the
signature D known, score differences combine to those of single-node interventions, and what follows is as in
LSCALE-I: encoder rows, then the likelihood of all environments, and tests of edges at one level alpha. Latents need
not be Gaussian, there may be more environments than latents, and several may target the same latent alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from crlspec.data import Problem
from crlspec.inference import declarations
from crlspec.inference.answer import asked_of, assemble
from crlspec.inference.base import Estimator
from crlspec.inference.checks.known import Statement, check_known
from crlspec.inference.checks.one_mechanism import check_one_mechanism
from crlspec.inference.checks.rank import check_rank, is_gaussian
from crlspec.inference.edges.scores import score_edges
from crlspec.inference.estimate import Estimate
from crlspec.inference.likelihood.decided import settled
from crlspec.inference.likelihood.refine import refine_flexible, refine_gaussian
from crlspec.inference.likelihood.signature_rivals import Rivals
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.order.peeling import peel, rows_in_order, unmix, unmixing_variances
from crlspec.inference.order.signature import Partial, Peeled, in_order
from crlspec.inference.order.signature_search import SignatureSearch, named
from crlspec.inference.order.told import Told
from crlspec.inference.order.told_tests import target_statements
from crlspec.inference.soft.gaussian import closure_by_likelihood, closure_by_scores
from crlspec.inference.soft.held_out import closure_by_orders
from crlspec.inference.status import status_of, with_heteroscedasticity, without_calibration
from crlspec.inference.step import Step
from crlspec.inference.thresholds import UmniThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.spec.setting import Setting

__all__ = ["UmniCrl"]


@dataclass(frozen=True)
class UmniCrl(Estimator):
    """The estimator ``umni-crl``.

    variant  auto (by the setting), hard or soft
    alpha    significance level of every test of an edge
    refine   likelihood, or none: edges by score differences alone
    context  where networks are trained
    thresholds  what else decides
    """

    variant: Literal["auto", "hard", "soft"] = "auto"
    alpha: float = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    context: TrainingContext = HERE
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
        level = self.thresholds.gaussian if scores.by_moments else 1.0
        coordinates = Coordinates.of_normal(problem, problem.environments, level)
        check_rank(problem, coordinates, self.thresholds)
        estimate = scores.estimate(coordinates, seed, progress)
        hard, gaussian = self._hard(problem.setting), is_gaussian(coordinates, self.thresholds.gaussian)
        progress("signature", 0.0)
        told, knowledge = Told.of(problem), Knowledge.of(problem)
        if knowledge is not None and estimate.exact:
            knowledge.refuse_exact()
        if not gaussian and problem.setting.targets is None and told.environments.any():
            told.refuse_smooth()
        search = SignatureSearch(
            problem, coordinates, estimate, scores, hard, gaussian, told, knowledge, seed, progress
        )
        scored = time.perf_counter()
        peeled, status = search.signature(self.thresholds)
        order, signature = named(peeled, told)
        strengths = np.empty_like(peeled.strengths)
        strengths[list(order)] = peeled.strengths
        stated = target_statements(search, peeled, self.thresholds)
        found = _Found(search, peeled, order, signature, stated, time.perf_counter() - scored)
        steps = found.hard_steps(self) if search.hard else found.soft_steps(self)
        if stated and not any(check.name == "known" for check in steps[-1].checks):
            rest = steps[-1].checks or (settled(steps[-1].settled),)
            checked = (check_known(stated, self.thresholds.known), *rest)
            steps[-1] = replace(steps[-1], checks=checked)
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
class _Found:
    """From signature (latent, environment) and order on: single-node score differences, then as in LSCALE-I.

    stated  what is known of the targets, tested
    """

    search: SignatureSearch
    peeled: Peeled
    order: tuple[int, ...]
    signature: np.ndarray
    stated: list[Statement]
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
            orders = peel(single.moments, most=3, before=search.before)
            covariances = self._own_covariances(samples)

            def starts(order: tuple[int, ...]) -> np.ndarray:
                return unmix(rows_in_order(single.moments, order), covariances, order)

            order, rows = orders[0].order, starts(orders[0].order)
            counts = self.signature @ np.array([len(y) for y in samples[1:]])
            errors = unmixing_variances(rows, covariances, counts.tolist(), order)
        strengths, p_values = score_edges(rows, single, order, errors)
        seconds = self.seconds + time.perf_counter() - began
        given = None if search.knowledge is None else search.knowledge.given(order)
        first = Step("signature", order, rows, strengths, p_values, seconds, self.note, given=given)
        if estimator.refine == "none" or search.estimate.exact:
            return [first]
        asked = asked_of(search.problem, search.coordinates, estimator.alpha, estimator.thresholds)
        if search.gaussian:
            rivals = None if search.told.whole else Rivals(search.told.free, estimator.thresholds)
            free = search.free(self.signature)
            refined = refine_gaussian(
                samples, order, rows, search.progress, self.signature, asked, rivals, free, self.stated
            )
            return [first, *refined]
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
                estimator.context,
            ),
        ]

    def soft_steps(self, estimator: UmniCrl) -> list[Step]:
        """Transitive closure: rows up to mixing with ancestors."""
        began, search, single = time.perf_counter(), self.search, self.single
        if not search.gaussian:
            first = closure_by_scores(single)
            if estimator.refine == "none" or search.estimate.exact:
                return [first]
            if search.knowledge is not None:
                search.knowledge.refuse_smooth_soft()
            return [first, self._nonlinear(estimator, first, single)]
        strengths, p_values = score_edges(self.peeled.rows, single, self.order)
        seconds = self.seconds + time.perf_counter() - began
        first = Step("signature", self.order, self.peeled.rows, strengths, p_values, seconds, self.note)
        if estimator.refine == "none" or search.estimate.exact:
            return [first]
        sinks, ends = search.likelihood, dict[bytes, Partial]()

        def starts(order: tuple[int, ...]) -> np.ndarray:
            return in_order(sinks, self.signature[list(order)], ends).rows

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
                knowledge=search.knowledge,
                stated=self.stated,
            ),
        ]

    def _own_covariances(self, samples: list[np.ndarray]) -> np.ndarray:
        """(latent, component, component): covariance within the environments that target each latent."""
        counts = np.array([len(y) for y in samples[1:]], dtype=float) * self.signature
        each = np.stack([np.cov(y.T).reshape(y.shape[1], -1) for y in samples[1:]])
        return np.tensordot(counts / counts.sum(1, keepdims=True), each, 1)

    def _groups(self) -> np.ndarray:
        """(latent, group, environment) bool: where a latent follows one and the same mechanism."""
        groups = np.empty_like(self.peeled.groups)
        groups[list(self.order)] = self.peeled.groups
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
            estimator.thresholds,
            search.seed,
            search.progress,
            self.signature,
            estimator.context,
        )


def _shown_by(problem: Problem, signature: np.ndarray, strengths: np.ndarray) -> dict[str, str]:
    """For each latent an environment of its own that targets it, rather one with few targets."""
    worth = signature * (1 + 1e-3 * np.tanh(np.abs(strengths))) / signature.sum(0).clip(1)
    latents, environments = linear_sum_assignment(worth, maximize=True)
    return {problem.latents[k]: problem.environments[e] for k, e in zip(latents, environments, strict=True)}
