"""The part of the report that says what a latent is: the environments that target it, the variables that carry it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.report import charts, page
from crlspec.report.drawing import Drawing
from crlspec.report.palette import LIGHT, THEMED, Palette
from crlspec.report.svg import svg
from crlspec.results.account import targets_text
from crlspec.results.loadings import LOADINGS

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["carriers", "loading_map"]

MOST = 8
"""Variables told of a latent."""
ROWS = 24
"""Variables of the map, about."""


def carriers(result: Record) -> str:
    """A row for each latent; empty where neither environments nor variables are known."""
    told = {name: (result.targeted_by(name), result.loadings(name, MOST)) for name in result.names}
    environments = any(hit for hit, _ in told.values())
    variables = any(carried for _, carried in told.values())
    if not environments and not variables:
        return ""
    head = ["Latent", *["Environments"] * environments, *["Variables that move most with it"] * variables]
    rows = []
    for name, (hit, carried) in told.items():
        row = [f"<b>{escape(name)}</b>"]
        if environments:
            row.append(escape(targets_text(hit)) or "—")
        if variables:
            row.append(", ".join(f'<span class="keep">{escape(str(one))}</span>' for one in carried) or "—")
        rows.append(row)
    note = _note(result, environments, variables)
    table = page.table(head, rows, (), "stack")
    return page.section(
        "carriers", "What the latents are", note, table, _picture(result) if variables else ""
    )


def loading_map(result: Record, palette: Palette = LIGHT) -> Drawing:
    """Loadings of the strongest variables of each latent as ink, negative ones in the alerting colour; the numbers
    too where there are few latents."""
    loadings = result.diagnostics[LOADINGS].sel(latent=list(result.names)).transpose("variable", "latent")
    each = max(1, min(MOST, ROWS // len(result.names)))
    shown = {one.variable for name in result.names for one in result.loadings(name, each)}
    names = [str(name) for name in loadings["variable"].values if str(name) in shown]
    values = np.asarray(loadings.sel(variable=names).values, dtype=float)
    texts = [[f"{value:+.2f}".replace("-", "−") for value in row] for row in values.tolist()]
    ink = values / max(float(np.abs(values).max()), 1e-300)
    return charts.cell_map(ink, names, result.names, None, texts, palette)


def _picture(result: Record) -> str:
    told = "; ".join(f"{name}: {', '.join(map(str, result.loadings(name, MOST)))}" for name in result.names)
    return page.figure(
        svg(loading_map(result, THEMED), "loadings", "Loadings of variables on latents.", f"{told}.")
    )


def _note(result: Record, environments: bool, variables: bool) -> str:
    note = "Each latent with the environments that intervene on it. " if environments else ""
    if variables:
        note += (
            "A loading says by how many of its standard deviations a variable moves when the latent moves by one of "
            "its own, the other latents held, without intervention. Its sign goes with that of the latent, which is "
            "a convention. In brackets its standard error"
        )
        known = "leftovers" in result.diagnostics
        note += ", with what latents may hold of each other. " if known else ", latents taken as they are. "
    if result.graph == "transitive closure":
        note += "Under soft interventions a latent is mixed with its ancestors, and so are its loadings. "
    if components := result.provenance.get("components"):
        note += (
            f"Latents were found in {components['count']} principal components of {components['variables']} "
            f"variables, which hold {100 * components['share']:.3g} % of their variance. The rest is not seen. "
        )
    if result.preparation is not None:
        note += f"Variables are those after {', '.join(result.preparation.steps)}. "
    return note.strip()
