"""The part of the report that shows images of every environment."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from crlspec.numerics.batches import unit_interval
from crlspec.report import page
from crlspec.report.images import beside, by_camera, strip

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["KEY", "contact_sheet"]

KEY = "contact_sheet"
"""The diagnostic that holds the images: (environment, example, channel, row, column)."""


def contact_sheet(result: Record) -> str:
    """A strip of images for each environment, the observational first; empty where the result keeps none."""
    if KEY not in result.diagnostics:
        return ""
    kept = result.diagnostics[KEY]
    cameras = len(result.provenance.get("cameras") or ["camera"])
    targeted = {name: latent for latent, name in result.environment_of.items()}
    panels = []
    for name in (str(value) for value in kept["environment"].values):
        shown = beside(by_camera(unit_interval(kept.sel(environment=name).values), cameras))
        what = f" shows {escape(targeted[name])}" if name in targeted else ""
        panels.append(page.figure(strip([shown], f"Images of {name}."), f"<b>{escape(name)}</b>{what}"))
    note = "The first images of every environment, as they were observed."
    many = f'<div class="curves">{"".join(panels)}</div>'
    return page.section("sheet", "What was observed", note, many)
