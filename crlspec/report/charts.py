"""Charts of how surely something was recovered: maps of cells, spectra, training curves. See ``pictures``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from crlspec.report.palette import LIGHT, Palette
from crlspec.report.pictures import Ground, frame, ground, shortened

__all__ = ["cell_map", "curves", "densities", "spectrum"]

Cell = tuple[int, int]
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NUMBERED = 8
"""Columns up to which cells hold their numbers too; a wider map would make them too small to read."""


def cell_map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    frames: Mapping[str, Collection[Cell]] | None = None,
    texts: Sequence[Sequence[str]] | None = None,
    palette: Palette = LIGHT,
    on: Ground = Figure,
) -> Axes:
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
    axes = ground(on, (across, down), place)
    strongest = 0.5 if texts is not None and width <= NUMBERED else 0.9  # text must stay readable on its cell
    for i in range(height):
        for j in range(width):
            ink = strongest * float(np.clip(abs(values[i, j]), 0, 1))
            colour = palette.alert if values[i, j] < 0 else palette.accent
            axes.add_artist(Rectangle((j + 0.04, i + 0.04), 0.92, 0.92, facecolor=colour, alpha=ink, lw=0))
            if texts is not None and width <= NUMBERED:
                style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": palette.ink}
                axes.text(j + 0.5, i + 0.52, texts[i][j], **style)
    for kind, cells in (frames or {}).items():
        for i, j in cells:
            _mark(axes, i, j, kind, palette)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    _labels(axes, names, [shortened(name, 6) for name in columns], palette)
    return axes


def densities(
    rows: Sequence[tuple[str, np.ndarray, np.ndarray]], palette: Palette = LIGHT, on: Ground = Figure
) -> Axes:
    """Each latent without intervention (filled) and in its own environment (outline), as densities; several stand one
    above the other, the first at the top, each as high as there is room.

    rows  name, values without intervention (sample,), values in the environment of its own
    """
    alone = len(rows) == 1
    size, place = ((2.05, 1.95), (0.2, 0.2, 0.77, 0.77)) if alone else ((4.2, 0.5 + 0.62 * len(rows)), None)
    edge = 0.14 + 0.085 * max(len(shortened(name, 14)) for name, _, _ in rows)
    bottom = 0.3 / size[1]
    axes = ground(on, size, place or (edge / size[0], bottom, 0.97 - edge / size[0], 0.98 - bottom))
    frame(axes, palette)
    for k, (_, observational, own) in enumerate(rows):
        low, high = np.quantile(np.concatenate([observational, own]), [0.002, 0.998])
        bins = np.linspace(low, high + 1e-9, 36)
        heights = [np.histogram(values, bins, density=True)[0] for values in (observational, own)]
        share = 1.0 if alone else 0.9 / max(float(max(one.max() for one in heights)), 1e-300)
        base = float(len(rows) - 1 - k)
        filled, outline = (base + share * one for one in heights)
        axes.stairs(filled, bins, baseline=base, fill=True, color=palette.muted, alpha=0.35)
        axes.stairs(outline, bins, baseline=base, color=palette.accent, lw=1.5)
    axes.set_ylim(bottom=0)
    if alone:
        axes.set_yticks([])
        axes.set_xlabel(shortened(rows[0][0], 18), color=palette.muted, fontsize=8, parse_math=False)
    else:
        names = [shortened(name, 14) for name, _, _ in rows]
        axes.set_yticks(np.arange(len(rows))[::-1], names, fontsize=8.5, parse_math=False)
    return axes


def spectrum(values: np.ndarray, latents: int, palette: Palette = LIGHT, on: Ground = Figure) -> Axes:
    """Eigenvalues of the pooled standardised covariance, log scale; the first ``latents`` are filled."""
    axes = ground(on, (3.6, 2.3), (0.16, 0.19, 0.82, 0.76))
    heights = np.maximum(values, max(float(values.max()) * 1e-17, 1e-300))
    at = np.arange(1, len(values) + 1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
    first, rest = at <= latents, at > latents
    axes.plot(at, heights, color=palette.rule, lw=1, zorder=1)
    axes.scatter(at[first], heights[first], s=26, color=palette.accent, zorder=2)
    axes.scatter(at[rest], heights[rest], s=20, facecolor=palette.paper, edgecolor=palette.muted, zorder=2)
    if rest.any():
        axes.axvline(latents + 0.5, color=palette.ink, lw=0.8, ls=(0, (4, 3)))
    axes.set_xlabel("component", color=palette.muted, fontsize=8)
    axes.set_ylabel("eigenvalue", color=palette.muted, fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    frame(axes, palette)
    return axes


def curves(
    lines: Sequence[tuple[str, np.ndarray, np.ndarray]],
    kind: str,
    reference: float | None = None,
    palette: Palette = LIGHT,
    on: Ground = Figure,
) -> Axes:
    """Losses (name, steps, losses) while networks train; the lowest end is drawn bold, a ``reference`` dashed.

    Lines bear their names as long as there are few.
    """
    named = 1 < len(lines) <= NUMBERED
    axes = ground(on, (3.6, 2.2), (0.16, 0.19, 0.64 if named else 0.82, 0.75))
    frame(axes, palette)
    best = min(range(len(lines)), key=lambda k: float(lines[k][2][-1]))
    for k, (_, steps, losses) in enumerate(lines):
        axes.plot(
            steps,
            losses,
            color=palette.accent,
            lw=1.8 if k == best else 0.9,
            alpha=1.0 if k == best else 0.65,
        )
    if reference is not None:
        axes.axhline(reference, color=palette.ink, lw=0.8, ls=(0, (4, 3)))
    axes.set_xlabel("step", color=palette.muted, fontsize=8)
    axes.set_ylabel(_short_kind(kind), color=palette.muted, fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if named:
        low, high = axes.get_ylim()
        ends = np.array([float(losses[-1]) for _, _, losses in lines])
        for (name, _, _), y in zip(lines, _apart(ends, (high - low) / 11), strict=True):
            text = shortened(name, 11)
            style: dict[str, Any] = {"fontsize": 7.5, "color": palette.muted, "va": "center"}
            axes.annotate(
                text, (1.02, y), xycoords=("axes fraction", "data"), annotation_clip=False, parse_math=False, **style
            )  # fmt: skip
    return axes


def _power_of_ten(value: float, _: int | None) -> str:
    """Without mathematical typesetting, whose parser takes longer than all else in a chart."""
    return "10" + str(round(np.log10(value))).translate(RAISED)


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


def _mark(axes: Axes, i: int, j: int, kind: str, palette: Palette) -> None:
    if kind in ("target", "parent"):
        width = 2.2 if kind == "target" else 0.9
        axes.add_artist(
            Rectangle((j + 0.05, i + 0.05), 0.9, 0.9, fill=False, edgecolor=palette.ink, lw=width)
        )
        return
    dashes: Any = (0, (2, 1.5))
    axes.add_artist(
        Rectangle((j + 0.1, i + 0.1), 0.8, 0.8, fill=False, edgecolor=palette.alert, lw=1.6, ls=dashes)
    )
    marker = "x" if kind == "surplus" else "o"
    ring = kind == "lacking"
    colours: dict[str, Any] = {"facecolors": "none" if ring else palette.alert}
    if ring:
        colours["edgecolors"] = palette.alert
    axes.scatter([j + 0.82], [i + 0.2], s=14, marker=marker, lw=1.3, zorder=4, **colours)


def _labels(axes: Axes, rows: Sequence[str], columns: Sequence[str], palette: Palette) -> None:
    axes.set_facecolor("none")
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=8.5, parse_math=False)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8.5, parse_math=False)
    axes.tick_params(length=0, colors=palette.ink)
    for spine in axes.spines.values():
        spine.set_color(palette.rule)
