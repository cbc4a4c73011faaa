"""Charts of how surely something was recovered: maps of cells, spectra, training curves. See ``pictures``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from crlspec.report.drawing import (
    Axis,
    Box,
    Dots,
    Drawing,
    Path,
    Shape,
    Stairs,
    Text,
    axis,
    decades,
    reach,
    ticks,
)
from crlspec.report.palette import LIGHT, Palette
from crlspec.report.pictures import shortened, small

__all__ = ["cell_map", "curves", "densities", "spectrum"]

Cell = tuple[int, int]
NUMBERED = 8
"""Columns up to which cells hold their numbers too; a wider map would make them too small to read."""
DASHES = (4.0, 3.0)


def cell_map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    frames: Mapping[str, Collection[Cell]] | None = None,
    texts: Sequence[Sequence[str]] | None = None,
    palette: Palette = LIGHT,
) -> Drawing:
    """Values (row, column) in [−1, 1] as ink; negative ones in the alerting colour.

    frames  ``target`` (bold), ``parent`` (fine), ``surplus`` (dashed, the alerting colour, with a cross), ``lacking``
            (the same, with a ring): cells that bear such a mark
    texts   what each cell says, as long as there are few columns
    """
    height, width = values.shape
    names = [shortened(name, 14) for name in rows]
    left = 0.14 + 0.085 * max(len(name) for name in names)
    cell = 0.44 if width <= NUMBERED else 0.3
    across, down = left + cell * width + 0.1, cell * height + 0.42
    place = (left / across, 0.06 / down, cell * width / across, cell * height / down)
    strongest = 0.5 if texts is not None and width <= NUMBERED else 0.9  # text must stay readable on its cell
    shapes: list[Shape] = []
    for i, line in enumerate(np.clip(values, -1, 1).tolist()):
        for j, value in enumerate(line):
            colour = palette.alert if value < 0 else palette.accent
            shapes.append(Box((j + 0.04, i + 0.04), (0.92, 0.92), colour, opacity=strongest * abs(value)))
            if texts is not None and width <= NUMBERED and texts[i][j]:
                shapes.append(Text((j + 0.5, i + 0.5), texts[i][j], 8, palette.ink))
    for kind, cells in (frames or {}).items():
        for i, j in cells:
            shapes += _mark(i, j, kind, palette)
    top = tuple((j + 0.5, shortened(name, 6)) for j, name in enumerate(columns))
    side = tuple((i + 0.5, name) for i, name in enumerate(names))
    return Drawing(
        (across, down),
        place,
        Axis((0, width), top),
        Axis((height, 0), side),
        shapes,
        (palette.rule, palette.ink, palette.muted),
        frame="box",
        words=8.5,
        marks=0,
        above=True,
    )


def densities(rows: Sequence[tuple[str, np.ndarray, np.ndarray]], palette: Palette = LIGHT) -> Drawing:
    """Each latent without intervention (filled) and in its own environment (outline), as densities; several stand one
    above the other, the first at the top, each as high as there is room.

    rows  name, values without intervention (sample,), values in the environment of its own
    """
    alone = len(rows) == 1
    shapes: list[Shape] = []
    highest = 0.0
    for k, (_, observational, own) in enumerate(rows):
        low, high = np.quantile(np.concatenate([observational, own]), [0.002, 0.998])
        bins = np.linspace(low, high + 1e-9, 36)
        heights = [np.histogram(values, bins, density=True)[0] for values in (observational, own)]
        share = 1.0 if alone else 0.9 / max(float(max(one.max() for one in heights)), 1e-300)
        base = float(len(rows) - 1 - k)
        filled, outline = (base + share * one for one in heights)
        highest = max(highest, float(filled.max()), float(outline.max()))
        shapes.append(Stairs(filled, bins, base, palette.muted, opacity=0.35))
        shapes.append(Stairs(outline, bins, base, palette.accent, 1.5))
    edges = [one.edges for one in shapes if isinstance(one, Stairs)]
    if alone:
        return small(axis(edges, shortened(rows[0][0], 18)), Axis((0, 1.05 * highest)), shapes, palette)
    names = [shortened(name, 14) for name, _, _ in rows]
    size = (4.2, 0.5 + 0.62 * len(rows))
    left, bottom = (0.14 + 0.085 * max(map(len, names))) / size[0], 0.3 / size[1]
    side = tuple((float(len(rows) - 1 - k), name) for k, name in enumerate(names))
    return Drawing(
        size,
        (left, bottom, 0.97 - left, 0.98 - bottom),
        axis(edges, most=7),
        Axis((0, 1.05 * highest), side),
        shapes,
        (palette.rule, palette.muted, palette.muted),
    )


def spectrum(values: np.ndarray, latents: int, palette: Palette = LIGHT) -> Drawing:
    """Eigenvalues of the pooled standardised covariance, log scale; the first ``latents`` are filled."""
    heights = np.maximum(values, max(float(values.max()) * 1e-17, 1e-300))
    at = np.arange(1.0, len(values) + 1)
    points, up = np.stack([at, heights], axis=1), decades(heights)
    ends = reach([at])
    shapes: list[Shape] = [
        Path(points, palette.rule, 1.0),
        Dots(points[:latents], 5.1, palette.accent),
        Dots(points[latents:], 4.5, palette.paper, palette.muted, 1.0),
    ]
    if len(values) > latents:
        line = np.array([[latents + 0.5, one] for one in up.ends])
        shapes.append(Path(line, palette.ink, 0.8, DASHES))
    return Drawing(
        (3.6, 2.3),
        (0.16, 0.19, 0.82, 0.76),
        Axis(ends, ticks(ends, 9, whole=True), "component"),
        Axis(up.ends, up.ticks, "eigenvalue", log=True),
        shapes,
        (palette.rule, palette.muted, palette.muted),
    )


def curves(
    lines: Sequence[tuple[str, np.ndarray, np.ndarray]],
    kind: str,
    reference: float | None = None,
    palette: Palette = LIGHT,
) -> Drawing:
    """Losses (name, steps, losses) while networks train; the lowest end is drawn bold, a ``reference`` dashed.

    Lines bear their names as long as there are few.
    """
    named = 1 < len(lines) <= NUMBERED
    best = min(range(len(lines)), key=lambda k: float(lines[k][2][-1]))
    told = [np.asarray(losses, dtype=float) for _, _, losses in lines]
    level = [] if reference is None else [np.array([reference])]
    x = axis([steps for _, steps, _ in lines], "step", 4, whole=True)
    y = axis([*told, *level], _short_kind(kind))
    shapes: list[Shape] = [
        Path(
            np.stack([steps, losses], axis=1),
            palette.accent,
            1.8 if k == best else 0.9,
            opacity=1.0 if k == best else 0.65,
        )
        for k, ((_, steps, _), losses) in enumerate(zip(lines, told, strict=True))
    ]
    if reference is not None:
        shapes.append(Path(np.array([[one, reference] for one in x.ends]), palette.ink, 0.8, DASHES))
    if named:
        ends = np.array([losses[-1] for losses in told])
        apart = _apart(ends, (y.ends[1] - y.ends[0]) / 11)
        for (name, _, _), height in zip(lines, apart.tolist(), strict=True):
            text = shortened(name, 11)
            shapes.append(Text((x.ends[1], height), text, 7.5, palette.muted, start=True, shift=(3.0, 0.0)))
    return Drawing(
        (3.6, 2.2),
        (0.16, 0.19, 0.64 if named else 0.82, 0.75),
        x,
        y,
        shapes,
        (palette.rule, palette.muted, palette.muted),
    )


def _short_kind(kind: str) -> str:
    return kind.removeprefix("held-out ").removesuffix(" in training").replace("negative log", "− log")


def _apart(values: np.ndarray, least: float) -> np.ndarray:
    """The values moved as little as need be for neighbours to be ``least`` apart."""
    order = np.argsort(values, kind="stable")
    placed = values[order].astype(float)
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + least)
    placed -= (placed - values[order]).mean()
    moved = np.empty_like(placed)
    moved[order] = placed
    return moved


def _mark(i: int, j: int, kind: str, palette: Palette) -> list[Shape]:
    if kind in ("target", "parent"):
        width = 2.2 if kind == "target" else 0.9
        return [Box((j + 0.05, i + 0.05), (0.9, 0.9), None, palette.ink, width)]
    box = Box((j + 0.1, i + 0.1), (0.8, 0.8), None, palette.alert, 1.6, (2.0, 1.5))
    at = np.array([[j + 0.82, i + 0.2]])
    return [box, Dots(at, 3.74, None, palette.alert, 1.3, cross=kind == "surplus")]
