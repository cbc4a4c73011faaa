"""A Next in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crlspec.downstream.proposals.propose import Next, Proposal

__all__ = ["told"]

HEAD = ("measure", "rows", "decides (95 %)", "rows enough")


def told(found: Next) -> str:
    """What is open, a table of proposals, and how to take the first one."""
    if not found.proposals:
        return f"{found.status}: {found.why}"
    rows = [HEAD, *(_line(one) for one in found.proposals)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    best, simulated = found.best, sum(one.decided is not None for one in found.proposals)
    lines = [
        f"{found.status}: open are {', '.join(found.open)}. New rows are simulated from the fitted model, the first "
        f"{simulated} lines {best.decided.draws if best.decided else 0} times; its error is not in the intervals.",
        "",
        *table,
        "",
        f"Measure {best.candidate}, {best.rows:,} rows.",
    ]
    if best.at_enough is not None and best.enough is not None:
        lines.append(f"With {best.enough:,} rows it decides in {best.at_enough} of the simulations.")
    if best.candidate.target is not None:
        lines.append(
            "Standard deviations are in observational ones. Then solve with the targets of all environments named"
            + (": design: multi-node, estimator: {kind: umni-crl}." if found.single else ".")
        )
    return "\n".join(lines)


def _line(one: Proposal) -> tuple[str, ...]:
    decided = "" if one.decided is None else str(one.decided)
    enough = "" if one.decided is None else "more than tried" if one.enough is None else f"{one.enough:,}"
    return (str(one.candidate), f"{one.rows:,}", decided, enough)
