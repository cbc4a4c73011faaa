"""LSCALE-I: linear mixing, one single-node intervention per latent, in a noise-robust form.

After Varıcı, Acartürk, Shanmugam, Kumar & Tajer, "Score-based causal representation learning: linear and general
transformations", JMLR 2025. Their thresholds are replaced by tests at one level alpha; a likelihood refinement
follows the scores unless ``refine: none`` asks for the paper's stages alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from crlspec.data import Problem
from crlspec.inference import declarations
from crlspec.inference.answer import asked_of, assemble
from crlspec.inference.base import Estimator
from crlspec.inference.checks.rank import check_rank, is_gaussian
from crlspec.inference.edges.scores import UNCALIBRATED, are_calibrated, score_edges
from crlspec.inference.estimate import Estimate
from crlspec.inference.likelihood.refine import likelihood_step, refine_flexible
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.order.peeling import peel, rows_in_order, unmix, unmixing_variances
from crlspec.inference.order.peeling_changes import rows_in_order_changes, unmix_changes
from crlspec.inference.order.signature import peel_targets
from crlspec.inference.order.sinks_gaussian import GaussianSinks
from crlspec.inference.soft.full_rank import full_rank_graph
from crlspec.inference.status import status_of, with_heteroscedasticity, without_calibration
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LscaleThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.gaussian_changes import AnyChanges
from crlspec.scores.gaussian_facts import GaussianFacts

__all__ = ["LScaleI"]


@dataclass(frozen=True)
class LScaleI(Estimator):
    """The estimator ``lscale-i``.

    variant  auto (by the setting), hard, soft, or full-rank (soft, sufficiently nonlinear)
    alpha    significance level of every test of an edge
    refine   likelihood, or none for the paper's stages alone
    context  where networks are trained
    thresholds  what else decides
    """

    variant: Literal["auto", "hard", "soft", "full-rank"] = "auto"
    alpha: float = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    context: TrainingContext = HERE
    thresholds: LscaleThresholds = field(default_factory=LscaleThresholds)
    declaration = declarations.LscaleI
    streams = True

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, mixing and graph from the observations.

        Raises SettingMismatch as :meth:`accepts` does, and DataError where the observations span more or fewer
        linear dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        environments = problem.environments_by_latent
        level = self.thresholds.gaussian if scores.by_moments else 1.0
        coordinates = Coordinates.of_normal(problem, environments, level)
        check_rank(problem, coordinates, self.thresholds)
        estimate = scores.estimate(coordinates, seed, progress)
        scored = time.perf_counter()
        hard = self.variant == "hard" or (self.variant == "auto" and problem.setting.kind == "hard")
        if hard:
            steps = self._hard(problem, coordinates, estimate, seed, progress)
        else:
            from crlspec.inference.soft.gaussian import closure_by_likelihood, closure_by_scores

            known = Knowledge.of(problem)
            if known is not None and estimate.exact:
                known.refuse_exact()
            steps = [closure_by_scores(estimate)]
            if self.variant == "full-rank":
                steps.append(full_rank_graph(estimate, steps[0], self.alpha, self.thresholds))
            elif self.refine == "likelihood" and not estimate.exact:
                if is_gaussian(coordinates, self.thresholds.gaussian):
                    effective = np.array(
                        [problem.size(name) for name in (problem.observational, *coordinates.environments)]
                    )
                    steps.append(
                        closure_by_likelihood(
                            coordinates,
                            estimate,
                            steps[0],
                            problem.latents,
                            self.alpha,
                            self.thresholds,
                            effective=effective,
                            knowledge=known,
                        )
                    )
                else:
                    from crlspec.inference.soft.invariance import closure_by_invariance

                    if known is not None:
                        known.refuse_smooth_soft()
                    steps.append(
                        closure_by_invariance(
                            coordinates,
                            estimate,
                            steps[0],
                            problem.latents,
                            self.alpha,
                            self.thresholds,
                            seed,
                            progress,
                            self.context,
                        )
                    )
        seconds = {"scores": scored - began, "inference": time.perf_counter() - scored}
        exact_graph = hard or self.variant == "full-rank"
        status = with_heteroscedasticity(
            status_of(estimate, self.thresholds.agreement), steps[-1], self.thresholds.heteroscedastic
        )
        if steps[-1].name == "scores" and not are_calibrated(estimate):
            status = without_calibration(status)
        shown = dict(zip(problem.latents, coordinates.environments, strict=True))
        return assemble(
            problem,
            coordinates,
            estimate,
            steps,
            seconds,
            alpha=self.alpha,
            thresholds=self.thresholds,
            exact_graph=exact_graph,
            targeted_by=shown,
            status=status,
        )

    def _hard(
        self,
        problem: Problem,
        coordinates: Coordinates,
        estimate: ScoreEstimate,
        seed: int,
        progress: Progress,
    ) -> list[Step]:
        began = time.perf_counter()
        known = Knowledge.of(problem)
        before = None if known is None else known.before
        alone = self.refine == "none" or estimate.exact
        gaussian = not alone and is_gaussian(coordinates, self.thresholds.gaussian)
        orders = peel(estimate.moments, most=1 if alone or gaussian else 3, before=before)
        facts = estimate.gaussian or GaussianFacts.of(coordinates.all)
        covariances = facts.covariances[1:]

        def starts(order: tuple[int, ...]) -> np.ndarray:
            return unmix(rows_in_order(estimate.moments, order), covariances, order)

        rows = starts(orders[0].order)
        errors = unmixing_variances(rows, covariances, [len(y) for y in coordinates.all[1:]], orders[0].order)
        best = orders[0].order

        leading = rows_in_order(estimate.moments, best)

        def changes_of(changes: AnyChanges) -> np.ndarray:
            moved = rows_in_order_changes(estimate.moments, best, changes.moments)
            return unmix_changes(leading, covariances, best, moved, changes.covariances)

        strengths, p_values = score_edges(rows, estimate, best, errors, changes_of)
        first = Step(
            "scores", orders[0].order, rows, strengths, p_values, time.perf_counter() - began,
            orders[0].note + UNCALIBRATED * (not are_calibrated(estimate)),
            given=None if known is None else known.given(best),
        )  # fmt: skip
        if known is not None and estimate.exact:
            known.refuse_exact()
        if alone:
            return [first]
        asked = asked_of(problem, coordinates, self.alpha, self.thresholds)
        if gaussian:
            progress("likelihood", 0.0)
            sinks = GaussianSinks.of(coordinates.all, hard=True)
            order, rows = peel_targets(sinks, len(rows), before)
            free = None if known is None else peel_targets(sinks, len(rows))
            return [first, likelihood_step(sinks.moments, asked.counts, order, rows, asked=asked, free=free)]
        from crlspec.inference.likelihood.keep_start import start_or_refined

        refined = refine_flexible(
            coordinates.all,
            orders,
            starts,
            self.alpha,
            seed,
            progress,
            heteroscedastic=self.thresholds.heteroscedastic_level,
            asked=asked,
            context=self.context,
        )
        worse = self.thresholds.worse
        return [first, *start_or_refined(first, refined, coordinates.all, seed, worse, self.context)]
