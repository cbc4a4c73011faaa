"""What GSCALE-I says of its own answer: whether the data decided, how each step went, diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.inference.check import Check, listed
from crlspec.inference.encoders.log_ratios import LOG_2, quadratic_ratio
from crlspec.inference.encoders.pairing import Pairing
from crlspec.inference.encoders.structured_ratio import Fitted
from crlspec.inference.estimate import Status
from crlspec.inference.status import DECIDED, status_of_checks
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.linalg import ColumnSpace

__all__ = [
    "check_pairs",
    "checks_of",
    "contrasts",
    "diagnostics_of",
    "encoder_note",
    "start_note",
    "status_of",
]


def contrasts(z: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(latent,): by how many standard errors the two environments of each latent are told apart, about."""
    found = []
    for i, (a, b) in enumerate(pairs):
        one, other = z[a][:, [i]], z[b][:, [i]]
        found.append(
            np.sqrt(2 * (len(one) + len(other)) * max(LOG_2 - quadratic_ratio(one, other).loss, 0.0))
        )
    return np.array(found)


def checks_of(
    pairing: Pairing,
    contrasts: np.ndarray,
    agreement: np.ndarray | None,
    thresholds: GscaleThresholds,
    excess: float | None = None,
) -> tuple[Check, ...]:
    """The checks ``contrast``, ``pairing``, ``agreement`` and ``residual-mixing``, those that apply.

    contrasts  (latent,): see :func:`contrasts`
    agreement  (latent,) of the encoder that was trained, if one was
    excess     of the tests against the order, where they were made: see :mod:`crlspec.inference.edges.classifier`
    """
    found = [_contrast(contrasts, thresholds.contrast)]
    if np.isfinite(pairing.margin):
        found.append(_pairing(pairing))
    if agreement is not None:
        found.append(_agreement(agreement, thresholds.agreement))
    if excess is not None:
        found.append(_residual_mixing(excess, thresholds.excess))
    return tuple(found)


def status_of(checks: Sequence[Check], agreement: np.ndarray | None, excess: float | None) -> Status:
    """What follows from the checks; where none objects, how far the edges of the latents are to be trusted."""
    ok = DECIDED
    if agreement is not None:
        ok = f"Restarts agree on the latents (rank correlation {agreement.min():.3f} in the worst one). "
        ok += (
            "Edges were tested as if these latents were exact."
            if excess is None
            else "Edge tests allow for small smooth errors of the latents."
        )
    return status_of_checks(checks, ok)


def _contrast(contrasts: np.ndarray, bound: float) -> Check:
    weak, least = int((contrasts < bound).sum()), float(contrasts.min())
    if not weak:
        text = f"The two environments of every latent are told apart, by {least:.0f} standard errors or more."
        return Check("contrast", "passed", least, bound, text)
    return Check(
        "contrast", "undecided", least, bound,
        f"The two environments of {weak} of {len(contrasts)} latents hardly differ ({least:.1f} standard errors "
        f"in the worst, {bound:g} are needed). Such a latent is not recovered.",
        "Give more samples, or interventions whose two mechanisms differ more.",
    )  # fmt: skip


def _pairing(pairing: Pairing) -> Check:
    if pairing.margin >= pairing.clear:
        text = "No other pairing of the environments explains the data nearly as well."
        return Check("pairing", "passed", pairing.margin, pairing.clear, text)
    return Check(
        "pairing", "undecided", pairing.margin, pairing.clear,
        f"Another pairing of the environments explains the data nearly as well (margin {pairing.margin:.1f}, "
        f"{pairing.clear:g} is needed).",
        "Give more samples, or say which environments belong together (design: coupled).",
    )  # fmt: skip


def check_pairs(declared: Sequence[tuple[int, int]], found: Pairing, environments: Sequence[str]) -> Check:
    """Whether the declared pairs are those that the data show.

    declared, found  pairs of environments, by index among the interventional ones
    environments     names of the interventional environments
    """
    told, seen = ({tuple(sorted(pair)) for pair in pairs} for pairs in (declared, found.pairs))
    if told == seen or found.margin < found.clear:
        text = "The data do not object to the declared pairs of environments."
        return Check("pairs", "passed", found.margin, found.clear, text)
    wrong = tuple(environments[k] for pair in sorted(told - seen) for k in pair)
    better = " and ".join(f"'{environments[a]}' with '{environments[b]}'" for a, b in sorted(seen - told))
    return Check(
        "pairs", "refuted", found.margin, found.clear,
        f"The declared pairs of environments {listed(wrong)} do not each differ in one latent. The data pair "
        f"{better} (margin {found.margin:.1f}).",
        "Correct the pairs, or use design: uncoupled, which finds them.", wrong,
    )  # fmt: skip


def _agreement(agreement: np.ndarray, bound: float) -> Check:
    least = float(agreement.min())
    if (agreement >= bound).all():
        return Check("agreement", "passed", least, bound, "Two restarts found the same latents.")
    text = (
        f"No two restarts found the same latents (rank correlation {least:.2f} in the worst one, {bound} is needed). "
        "The training may have ended in a poor optimum. Latents and edges may be wrong."
        if np.isfinite(agreement).all()
        else "There is one restart alone, which cannot show whether it ended in a poor optimum."
    )
    return Check(
        "agreement", "undecided", least, bound, text,
        "Give more restarts (estimator: {kind: gscale-i, restarts: 6}), more steps, or more samples.",
    )  # fmt: skip


def _residual_mixing(excess: float, bound: float) -> Check:
    if excess <= bound:
        text = "Effects that the causal order excludes are no larger than sampling error allows."
        return Check("residual-mixing", "passed", excess, bound, text)
    return Check(
        "residual-mixing", "note", excess, bound,
        f"Dependences that the causal order excludes are {excess:.1f} times larger than sampling error, so the "
        "latents are not fully separated. Edge tests were rescaled by this factor.",
        "More restarts, more steps or more samples would help.",
    )  # fmt: skip


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
