"""The part of the report that shows the decoder at work: what is observed while one latent moves alone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from crlspec.results import page
from crlspec.results.palette import LIGHT, THEMED, Palette, svg
from crlspec.results.pictures import shortened, small

if TYPE_CHECKING:
    from crlspec.results.result import Result

__all__ = ["picture", "traversals"]

REACH = np.linspace(-2.5, 2.5, 41)
MOST = 6
"""Observed variables drawn for each latent: those that it moves most."""


def traversals(result: Result) -> str:
    """A small picture for each latent; empty where the mixing is linear, and where there is no decoder."""
    if result.estimate.mixing is not None or result.estimate.decoder is None:
        return ""
    x = result.decoder(result.latents.children[result.observational].to_dataset()["z_hat"])
    scale = x.std("sample").where(lambda s: s > 0, 1.0)
    middle = x.mean("sample")
    panels = []
    for k, name in enumerate(result.names):
        moved = ((result.traverse(name, REACH) - middle) / scale).transpose("value", "observed")
        reach = moved.max("value") - moved.min("value")
        most = np.argsort(-reach.values, kind="stable")[:MOST]
        variables = [str(v) for v in moved["observed"].values[most]]
        figure = picture(REACH, moved.values[:, most], variables, name, THEMED)
        alt = f"Observed variables that {name} moves most: {', '.join(variables)}."
        panels.append(page.figure(svg(figure, f"traversal{k}", alt), f"<b>{escape(name)}</b>"))
    note = (
        "What the decoder gives while one latent moves and all others stay at their mean: the observed variables "
        f"that move most (up to {MOST}), in units of their deviation. A linear mixing would draw straight lines."
    )
    return page.section("traversals", "Moving one latent", note, f'<div class="many">{"".join(panels)}</div>')


def picture(
    values: np.ndarray, x: np.ndarray, variables: list[str], latent: str, palette: Palette = LIGHT
) -> Figure:
    """Observed variables x (value, variable) against the values (value,) of one latent; names at the lines' ends."""
    figure, axes = small(palette)
    for k, variable in enumerate(variables):
        shade = 1.0 - 0.7 * k / max(len(variables), 2)
        axes.plot(values, x[:, k], color=palette.accent, alpha=shade, lw=1.2)
        place = (float(values[-1]), float(x[-1, k]))
        axes.annotate(
            shortened(variable, 6), place, (2, -2), textcoords="offset points", fontsize=6,
            color=palette.muted, parse_math=False,
        )  # fmt: skip
    axes.set_xlabel(shortened(latent, 18), color=palette.muted, fontsize=8, parse_math=False)
    return figure
