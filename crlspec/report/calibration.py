"""The part of the report that shows what labels of a few rows say of the latents."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.report import page
from crlspec.report.drawing import Dots, Drawing, Path, axis
from crlspec.report.palette import THEMED, Palette
from crlspec.report.pictures import shortened, small
from crlspec.report.svg import svg
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


def _recovered(true: np.ndarray, found: np.ndarray, unit: str, palette: Palette) -> Drawing:
    dots = Dots(np.stack([true, found], axis=1), 2, palette.accent, opacity=0.6)
    told = f"recovered, {shortened(unit, 10)}" if unit else "recovered"
    return small(axis([true], "true"), axis([found], told), [dots], palette)


def _against(one: LabelledLatent, palette: Palette) -> Drawing:
    """Labels (across) and held-out predictions (up), with the line on which they would agree."""
    ends = np.array([one.label.min(), one.label.max()], dtype=float)
    line = Path(np.stack([ends, ends], axis=1), palette.muted, 0.8)
    dots = Dots(np.stack([one.label, one.held_out], axis=1), 3, palette.accent, opacity=0.8)
    across = axis([one.label], f"label {shortened(one.column, 14)}")
    return small(across, axis([ends, one.held_out], "held out"), [line, dots], palette)
