"""LSCALE-I: linear mixing, one single-node intervention per latent, in a noise-robust form.

After Varıcı, Acartürk, Shanmugam, Kumar & Tajer, "Score-based causal representation learning: linear and general
transformations", JMLR 2025. Their thresholds are replaced by tests at one level alpha; a likelihood refinement
follows the scores unless ``refine: none`` asks for the paper's stages alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Stage, Status
from crlspec.inference.full_rank import full_rank_graph
from crlspec.inference.peeling import peel, rows_in_order, unmix, unmixing_variances
from crlspec.inference.refine import refine_flexible, refine_gaussian
from crlspec.inference.refined import Refined
from crlspec.inference.score_edges import score_edges
from crlspec.inference.soft import closure_by_likelihood, closure_by_regression, closure_by_scores
from crlspec.numerics.statistics import explained_by_squares, gaussianity_p_value
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.spec.accepts import refusal
from crlspec.spec.setting import Setting

__all__ = ["LScaleI"]


@dataclass(frozen=True)
class LScaleI:
    """The estimator ``lscale-i``.

    variant  auto (by the setting), hard, soft, or full-rank (soft, sufficiently nonlinear)
    alpha    significance level of every test of an edge
    refine   likelihood, or none for the paper's stages alone
    """

    variant: Literal["auto", "hard", "soft", "full-rank"] = "auto"
    alpha: float = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    kind = "lscale-i"

    def accepts(self, setting: Setting) -> None:
        """Raises SettingMismatch, with the reason and what would mend it, where the theory does not apply."""
        reason = refusal(setting, self)
        if reason is not None:
            raise SettingMismatch(
                reason[0], "linear mixing, one single-node intervention per latent", reason[1]
            )

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, mixing and graph from the observations.

        Raises SettingMismatch as :meth:`accepts` does, and DataError where the observations span more or fewer
        linear dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        environments = _environments_by_latent(problem)
        coordinates = Coordinates.fit(
            problem.samples, problem.observational, environments, len(problem.latents)
        )
        _check_rank(problem, coordinates)
        estimate = scores.estimate(coordinates, seed, progress)
        scored = time.perf_counter()
        hard = self.variant == "hard" or (self.variant == "auto" and problem.setting.kind == "hard")
        if hard:
            steps = self._hard(coordinates, estimate, seed, progress)
        else:
            steps = [closure_by_scores(estimate)]
            if self.variant == "full-rank":
                steps.append(full_rank_graph(estimate, steps[0], self.alpha))
            elif self.refine == "likelihood" and not estimate.exact:
                if _gaussian(coordinates):
                    steps.append(closure_by_likelihood(coordinates, estimate, steps[0]))
                else:
                    steps.append(closure_by_regression(coordinates, estimate, steps[0], seed, progress))
        seconds = {"scores": scored - began, "inference": time.perf_counter() - scored}
        exact_graph = hard or self.variant == "full-rank"
        return self._assemble(problem, coordinates, estimate, steps, seconds, exact_graph)

    def _hard(
        self, coordinates: Coordinates, estimate: ScoreEstimate, seed: int, progress: Progress
    ) -> list[Refined]:
        began = time.perf_counter()
        orders = peel(estimate.moments, most=3)
        covariances = np.stack([np.cov(y.T).reshape(y.shape[1], -1) for y in coordinates.all[1:]])

        def starts(order: tuple[int, ...]) -> np.ndarray:
            return unmix(rows_in_order(estimate.moments, order), covariances, order)

        rows = starts(orders[0].order)
        errors = unmixing_variances(rows, covariances, [len(y) for y in coordinates.all[1:]], orders[0].order)
        strengths, p_values = score_edges(rows, estimate, orders[0].order, errors)
        first = Refined(
            "scores", orders[0].order, rows, strengths, p_values, time.perf_counter() - began,
            orders[0].note,
        )  # fmt: skip
        if self.refine == "none" or estimate.exact:
            return [first]
        if _gaussian(coordinates):
            return [first, *refine_gaussian(coordinates.all, orders, starts, progress)]
        return [
            first,
            *refine_flexible(coordinates.all, orders, starts, self.alpha, seed, progress),
        ]

    def _assemble(
        self,
        problem: Problem,
        coordinates: Coordinates,
        estimate: ScoreEstimate,
        steps: list[Refined],
        seconds: Mapping[str, float],
        exact_graph: bool,
    ) -> Estimate:
        names = problem.latents
        space, n = coordinates.space, len(names)
        stages, last = [], steps[-1]
        for step in steps:
            encoder, _ = _encoder(step, coordinates)
            found = tuple(e for e in _edges(step, names) if e.p_value < self.alpha)
            order = tuple(names[m] for m in step.order)
            stages.append(Stage(step.name, order, found, encoder, step.seconds, step.note))
        encoder, rows = _encoder(last, coordinates)
        tested = _edges(last, names)
        decoder = np.linalg.inv(rows)
        moments = estimate.in_basis(decoder)
        share = slice(None, None, max(1, len(coordinates.x) // 2000))
        diagnostics = {
            "score_differences": xr.DataArray(
                moments[:, range(n), range(n)],
                dims=("environment", "latent"),
                coords={"environment": list(coordinates.environments), "latent": list(names)},
            ),
            "spectrum": xr.DataArray(space.spectrum, dims=("component",)),
            "score_points": xr.DataArray(
                coordinates.x[share], dims=("sample", "observed"), coords={"observed": list(problem.observed)}
            ),
            "score_values": xr.DataArray(
                estimate.values[:, share] @ np.linalg.pinv(space.coloring),
                dims=("environment", "sample", "observed"),
                coords={
                    "environment": list(coordinates.environments),
                    "observed": list(problem.observed),
                },
            ),
        }
        return Estimate(
            latents=names,
            environment_of=dict(zip(names, coordinates.environments, strict=True)),
            encoder=encoder,
            mixing=space.coloring @ decoder,
            order=tuple(names[m] for m in last.order),
            edges=tuple(e for e in tested if e.p_value < self.alpha),
            tested=tested,
            graph="exact" if exact_graph else "transitive closure",
            status=_status(steps[0], estimate),
            stages=tuple(stages),
            diagnostics=diagnostics,
            seconds=seconds,
        )


def _environments_by_latent(problem: Problem) -> tuple[str, ...]:
    """The environment that intervenes on each latent, in the order of the latents."""
    targets = problem.setting.targets
    if targets is None:
        return problem.environments
    found = {targets[name][0]: name for name in problem.environments}
    return tuple(found[latent] for latent in problem.latents)


def _check_rank(problem: Problem, coordinates: Coordinates) -> None:
    """Linear mixing gives exactly as many linear dimensions as latents; small structureless noise is let pass."""
    spectrum, n = coordinates.space.spectrum, len(problem.latents)
    if spectrum[n - 1] < 1e-13 * spectrum[0]:
        significant = int((spectrum > 1e-13 * spectrum[0]).sum())
        raise DataError(
            f"the observations span {significant} linear dimension{'s' * (significant != 1)}, fewer than the "
            f"{n} latents: the mixing is not injective, and no method can recover them all",
            "Declare fewer latents, or observe variables that tell the others apart.",
        )
    if len(spectrum) == n or spectrum[n] < 1e-11 * spectrum[0]:
        return
    rest = coordinates.space.off(coordinates.x)
    sizeable = spectrum[n] > 1e-2 * spectrum[n - 1]
    significant = int((spectrum > 1e-11 * spectrum[0]).sum())
    if sizeable or explained_by_squares(rest, coordinates.observational) < 1e-6:
        raise DataError(
            f"the observations have {significant} significant linear components, more than the {n} latents: "
            "a linear mixing is refuted by the data (the rest is no small noise, but a function of the others)",
            "Declare mixing: general, observe only variables that are linear in the latents, or, if there are more "
            f"latents than {n}, say so.",
        )


def _gaussian(coordinates: Coordinates) -> bool:
    """Whether no environment contradicts Gaussian latents."""
    return gaussianity_p_value(coordinates.all) > 1e-3


def _encoder(step: Refined, coordinates: Coordinates) -> tuple[LinearEncoder, np.ndarray]:
    """The encoder of a step, latents in their own order: unit observational deviation, mean zero, and the largest
    entry of each latent's column of the mixing positive; and its rows (latent, component) in white coordinates."""
    rows = np.empty_like(step.rows)
    rows[list(step.order)] = step.rows
    rows = rows / (coordinates.observational @ rows.T).std(0)[:, None]
    columns = coordinates.space.coloring @ np.linalg.inv(rows)
    signs = np.sign(columns[np.abs(columns).argmax(0), range(len(rows))])
    rows = rows * signs[:, None]
    return LinearEncoder(rows @ coordinates.space.whitener, coordinates.x.mean(0)), rows


def _edges(step: Refined, names: tuple[str, ...]) -> tuple[Edge, ...]:
    """Every tested pair of a step."""
    return tuple(
        Edge(
            names[step.order[j]],
            names[step.order[i]],
            float(step.strengths[i, j]),
            float(step.p_values[i, j]),
        )
        for i, j in zip(*np.tril_indices(len(names), -1), strict=True)
    )


def _status(first: Refined, estimate: ScoreEstimate) -> Status:
    """Whether the scores say anything: two fits that share no sample must agree on every environment."""
    moments = np.einsum("eii->e", estimate.moments)
    size = (estimate.values**2).sum(-1).mean(-1)
    if not estimate.exact and bool((moments < 0.2 * size).any()):
        return Status(
            "undecided",
            "in at least one environment the score differences are mostly noise: two fits on halves of the data "
            "disagree, so that order and latents may be wrong",
            "Give more samples, or stronger interventions.",
        )
    return Status("ok", "order, latents and edges were decided by the data")
