"""The part of the report that shows a result beside simpler ways: a line of means, and every latent in a table."""

from __future__ import annotations

import math
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.report import page
from crlspec.report.drawing import Dots, Drawing, Path, Shape, axis, decades
from crlspec.report.palette import THEMED, Palette
from crlspec.report.pictures import small
from crlspec.report.svg import svg
from crlspec.results.ceiling import Ceiling
from crlspec.results.texts import number_text
from crlspec.results.unseen import KEY as CEILING
from crlspec.results.yardsticks import KEY, Yardsticks

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["yardsticks"]


def yardsticks(result: Record) -> str:
    """Each way with its mean and its latents, and the labels at which a supervised network overtakes; empty where the
    result keeps no yardsticks."""
    if KEY not in result.provenance or CEILING not in result.provenance:
        return ""
    found = Yardsticks.of(Ceiling.from_values(result.provenance[CEILING]), result.provenance[KEY])
    head = ["Way", "Labels", "Mean |r|", *found.ceiling.latents]
    rows = [
        [
            f"<b>{escape(one.name)}</b>" if k == 0 and found.ceiling.own is not None else escape(one.name),
            f"{one.labels:,}" if one.labels else "none",
            number_text(found.mean(one)),
            *(number_text(value) for value in one.correlation),
        ]
        for k, one in enumerate(found.rows)
    ]
    note = (
        f"|r| with the true latents on {found.ceiling.rows:,} rows of {found.ceiling.observational} that none saw. "
        "Ways without labels are matched to the latents at their best. Means leave out latents that nobody sees."
    )
    told = "".join(f"<p>{escape(text)}</p>" for text in found.sentences())
    table = page.table(head, rows, list(range(1, len(head))), "stack")
    return page.section("yardsticks", "Beside simpler ways", note, _curve(found), table, told)


def _curve(found: Yardsticks) -> str:
    """Mean |r| of the supervised network against its labels, the result as a level line; empty without a result."""
    own = found.ceiling.own_mcc
    tried = (*found.ceiling.fewer, found.ceiling.reached)
    if own is None or math.isnan(own) or len(tried) == 1:
        return ""
    supervised = [one for one in found.rows if one.labels]
    points = [(one.labels, found.mean(one)) for one in supervised]
    alt = f"Mean correlation of the supervised network by number of labels, beside {number_text(own)} of the result."
    caption = (
        "Mean |r| of the supervised network by its number of labels; level line: this result, without labels"
    )
    return page.figure(svg(_drawn(points, own, THEMED), "overtaken", alt), caption)


def _drawn(points: list[tuple[int, float]], own: float, palette: Palette) -> Drawing:
    tried = np.array(points, dtype=float)
    across = replace(decades(tried[:, 0]), label="labels")
    shapes: list[Shape] = [
        Path(tried, palette.muted, 1.0),
        Dots(tried, 4, palette.muted),
        Path(np.array([[one, own] for one in across.ends]), palette.accent, 1.2),
    ]
    return small(across, axis([tried[:, 1], np.array([own])], "mean |r|"), shapes, palette)
