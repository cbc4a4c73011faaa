"""What estimators for linear mixings share: checks of the data before, and the Estimate's parts after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.inference.checks.observation_noise import noise_facts, with_noise
from crlspec.inference.estimate import AbsentEdge, Edge, Estimate, LinearEncoder, Stage, Status
from crlspec.inference.likelihood.decided import Asked, settled
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.status import NO_NOISE, as_check, status_of, status_of_checks
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.axes import Axes
from crlspec.numerics.graphs import transitive_closure
from crlspec.numerics.linalg import column_means, covariance
from crlspec.scores.base import Coordinates, ScoreEstimate

__all__ = ["absent_edges", "asked_of", "assemble", "edges_of", "encoder_of", "tested_edges"]

SHOWN, NUMBERS = 2000, 2**21
"""Samples at which score differences are kept, about, and numbers of those of an environment."""


def assemble(
    problem: Problem,
    coordinates: Coordinates,
    estimate: ScoreEstimate,
    steps: list[Step],
    seconds: Mapping[str, float],
    *,
    alpha: float,
    thresholds: LinearThresholds | None = None,
    exact_graph: bool,
    targeted_by: Mapping[str, str],
    status: Status | None = None,
    further: Mapping[str, xr.DataArray] | None = None,
) -> Estimate:
    """The Estimate that the steps of an estimation leave, the last one deciding.

    estimate     score differences of every environment, for status and diagnostics
    alpha        level below which a tested pair is an edge
    exact_graph  whether the edges are the graph itself, not its closure
    targeted_by     latent → the environment that showed it
    status       whether the data decided; read off the score differences where None
    further      diagnostics beside those that every estimate has
    """
    thresholds = thresholds or LinearThresholds()
    names = problem.latents
    space, n = coordinates.space, len(names)
    stages, last = [], steps[-1]
    for step in steps:
        encoder, _ = encoder_of(step, coordinates)
        found = edges_of(step, names, alpha)
        order = tuple(names[m] for m in step.order)
        stages.append(Stage(step.name, order, found, encoder, step.seconds, step.note))
    encoder, rows = encoder_of(last, coordinates)
    tested = tested_edges(last, names)
    decoder = np.linalg.inv(rows)
    moments = estimate.in_basis(decoder)
    points = coordinates.x if estimate.points is None else space.offset + estimate.points @ space.coloring.T
    share = slice(None, None, max(1, len(points) // min(SHOWN, NUMBERS // points.shape[1] + 1)))
    axes = Axes({"environment": coordinates.environments, "latent": names, "observed": problem.observed})
    values = estimate.values[:, share] @ np.linalg.pinv(space.coloring)
    spectra = np.linalg.eigvalsh(estimate.moments)[:, ::-1]
    diagnostics = {
        "score_differences": axes.array(moments[:, range(n), range(n)], "environment", "latent"),
        "spectrum": axes.array(space.spectrum, "component"),
        "score_spectrum": axes.array(spectra, "environment", "component"),
        "score_points": axes.array(points[share], "sample", "observed"),
        "score_values": axes.array(values, "environment", "sample", "observed"),
    }
    diagnostics["score_values"].attrs["gaussian"] = int(estimate.gaussian is not None)
    diagnostics.update(_errors(last, names))
    noise = noise_facts(problem, coordinates, encoder, names, thresholds.dimension)
    diagnostics.update({**noise, **(further or {})})
    most = thresholds.noise_share
    if not any(check.name == "goodness-of-fit" for check in last.checks):  # which noise that matters fails
        most = thresholds.most_noise(min(problem.size(name) for name in problem.samples))
    said = with_noise(status or status_of(estimate, thresholds.agreement), noise, most)
    checks = (as_check(said, "scores", NO_NOISE), *(last.checks or (settled(last.settled),)))
    return Estimate(
        latents=names,
        environment_of=dict(targeted_by),
        encoder=encoder,
        mixing=space.coloring @ decoder,
        order=tuple(names[m] for m in last.order),
        edges=edges_of(last, names, alpha),
        tested=tested,
        absent=absent_edges(last, names, alpha, closure=not exact_graph),
        graph="exact" if exact_graph else "transitive closure",
        checks=checks,
        status=status_of_checks(checks, said.message),
        stages=tuple(stages),
        diagnostics=diagnostics,
        seconds=seconds,
    )


def _errors(step: Step, names: tuple[str, ...]) -> dict[str, xr.DataArray]:
    """``leftovers`` and ``strength_errors`` (latent, other) for other → latent, where a step knows them."""
    labels = np.array([names[m] for m in step.order], dtype=object)
    axes = Axes({"latent": labels, "other": labels})
    told = {"leftovers": step.leftovers, "strength_errors": step.errors}
    return {key: axes.array(values, "latent", "other") for key, values in told.items() if values is not None}


def asked_of(problem: Problem, coordinates: Coordinates, alpha: float, thresholds: LinearThresholds) -> Asked:
    """What the checks of a fit need to know, environments in the order of the coordinates."""
    environments = (coordinates.reference, *coordinates.environments)
    counts = np.array([problem.size(name) for name in environments])
    return Asked(problem.latents, environments, counts, alpha, thresholds, Knowledge.of(problem))


def encoder_of(step: Step, coordinates: Coordinates) -> tuple[LinearEncoder, np.ndarray]:
    """The encoder of a step, latents in their own order: unit observational deviation, mean zero, and the largest
    entry of each latent's column of the mixing positive; and its rows (latent, component) in white coordinates."""
    rows = np.empty_like(step.rows)
    rows[list(step.order)] = step.rows
    spread = rows @ covariance(coordinates.observational) @ rows.T
    count = len(coordinates.observational)
    rows = rows / np.sqrt(np.diagonal(spread) * ((count - 1) / count))[:, None]
    columns = coordinates.space.coloring @ np.linalg.inv(rows)
    signs = np.sign(columns[np.abs(columns).argmax(0), range(len(rows))])
    rows = rows * signs[:, None]
    return LinearEncoder(rows @ coordinates.space.whitener, column_means(coordinates.x)), rows


def tested_edges(step: Step, names: tuple[str, ...]) -> tuple[Edge, ...]:
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


def edges_of(step: Step, names: tuple[str, ...], alpha: float) -> tuple[Edge, ...]:
    """The pairs of :func:`tested_edges` that are edges."""
    pairs = zip(*np.tril_indices(len(names), -1), strict=True)
    found = step.found(alpha)
    return tuple(edge for edge, at in zip(tested_edges(step, names), pairs, strict=True) if found[at])


def absent_edges(
    step: Step, names: tuple[str, ...], alpha: float, closure: bool = False
) -> tuple[AbsentEdge, ...]:
    """Every pair of a step that was not found, where the power of its test is known.

    closure  whether edges stand for ancestors: what a path of found ones leads to is then not claimed absent
    """
    if step.power is None:
        return ()
    found = step.found(alpha)
    reached = transitive_closure(found) if closure else np.zeros_like(found)
    detectable = step.power.detectable
    return tuple(
        AbsentEdge(
            names[step.order[j]],
            names[step.order[i]],
            float(detectable[i, j]),
            bool(detectable[i, j] <= step.power.bound and not reached[i, j]),
        )
        for i, j in zip(*np.tril_indices(len(names), -1), strict=True)
        if not found[i, j] and np.isfinite(detectable[i, j])
    )
