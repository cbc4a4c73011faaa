"""Pictures of what was recovered, graph and latents: matplotlib Figures made without pyplot or its settings.

Every function takes a ``palette``; a Figure can be shown in a notebook or saved with ``figure.savefig``. What shows
how surely it was recovered is in :mod:`crlspec.report.charts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from crlspec.report.layout import Layout, label_places
from crlspec.report.palette import LIGHT, Palette

__all__ = ["Ground", "Line", "frame", "graph", "ground", "scatter", "shortened", "small"]

Pair = tuple[str, str]
Ground = Axes | Callable[..., Figure]
"""Where to draw: on axes, or on those of a figure that this makes, given its ``figsize``."""
COLOURS: Mapping[str, str] = {
    "true": "accent", "plain": "ink", "extra": "alert", "reversed": "alert", "missed": "alert", "doubtful": "muted",
    "open": "muted",
}  # fmt: skip
DOTTED = ("missed", "doubtful")
DASHED = (0, (3.6, 1.8))


@dataclass(frozen=True)
class Line:
    """How an edge is drawn.

    kind    ``plain`` (no truth known), ``true``, ``extra``, ``reversed``, ``missed``, ``doubtful`` or ``open``
    direct  whether it is an edge of the graph itself; else it is dashed: an ancestor, through others or not, or an
            edge that is open
    label   written on it
    width   in points
    """

    kind: str = "plain"
    direct: bool = True
    label: str = ""
    width: float = 1.4


def graph(layout: Layout, edges: Mapping[Pair, Line], palette: Palette = LIGHT, on: Ground = Figure) -> Axes:
    """A directed graph as laid out (y downwards). Colour is never alone in telling edges apart: labels and dashes
    differ too."""
    shown = {name: shortened(name, 11) for name in layout.places}
    half = {name: max(0.2, 0.062 * len(text) + 0.09) for name, text in shown.items()}
    at = layout.places
    level = [
        0.45 + 0.075 * len(line.label)
        for (a, b), line in edges.items()
        if at[a][1] == at[b][1] and line.label
    ]
    layout = layout.stretched(max(1.0, 2 * max(half.values()) + max([0.25, *level])))
    at = layout.places
    curves = {(a, b): _between(layout.route(a, b), (at[a], half[a]), (at[b], half[b])) for a, b in edges}
    points = np.concatenate([np.array(list(at.values())), *curves.values()])
    axes, scale = _canvas(points, max(half.values()), on)
    for name, place in at.items():
        _node(axes, place, half[name], (shown[name], 10 * scale), palette)
    for pair, line in edges.items():
        arrow = FancyArrowPatch(
            path=Path(curves[pair]),
            arrowstyle=f"-|>,head_length={4.5 * scale},head_width={2.6 * scale}",
            linestyle=(0, (1, 2)) if line.kind in DOTTED else "solid" if line.direct else DASHED,
            linewidth=line.width * scale,
            color=getattr(palette, COLOURS[line.kind]),
            fill=True,
            zorder=1,
        )
        axes.add_patch(arrow)
    labelled = [pair for pair, line in edges.items() if line.label]
    spots = label_places([curves[pair] for pair in labelled], list(at.values()))
    for pair, spot in zip(labelled, spots, strict=True):
        colour = getattr(palette, COLOURS[edges[pair].kind])
        box = {"boxstyle": "round,pad=0.12", "facecolor": palette.paper, "edgecolor": "none"}
        style: dict[str, Any] = {
            "ha": "center",
            "va": "center_baseline",
            "fontsize": 7.5 * scale,
            "color": colour,
        }
        axes.text(*spot, edges[pair].label, parse_math=False, bbox=box, zorder=2, **style)
    return axes


def scatter(z: np.ndarray, z_hat: np.ndarray, own: np.ndarray, name: str, palette: Palette = LIGHT) -> Figure:
    """One recovered latent (sample,) against the true one; points where ``own`` come from its own
    environment.

    The points are drawn as a picture, in two middle tones that show on light and dark paper.
    """
    figure, axes = small(palette)
    for mask, colour in ((~own, "#8b95a1"), (own, "#d98a1f")):
        axes.scatter(z[mask], z_hat[mask], s=3.5, color=colour, alpha=0.45, lw=0, rasterized=True)
    figure.set_dpi(144)
    axes.set_xlabel(f"true {shortened(name, 14)}", color=palette.muted, fontsize=8, parse_math=False)
    axes.set_ylabel("recovered", color=palette.muted, fontsize=8)
    return figure


def shortened(name: str, most: int) -> str:
    """A name cut to ``most`` characters, in its middle: what tells names apart stands at either end."""
    tail = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - tail]}…{name[-tail:]}"


def frame(axes: Axes, palette: Palette) -> None:
    """Axes on the left and below alone, in quiet colours."""
    axes.set_facecolor("none")
    axes.tick_params(colors=palette.muted, labelsize=7.5, length=2.5, width=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.rule)


def ground(on: Ground, size: tuple[float, float], place: tuple[float, float, float, float]) -> Axes:
    """The axes given; or else those at a place, in shares, of a new figure of a size in inches."""
    if isinstance(on, Axes):
        return on
    return on(figsize=size).add_axes(place)


def small(palette: Palette) -> tuple[Figure, Axes]:
    """An empty picture of the size that stands beside others."""
    figure = Figure(figsize=(2.05, 1.95))
    axes = figure.add_axes((0.2, 0.2, 0.77, 0.77))
    frame(axes, palette)
    return figure, axes


def _canvas(points: np.ndarray, half: float, on: Ground) -> tuple[Axes, float]:
    """Bare axes around points (point, 2), with room for nodes of half that width; and the size of things on them, 1
    in a figure of one's own, less where axes are given that are too small for that."""
    (left, bottom), (right, top) = points.min(0), points.max(0)
    margin, unit = half + 0.12, 0.9
    width, height = right - left + 2 * margin, top - bottom + 0.7
    spare = max(0.0, 2.6 / unit - width) / 2
    wanted = ((width + 2 * spare) * unit, height * unit)
    axes = ground(on, wanted, (0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left - margin - spare, right + margin + spare)
    axes.set_ylim(bottom - 0.35, top + 0.35)
    axes.set_aspect("equal")
    if axes is not on:
        return axes, 1.0
    across, down = axes.bbox.width / axes.figure.dpi, axes.bbox.height / axes.figure.dpi
    return axes, min(1.0, across / wanted[0], down / wanted[1])


def _between(points: np.ndarray, *nodes: tuple[tuple[float, float], float]) -> np.ndarray:
    """The part of a curve (point, 2) that is outside of nodes (place, half width), and a little off them."""
    outside = np.ones(len(points), dtype=bool)
    for place, half in nodes:
        dx, dy = np.abs(points - np.array(place)).T
        outside &= np.hypot(np.maximum(dx - (half - 0.2), 0), dy) > 0.235
    inner = points[outside]
    return inner if len(inner) > 1 else points


def _node(
    axes: Axes, at: tuple[float, float], half: float, text: tuple[str, float], palette: Palette
) -> None:
    box = FancyBboxPatch(
        (at[0] - half, at[1] - 0.2),
        2 * half,
        0.4,
        boxstyle="round,pad=0,rounding_size=0.2",
        facecolor=palette.paper,
        edgecolor=palette.ink,
        linewidth=1.1,
        zorder=3,
    )
    axes.add_patch(box)
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center_baseline",
        "fontsize": text[1],
        "color": palette.ink,
    }
    axes.text(*at, text[0], parse_math=False, zorder=4, **style)
