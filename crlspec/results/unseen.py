"""What a ceiling takes out of the claims of a result: latents that the observations do not show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from crlspec.errors import DataError
from crlspec.inference.check import Check, listed, sentence
from crlspec.inference.estimate import Estimate, Status
from crlspec.results.ceiling import SEEN, Ceiling
from crlspec.results.texts import number_text

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["KEY", "ceiling_check", "unclaimed", "with_ceiling"]

KEY = "ceiling"
"""Where a result keeps its ceiling: in its provenance, as plain values."""

AnyRecord = TypeVar("AnyRecord", bound="Record")


def with_ceiling(record: AnyRecord, ceiling: Ceiling) -> AnyRecord:
    """The same result, which keeps the ceiling and claims nothing of latents that are hidden.

    The check ``ceiling`` is added, the status says it, and absent edges of hidden latents are claimed no longer.
    Raises DataError where the result keeps a ceiling already.
    """
    if KEY in record.provenance:
        raise DataError(
            "this result keeps a ceiling already",
            remedy="Take the result as it was before, and the new ceiling.",
        )
    check = ceiling_check(ceiling, unclaimed(ceiling))
    estimate = record.estimate
    estimate = replace(estimate, checks=(*estimate.checks, check), status=_status(estimate.status, check))
    provenance = {**record.provenance, KEY: ceiling.as_values()}
    return replace(record, estimate=_without_claims(estimate, check.latents), provenance=provenance)


def unclaimed(ceiling: Ceiling) -> tuple[str, ...]:
    """Latents of the result that stand for hidden ones; by their own names where the ceiling knows no result."""
    if ceiling.own is None:
        return ceiling.hidden
    standing = dict(zip(ceiling.latents, ceiling.own.recovered, strict=True))
    return tuple(name for hidden in ceiling.hidden if (name := standing[hidden]) is not None)


def ceiling_check(ceiling: Ceiling, unclaimed: tuple[str, ...]) -> Check:
    """The check ``ceiling``: a note where some latents are hidden, undecided where all are.

    unclaimed  the latents of the result that stand for hidden ones
    """
    least = min(ceiling.reached.r2)
    if not ceiling.hidden:
        text = f"A supervised network reaches R² {number_text(least)} or more for every latent."
        return Check(KEY, "passed", least, SEEN, text)
    found = dict(zip(ceiling.latents, ceiling.reached.r2, strict=True))
    told = ", ".join(f"{name} R² {number_text(found[name])}" for name in ceiling.hidden)
    if len(ceiling.hidden) == len(ceiling.latents):
        return Check(
            KEY,
            "undecided",
            least,
            SEEN,
            f"Even a supervised network, which is given the true latents, sees none of them: {told}. "
            "So nothing is claimed.",
            "Observe what the latents change: other sensors, more pixels, or another camera.",
            latents=unclaimed,
        )
    text = f"Even a supervised network, which is given the true latents, does not see all: {told}."
    if unclaimed:
        text += f" Nothing is claimed of {listed(unclaimed)}."
    return Check(KEY, "note", least, SEEN, text, latents=unclaimed)


def _status(status: Status, check: Check) -> Status:
    """The status with what is not claimed; undecided at best where no latent is seen."""
    if check.consequence == "undecided" and status.ok:
        return Status("undecided", check.message, check.remedy)
    if not check.latents or status.code == "refuted":
        return status
    one = len(check.latents) == 1
    more = (
        f"Nothing is claimed of {listed(check.latents)} and {'its' if one else 'their'} edges, since the "
        f"observations do not show {'it' if one else 'them'}."
    )
    return replace(status, message=f"{sentence(status.message)} {more}")


def _without_claims(estimate: Estimate, hidden: tuple[str, ...]) -> Estimate:
    """The estimate without what is said of absent edges at these latents."""
    return replace(
        estimate, absent=tuple(edge for edge in estimate.absent if not set(edge.pair) & set(hidden))
    )
