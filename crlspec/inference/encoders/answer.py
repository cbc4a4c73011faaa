"""What GSCALE-I says of its own answer: whether the data decided, how each step went, diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.inference.encoders.log_ratios import LOG_2, quadratic_ratio
from crlspec.inference.encoders.pairing import Pairing
from crlspec.inference.encoders.structured_ratio import Fitted
from crlspec.inference.estimate import Status
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.linalg import ColumnSpace

__all__ = ["contrasts", "diagnostics_of", "encoder_note", "start_note", "status_of"]


def contrasts(z: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(latent,): by how many standard errors the two environments of each latent are told apart, about."""
    found = []
    for i, (a, b) in enumerate(pairs):
        one, other = z[a][:, [i]], z[b][:, [i]]
        found.append(
            np.sqrt(2 * (len(one) + len(other)) * max(LOG_2 - quadratic_ratio(one, other).loss, 0.0))
        )
    return np.array(found)


def status_of(
    pairing: Pairing,
    contrasts: np.ndarray,
    agreement: np.ndarray | None,
    thresholds: GscaleThresholds,
    excess: float | None = None,
) -> Status:
    """Whether the data decided.

    contrasts  (latent,): see :func:`contrasts`
    agreement  (latent,) of the encoder that was trained, if one was
    excess     of the tests against the order, where they were made: see :mod:`crlspec.inference.edges.classifier`
    """
    if weak := int((contrasts < thresholds.contrast).sum()):
        return Status(
            "undecided",
            f"the two environments of a latent hardly differ ({weak} of {len(contrasts)}): its "
            "latent may be anything",
            "Give more samples, or interventions whose two mechanisms differ more.",
        )
    if pairing.margin < pairing.clear:
        return Status(
            "undecided",
            f"another pairing of the environments explains the data nearly as well (margin {pairing.margin:.1f}, "
            f"{pairing.clear:g} is clear)",
            "Give more samples, or say which environments belong together (design: coupled).",
        )
    if agreement is not None and not (agreement >= thresholds.agreement).all():
        several = bool(np.isfinite(agreement).all())
        return Status(
            "undecided",
            f"no two restarts found the same latents (rank correlation {agreement.min():.2f} in the worst one, "
            f"{thresholds.agreement} is asked): the training may have ended in a poor optimum, and latents and edges "
            "be wrong"
            if several
            else "one restart alone cannot show that its latents are no poor optimum",
            "Give more restarts (estimator: {restarts: 6}), more steps, or more samples; compare several seeds.",
        )
    return _agreed(agreement, excess, thresholds.excess)


def _agreed(agreement: np.ndarray | None, excess: float | None, most: float) -> Status:
    """How far the edges of decided latents are to be trusted; ``most``: excess beyond which latents are mixed."""
    if agreement is None:
        return Status("ok", "latents, order and edges were decided by the data")
    agreed = f"restarts agree on the latents (rank correlation {agreement.min():.3f} in the worst one)"
    if excess is None:
        return Status("ok", f"{agreed}; edges were tested as if these latents were exact")
    if excess > most:
        return Status(
            "ok",
            f"{agreed}; but effects that the order rules out are {excess:.1f} times what chance gives: latents are "
            "still mixed, and edges were asked to stand out by as much",
            "Give more restarts, more steps, or more samples; compare several seeds.",
        )
    return Status("ok", f"{agreed}; edges were tested free of small smooth errors of the latents")


def start_note(pairing: Pairing) -> str:
    """What was done before any encoder was trained."""
    what = "quadratic logistic regression of the two environments of each latent, one direction"
    if not len(pairing.costs):
        return what
    return f"pairs found, margin {pairing.margin:.1f}; {what}"


def encoder_note(fitted: Fitted, loss: str) -> str:
    """How the training of the encoder went."""
    how = "structured classifiers" if loss == "structured-ratio" else "sparse score changes"
    losses = ", ".join(f"{loss:.3f}" for loss in fitted.losses)
    recombined = (
        f"{len(fitted.restarts)} restarts, their latents recombined to " if fitted.restarts else "restarts: "
    )
    again = (
        "; they disagreed, and as many new ones were recombined with them" if fitted.generations > 1 else ""
    )
    return (
        f"{how}, {recombined}{len(fitted.losses)}{again}, {fitted.trained.steps} steps; losses {losses};"
        f" squared error of the reconstruction {fitted.reconstruction:.3f} a component"
    )


def diagnostics_of(
    problem: Problem,
    order: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    pairing: Pairing,
    fitted: Fitted | None,
    space: ColumnSpace,
    excess: float | None,
) -> dict[str, xr.DataArray]:
    """What :meth:`crlspec.inference.gscale.GScaleI.solve` promises."""
    found = {"spectrum": xr.DataArray(space.spectrum, dims=("component",))}
    if fitted is not None:
        if fitted.restarts:
            found["recombined_losses"] = xr.DataArray(list(fitted.losses), dims=("recombined",))
        found["restart_losses"] = xr.DataArray(list(fitted.restarts or fitted.losses), dims=("restart",))
        labelled = {"latent": list(problem.latents)}
        found["restart_agreement"] = xr.DataArray(fitted.agreement, labelled, ("latent",))
    if excess is not None:
        found["edge_excess"] = xr.DataArray(excess)
    if len(pairing.costs):
        signature = np.zeros((len(order) - 1, len(pairs)), dtype=np.int8)
        for k, (a, b) in enumerate(pairs):
            signature[[a - 1, b - 1], k] = 1
        labelled = {"environment": list(order[1:]), "latent": list(problem.latents)}
        found["signature"] = xr.DataArray(signature, labelled, ("environment", "latent"))
        found["pairing_margin"] = xr.DataArray(pairing.margin)
    return found
