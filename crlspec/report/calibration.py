"""The part of the report that shows what labels of a few rows say of the latents."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from crlspec.report import page
from crlspec.report.palette import THEMED, Palette, svg
from crlspec.report.pictures import shortened, small

if TYPE_CHECKING:
    from crlspec.results.calibration import LabelledLatent
    from crlspec.results.record import Record

__all__ = ["calibration"]


def calibration(result: Record) -> str:
    """Errors on held-out labels, and a picture of them for each latent; why there are none; empty without labels."""
    found = result.calibration
    if found is None:
        refused = result.provenance.get("calibration_refused")
        return (
            "" if not refused else page.section("labels", "Labels", f"Not used: {escape(refused['message'])}")
        )
    unit = f", {found.unit}" if found.unit else ""
    head = ["Latent", "Labels", "Rank correlation", f"Mean error{unit}", f"Of the labels' mean{unit}", "Map"]
    rows, panels = [], []
    for k, one in enumerate(found.latents):
        error = f"{one.error:.3g}" if one.helps else f"{one.error:.3g} <b>no better than the mean</b>"
        kind = "line" if one.map.affine else "monotone spline"
        rows.append(
            [
                escape(found.named(one)), str(len(one.label)), f"{one.correlation:.2f}", error,
                f"{one.mean_error:.3g}", kind,
            ]
        )  # fmt: skip
        alt = f"Labels of {one.latent} against what the map says of them when they are held out."
        panels.append(
            page.figure(svg(_against(one, THEMED), f"label{k}", alt), f"<b>{escape(found.named(one))}</b>")
        )
    note = (
        "A monotone map leads each labelled latent to the unit of its labels. Errors are of labels that were held "
        "out of its fit. Labels were read after the estimate was complete, and the status does not depend on them."
    )
    if found.matched:
        note += f" {escape(found.matching().capitalize())}."
    many = f'<div class="many">{"".join(panels)}</div>'
    return page.section("labels", "Labels", note, page.table(head, rows, [1, 2, 3, 4], "stack"), many)


def _against(one: LabelledLatent, palette: Palette) -> Figure:
    """Labels (across) and held-out predictions (up), with the line on which they would agree."""
    figure, axes = small(palette)
    ends = [float(one.label.min()), float(one.label.max())]
    axes.plot(ends, ends, color=palette.muted, lw=0.8)
    axes.plot(one.label, one.held_out, ".", color=palette.accent, ms=4, alpha=0.8)
    axes.set_xlabel(f"label {shortened(one.column, 14)}", color=palette.muted, fontsize=8, parse_math=False)
    axes.set_ylabel("held out", color=palette.muted, fontsize=8)
    return figure
