"""Pictures of what was recovered, graph and latents, in the colours of a ``palette``. What shows how surely it was
recovered is in :mod:`crlspec.report.charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.report.drawing import Axis, Box, Dashes, Dots, Drawing, Path, Shape, Text, axis
from crlspec.report.layout import Layout, label_places
from crlspec.report.palette import LIGHT, Palette

__all__ = ["Line", "graph", "scatter", "shortened", "small"]

Pair = tuple[str, str]
COLOURS: Mapping[str, str] = {
    "true": "accent", "plain": "ink", "extra": "alert", "reversed": "alert", "missed": "alert", "doubtful": "muted",
    "open": "muted",
}  # fmt: skip
DOTTED = ("missed", "doubtful")
DASHED: Dashes = (3.6, 1.8)


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


def graph(layout: Layout, edges: Mapping[Pair, Line], palette: Palette = LIGHT) -> Drawing:
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
    shapes: list[Shape] = [
        Path(
            curves[pair],
            getattr(palette, COLOURS[line.kind]),
            line.width,
            (1.0, 2.0) if line.kind in DOTTED else () if line.direct else DASHED,
            arrow=True,
        )
        for pair, line in edges.items()
    ]
    labelled = [pair for pair, line in edges.items() if line.label]
    spots = label_places([curves[pair] for pair in labelled], list(at.values()))
    for pair, spot in zip(labelled, spots, strict=True):
        colour = getattr(palette, COLOURS[edges[pair].kind])
        shapes.append(Text((spot[0], spot[1]), edges[pair].label, 7.5, colour, ground=palette.paper))
    for name, (x, y) in at.items():
        corner, size = (x - half[name], y - 0.2), (2 * half[name], 0.4)
        shapes.append(Box(corner, size, palette.paper, palette.ink, 1.1, radius=0.2))
        shapes.append(Text((x, y), shown[name], 10, palette.ink))
    points = np.concatenate([np.array(list(at.values())), *curves.values()])
    return _bare(points, max(half.values()), shapes)


def scatter(
    z: np.ndarray, z_hat: np.ndarray, own: np.ndarray, name: str, palette: Palette = LIGHT
) -> Drawing:
    """One recovered latent (sample,) against the true one; points where ``own`` come from its own environment.

    Two middle tones show on light and dark paper.
    """
    points = np.stack([z, z_hat], axis=1)
    tones = ((~own, "#8b95a1"), (own, "#d98a1f"))
    shapes = [Dots(points[mask], 1.87, tone, opacity=0.45) for mask, tone in tones]
    return small(axis([z], f"true {shortened(name, 14)}"), axis([z_hat], "recovered"), shapes, palette)


def shortened(name: str, most: int) -> str:
    """A name cut to ``most`` characters, in its middle: what tells names apart stands at either end."""
    tail = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - tail]}…{name[-tail:]}"


def small(x: Axis, y: Axis, shapes: Sequence[Shape], palette: Palette) -> Drawing:
    """A picture of the size that stands beside others."""
    colours = (palette.rule, palette.muted, palette.muted)
    return Drawing((2.05, 1.95), (0.2, 0.2, 0.77, 0.77), x, y, shapes, colours)


def _bare(points: np.ndarray, half: float, shapes: Sequence[Shape]) -> Drawing:
    """Shapes without a frame around points (point, 2), with room for nodes of half that width."""
    (left, bottom), (right, top) = points.min(0), points.max(0)
    margin, unit = half + 0.12, 0.9
    width, height = right - left + 2 * margin, top - bottom + 0.7
    spare = max(0.0, 2.6 / unit - width) / 2
    wanted = ((width + 2 * spare) * unit, height * unit)
    x = Axis((left - margin - spare, right + margin + spare))
    y = Axis((bottom - 0.35, top + 0.35))
    return Drawing(wanted, (0, 0, 1, 1), x, y, shapes, frame="none", shrinks=True)


def _between(points: np.ndarray, *nodes: tuple[tuple[float, float], float]) -> np.ndarray:
    """The part of a curve (point, 2) that is outside of nodes (place, half width), and a little off them."""
    outside = np.ones(len(points), dtype=bool)
    for place, half in nodes:
        dx, dy = np.abs(points - np.array(place)).T
        outside &= np.hypot(np.maximum(dx - (half - 0.2), 0), dy) > 0.235
    inner = points[outside]
    return inner if len(inner) > 1 else points
