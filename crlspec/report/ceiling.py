"""The part of the report that tells what a supervised network reaches, beside the result."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from crlspec.report import page
from crlspec.results.ceiling import SEEN, Ceiling
from crlspec.results.texts import number_text
from crlspec.results.unseen import KEY

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["ceiling"]

HIDDEN = '<span class="bad">✗ hidden</span>'


def ceiling(result: Record) -> str:
    """Each latent with what the network reaches; empty where the result keeps no ceiling."""
    kept = result.provenance.get(KEY)
    if kept is None:
        return ""
    found = Ceiling.from_values(kept)
    note = (
        f"What a supervised {found.network} network, which is given the true latents of {found.reached.labels:,} "
        f"rows, reaches on {found.rows:,} others of {found.observational}. No method without labels can be asked for "
        "more. "
        f"A latent with R² below {SEEN:g} is hidden. Errors are in standard deviations without intervention."
    )
    told = "".join(f"<p>{escape(text)}</p>" for text in found.sentences())
    parts = [page.table(*_latents(found), "stack"), told]
    if found.fewer:
        parts.append(page.details("The same network with few labels", page.table(*_labels(found), "stack")))
    return page.section("ceiling", "The ceiling", note, *parts)


def _latents(found: Ceiling) -> tuple[list[str], list[list[str]], list[int]]:
    """Head, rows and columns of numbers: a row for each true latent."""
    own, best = found.own, found.reached
    head = [
        "Latent",
        "R²",
        "|r|",
        "Rank |r|",
        "Error",
        *([] if own is None else ["Result |r|", "Ratio"]),
        "Seen",
    ]
    rows = []
    for k, name in enumerate(found.latents):
        numbers = [best.r2[k], best.correlation[k], best.rank_correlation[k], best.mae[k]]
        if own is not None and found.ratio is not None:
            numbers += [own.correlation[k], found.ratio[k]]
        seen = HIDDEN if name in found.hidden else "✓"
        rows.append([_named(found, k), *(number_text(value) for value in numbers), seen])
    return head, rows, list(range(1, len(head) - 1))


def _named(found: Ceiling, k: int) -> str:
    """The true latent, and the recovered one that stands for it under another name."""
    name, other = found.latents[k], None if found.own is None else found.own.recovered[k]
    return escape(name if other in (None, name) else f"{name} ({other})")


def _labels(found: Ceiling) -> tuple[list[str], list[list[str]], list[int]]:
    head = ["Labels", *(f"{name}: error (R²)" for name in found.latents)]
    rows = [
        [
            f"{one.labels:,}",
            *(f"{number_text(a)} ({number_text(b)})" for a, b in zip(one.mae, one.r2, strict=True)),
        ]
        for one in (*found.fewer, found.reached)
    ]
    return head, rows, list(range(1, len(head)))
