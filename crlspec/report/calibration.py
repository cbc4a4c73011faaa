"""The part of the report that shows what labels of a few rows say of the latents."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from crlspec.report import page
from crlspec.report.palette import THEMED, Palette, svg
from crlspec.report.pictures import shortened, small
from crlspec.results import metrics
from crlspec.results.texts import number_text

if TYPE_CHECKING:
    from crlspec.report.facts import TruthFacts
    from crlspec.results.calibration import LabelledLatent
    from crlspec.results.record import Record

__all__ = ["calibration"]

SHOWN = 600
"""Fresh samples that are drawn, at most."""


def calibration(result: Record, truth: TruthFacts | None = None) -> str:
    """Errors on held-out labels, and a picture of them for each latent; why there are none; empty without labels.

    With a truth, fresh samples against their true values as well.
    """
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
    table = page.table(head, rows, [1, 2, 3, 4], "stack")
    return page.section("labels", "Labels", note, table, many, "" if truth is None else _fresh(result, truth))


def _fresh(result: Record, truth: TruthFacts) -> str:
    """Each calibrated latent of fresh samples (up) against its true value, in the unit of the model (across)."""
    calibrated = result.calibration
    assert calibrated is not None
    step = max(1, truth.z.sizes["sample"] // SHOWN)
    some = slice(None, None, step)
    told = result.encoder(truth.x.isel(sample=some))
    panels = []
    for k, one in enumerate(calibrated.latents):
        true, found = (x.sel(latent=one.latent).values for x in (truth.z.isel(sample=some), told))
        r = float(np.abs(metrics.rank_correlations(true[:, None], found[:, None])[0, 0]))
        alt = f"{one.latent} of fresh samples against its true value: absolute rank correlation {r:.4f}."
        figure = svg(_recovered(true, found, calibrated.unit, THEMED), f"fresh{k}", alt)
        panels.append(page.figure(figure, f"<b>{escape(one.latent)}</b> · rank |r| = {number_text(r)}"))
    note = (
        f"{len(told):,} fresh samples of all environments: recovered, in the unit of the labels, against true, in "
        "that of the model."
    )
    return f'<h3>Against the truth</h3><p class="note">{note}</p><div class="many">{"".join(panels)}</div>'


def _recovered(true: np.ndarray, found: np.ndarray, unit: str, palette: Palette) -> Figure:
    figure, axes = small(palette)
    axes.plot(true, found, ".", color=palette.accent, ms=2, alpha=0.6)
    axes.set_xlabel("true", color=palette.muted, fontsize=8)
    told = f"recovered, {shortened(unit, 10)}" if unit else "recovered"
    axes.set_ylabel(told, color=palette.muted, fontsize=8, parse_math=False)
    return figure


def _against(one: LabelledLatent, palette: Palette) -> Figure:
    """Labels (across) and held-out predictions (up), with the line on which they would agree."""
    figure, axes = small(palette)
    ends = [float(one.label.min()), float(one.label.max())]
    axes.plot(ends, ends, color=palette.muted, lw=0.8)
    axes.plot(one.label, one.held_out, ".", color=palette.accent, ms=4, alpha=0.8)
    axes.set_xlabel(f"label {shortened(one.column, 14)}", color=palette.muted, fontsize=8, parse_math=False)
    axes.set_ylabel("held out", color=palette.muted, fontsize=8)
    return figure
