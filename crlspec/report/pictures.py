"""Pictures of what was recovered, graph and latents: matplotlib Figures made without pyplot or its settings.

Every function takes a ``palette``; a Figure can be shown in a notebook or saved with ``figure.savefig``. What shows
how surely it was recovered is in :mod:`crlspec.report.charts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from crlspec.report.layout import Layout, label_places
from crlspec.report.palette import LIGHT, Palette

__all__ = ["Line", "frame", "graph", "histogram", "scatter", "shortened", "small"]

Pair = tuple[str, str]
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


def graph(layout: Layout, edges: Mapping[Pair, Line], palette: Palette = LIGHT) -> Figure:
    """A directed graph as laid out (y downwards). Colour is never alone in telling edges apart: labels and dashes
    differ too."""
    shown = {name: shortened(name, 11) for name in layout.places}
    half = {name: max(0.2, 0.062 * len(text) + 0.09) for name, text in shown.items()}
    layout = layout.stretched(max(1.0, 2 * max(half.values()) + 0.25))
    at = layout.places
    curves = {(a, b): _between(layout.route(a, b), (at[a], half[a]), (at[b], half[b])) for a, b in edges}
    axes = _canvas(np.concatenate([np.array(list(at.values())), *curves.values()]), max(half.values()))
    for name, place in at.items():
        _node(axes, place, half[name], shown[name], palette)
    for pair, line in edges.items():
        arrow = FancyArrowPatch(
            path=Path(curves[pair]),
            arrowstyle="-|>,head_length=4.5,head_width=2.6",
            linestyle=(0, (1, 2)) if line.kind in DOTTED else "solid" if line.direct else DASHED,
            linewidth=line.width,
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
        style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 7.5, "color": colour}
        axes.text(*spot, edges[pair].label, parse_math=False, bbox=box, zorder=2, **style)
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


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


def histogram(observational: np.ndarray, own: np.ndarray, name: str, palette: Palette = LIGHT) -> Figure:
    """One recovered latent without intervention (filled) and in its own environment (outline): densities."""
    figure, axes = small(palette)
    low, high = np.quantile(np.concatenate([observational, own]), [0.002, 0.998])
    bins = np.linspace(low, high + 1e-9, 36).tolist()
    axes.hist(observational, bins, density=True, histtype="stepfilled", color=palette.muted, alpha=0.35)
    axes.hist(own, bins, density=True, histtype="step", color=palette.accent, lw=1.5)
    axes.set_yticks([])
    axes.set_xlabel(shortened(name, 18), color=palette.muted, fontsize=8, parse_math=False)
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


def small(palette: Palette) -> tuple[Figure, Axes]:
    """An empty picture of the size that stands beside others."""
    figure = Figure(figsize=(2.05, 1.95))
    axes = figure.add_axes((0.2, 0.2, 0.77, 0.77))
    frame(axes, palette)
    return figure, axes


def _canvas(points: np.ndarray, half: float) -> Axes:
    """Bare axes around points (point, 2), with room for nodes of half that width."""
    (left, bottom), (right, top) = points.min(0), points.max(0)
    margin, unit = half + 0.12, 0.9
    width, height = right - left + 2 * margin, top - bottom + 0.7
    spare = max(0.0, 2.6 / unit - width) / 2
    figure = Figure(figsize=((width + 2 * spare) * unit, height * unit))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left - margin - spare, right + margin + spare)
    axes.set_ylim(bottom - 0.35, top + 0.35)
    axes.set_aspect("equal")
    return axes


def _between(points: np.ndarray, *nodes: tuple[tuple[float, float], float]) -> np.ndarray:
    """The part of a curve (point, 2) that is outside of nodes (place, half width), and a little off them."""
    outside = np.ones(len(points), dtype=bool)
    for place, half in nodes:
        dx, dy = np.abs(points - np.array(place)).T
        outside &= np.hypot(np.maximum(dx - (half - 0.2), 0), dy) > 0.235
    inner = points[outside]
    return inner if len(inner) > 1 else points


def _node(axes: Axes, at: tuple[float, float], half: float, text: str, palette: Palette) -> None:
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
    style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 10, "color": palette.ink}
    axes.text(*at, text, parse_math=False, zorder=4, **style)
