"""What estimators for linear mixings share: checks of the data before, and the Estimate's parts after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Stage, Status
from crlspec.inference.observation_noise import check_noisy_rank, noise_facts, with_noise
from crlspec.inference.refined import Refined
from crlspec.numerics.statistics import explained_by_squares, gaussianity_p_value
from crlspec.scores.base import Coordinates, ScoreEstimate

__all__ = [
    "assemble", "check_injective", "check_rank", "encoder_of", "is_gaussian", "status_of", "tested_edges",
    "with_uneven_noise", "without_calibration",
]  # fmt: skip

UNEVEN = 0.003
"""From this share on the size of a noise is said to vary with other latents."""


def assemble(
    problem: Problem,
    coordinates: Coordinates,
    estimate: ScoreEstimate,
    steps: list[Refined],
    seconds: Mapping[str, float],
    *,
    alpha: float,
    exact_graph: bool,
    shown_by: Mapping[str, str],
    status: Status | None = None,
    further: Mapping[str, xr.DataArray] | None = None,
) -> Estimate:
    """The Estimate that the steps of an estimation leave, the last one deciding.

    estimate     score differences of every environment, for status and diagnostics
    alpha        level below which a tested pair is an edge
    exact_graph  whether the edges are the graph itself, not its closure
    shown_by     latent → the environment that showed it
    status       whether the data decided; read off the score differences where None
    further      diagnostics beside those that every estimate has
    """
    names = problem.latents
    space, n = coordinates.space, len(names)
    stages, last = [], steps[-1]
    for step in steps:
        encoder, _ = encoder_of(step, coordinates)
        found = tuple(e for e in tested_edges(step, names) if e.p_value < alpha)
        order = tuple(names[m] for m in step.order)
        stages.append(Stage(step.name, order, found, encoder, step.seconds, step.note))
    encoder, rows = encoder_of(last, coordinates)
    tested = tested_edges(last, names)
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
        "score_spectrum": xr.DataArray(
            np.linalg.eigvalsh(estimate.moments)[:, ::-1],
            dims=("environment", "component"),
            coords={"environment": list(coordinates.environments)},
        ),
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
    noise = noise_facts(problem, coordinates, encoder, names)
    diagnostics.update({**noise, **(further or {})})
    return Estimate(
        latents=names,
        environment_of=dict(shown_by),
        encoder=encoder,
        mixing=space.coloring @ decoder,
        order=tuple(names[m] for m in last.order),
        edges=tuple(e for e in tested if e.p_value < alpha),
        tested=tested,
        graph="exact" if exact_graph else "transitive closure",
        status=with_noise(status or status_of(estimate), noise),
        stages=tuple(stages),
        diagnostics=diagnostics,
        seconds=seconds,
    )


def check_rank(problem: Problem, coordinates: Coordinates) -> None:
    """Linear mixing gives exactly as many linear dimensions as latents; small structureless noise is let pass, and
    where the setting declares noise, the dimensions that stand out of it are counted by a test.

    Raises DataError where there are fewer or more.
    """
    if problem.setting.noisy:
        check_noisy_rank(problem, coordinates)
        return
    spectrum, n = coordinates.space.spectrum, len(problem.latents)
    check_injective(spectrum, n)
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


def check_injective(spectrum: np.ndarray, latents: int) -> None:
    """Raises DataError where the observations span fewer linear dimensions than latents, whatever the mixing.

    spectrum  (component,) eigenvalues of the standardised pooled covariance, descending
    """
    if spectrum[latents - 1] < 1e-13 * spectrum[0]:
        significant = int((spectrum > 1e-13 * spectrum[0]).sum())
        raise DataError(
            f"the observations span {significant} linear dimension{'s' * (significant != 1)}, fewer than the "
            f"{latents} latents: the mixing is not injective, and no method can recover them all",
            "Declare fewer latents, or observe variables that tell the others apart.",
        )


def is_gaussian(coordinates: Coordinates) -> bool:
    """Whether no environment contradicts Gaussian latents."""
    return gaussianity_p_value(coordinates.all) > 1e-3


def encoder_of(step: Refined, coordinates: Coordinates) -> tuple[LinearEncoder, np.ndarray]:
    """The encoder of a step, latents in their own order: unit observational deviation, mean zero, and the largest
    entry of each latent's column of the mixing positive; and its rows (latent, component) in white coordinates."""
    rows = np.empty_like(step.rows)
    rows[list(step.order)] = step.rows
    rows = rows / (coordinates.observational @ rows.T).std(0)[:, None]
    columns = coordinates.space.coloring @ np.linalg.inv(rows)
    signs = np.sign(columns[np.abs(columns).argmax(0), range(len(rows))])
    rows = rows * signs[:, None]
    return LinearEncoder(rows @ coordinates.space.whitener, coordinates.x.mean(0)), rows


def tested_edges(step: Refined, names: tuple[str, ...]) -> tuple[Edge, ...]:
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


def status_of(estimate: ScoreEstimate) -> Status:
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


def with_uneven_noise(status: Status, step: Refined) -> Status:
    """The status where the last step took noise to be of one size, and its residuals say that it is not."""
    if step.uneven < UNEVEN:
        return status
    return Status(
        "undecided",
        f"the noise of a recovered latent varies in size with other latents, which explain {step.uneven:.3f} of the "
        "variance of its square: the likelihood takes it to be of one size, and its latents may be wrong",
        "Use estimator: {refine: none}, which does not, and compare.",
    )


def without_calibration(status: Status) -> Status:
    """The status of a result whose p-values leave out the error of the latents."""
    return Status(
        status.code,
        f"{status.message}; the p-values of the edges are not calibrated: they leave out how far the latents are "
        "off, and many more absent edges than alpha are found",
        status.remedy or "Take the edges of refine: likelihood.",
    )
