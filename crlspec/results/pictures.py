"""The pictures of a result, each a matplotlib Figure made without pyplot and without touching its settings.

Every function takes a ``palette``; a Figure can be shown in a notebook or saved with ``figure.savefig``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from crlspec.results.layout import bend
from crlspec.results.palette import LIGHT, Palette

__all__ = ["graph", "histogram", "scatter", "score_map", "shortened", "small", "spectrum"]

Pair = tuple[str, str]
EDGE_STYLES: Mapping[str, tuple[str, str]] = {
    "true": ("accent", "solid"),
    "plain": ("ink", "solid"),
    "extra": ("alert", (0, (4, 2))),  # type: ignore[dict-item]
    "reversed": ("alert", "solid"),
    "missed": ("muted", (0, (1, 2))),  # type: ignore[dict-item]
}


def graph(
    places: Mapping[str, tuple[float, float]],
    edges: Mapping[Pair, str],
    widths: Mapping[Pair, float] | None = None,
    palette: Palette = LIGHT,
) -> Figure:
    """A directed graph at given places (y downwards); ``edges`` maps each edge to a key of EDGE_STYLES.

    ``widths`` are line widths in points. Colour is never alone in telling edges apart: the dashes differ too.
    """
    shown = {name: shortened(name, 10) for name in places}
    half = {name: max(0.2, 0.075 * len(text) + 0.06) for name, text in shown.items()}
    room = max(1.0, 2 * max(half.values()) + 0.3)
    places = {name: (x * room, y) for name, (x, y) in places.items()}
    xs, ys = np.array(list(places.values()), dtype=float).T
    margin = max(half.values()) + 0.12
    width, height = np.ptp(xs) + 2 * margin, np.ptp(ys) + 0.7
    unit = 0.82
    figure = Figure(figsize=(max(width * unit, 2.6), height * unit))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    spare = max(0.0, 2.6 / unit - width) / 2
    axes.set_xlim(xs.min() - margin - spare, xs.max() + margin + spare)
    axes.set_ylim(-ys.max() - 0.35, -ys.min() + 0.35)
    axes.set_aspect("equal")
    boxes = {name: _node(axes, (x, -y), half[name], shown[name], palette) for name, (x, y) in places.items()}
    for (source, target), kind in edges.items():
        start, end = ((places[name][0], -places[name][1]) for name in (source, target))
        others = [(x, -y) for name, (x, y) in places.items() if name not in (source, target)]
        colour, dashes = EDGE_STYLES[kind]
        arrow = FancyArrowPatch(
            start,
            end,
            patchA=boxes[source],
            patchB=boxes[target],
            shrinkA=0,
            shrinkB=1.5,
            connectionstyle=f"arc3,rad={bend(start, end, others)}",
            arrowstyle="-|>,head_length=4.5,head_width=2.6",
            linestyle=dashes,
            linewidth=(widths or {}).get((source, target), 1.4),
            color=getattr(palette, colour),
            zorder=1,
        )
        axes.add_patch(arrow)
    return figure


def score_map(
    values: np.ndarray,
    environments: Sequence[str],
    latents: Sequence[str],
    targets: Collection[tuple[int, int]],
    parents: Collection[tuple[int, int]],
    *,
    palette: Palette = LIGHT,
) -> Figure:
    """Root-mean-square score differences (environment, latent); ink is each row's share of its own maximum.

    Cells in ``targets`` are framed boldly and those in ``parents`` finely: there, and nowhere else, theory
    expects something other than 0.
    """
    rows, columns = values.shape
    names = [shortened(name, 14) for name in environments]
    left = 0.14 + 0.085 * max(len(name) for name in names)
    cell = 0.46 if columns <= 12 else 0.3
    figure = Figure(figsize=(left + cell * columns + 0.1, cell * rows + 0.5))
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, 0.08 / height, cell * columns / width, cell * rows / height))
    share = values / np.maximum(values.max(axis=1, keepdims=True), 1e-300)
    for i in range(rows):
        for j in range(columns):
            ink = float(share[i, j])
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=palette.accent, alpha=ink, lw=0))
            if columns <= 12:
                colour = palette.paper if ink > 0.55 else palette.ink
                text = _short(float(values[i, j]))
                axes.text(j + 0.5, i + 0.52, text, ha="center", va="center", fontsize=8, color=colour)
    for cells, thickness in ((parents, 0.9), (targets, 2.2)):
        for i, j in cells:
            axes.add_patch(
                Rectangle((j + 0.05, i + 0.05), 0.9, 0.9, fill=False, edgecolor=palette.ink, lw=thickness)
            )
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    _labels(axes, names, [shortened(name, 6) for name in latents], palette)
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
    axes.hist(observational, bins, density=True, color=palette.muted, alpha=0.35)
    axes.hist(own, bins, density=True, histtype="step", color=palette.accent, lw=1.5)
    axes.set_yticks([])
    axes.set_xlabel(shortened(name, 18), color=palette.muted, fontsize=8, parse_math=False)
    return figure


def spectrum(values: np.ndarray, latents: int, palette: Palette = LIGHT) -> Figure:
    """Eigenvalues of the pooled standardised covariance, log scale; the first ``latents`` are filled."""
    figure = Figure(figsize=(3.9, 2.3))
    axes = figure.add_axes((0.135, 0.19, 0.84, 0.76))
    heights = np.maximum(values, max(float(values.max()) * 1e-17, 1e-300))
    at = np.arange(1, len(values) + 1)
    axes.set_yscale("log")
    first, rest = at <= latents, at > latents
    axes.plot(at, heights, color=palette.rule, lw=1, zorder=1)
    axes.scatter(at[first], heights[first], s=26, color=palette.accent, zorder=2)
    axes.scatter(at[rest], heights[rest], s=20, facecolor=palette.paper, edgecolor=palette.muted, zorder=2)
    if rest.any():
        axes.axvline(latents + 0.5, color=palette.ink, lw=0.8, ls=(0, (4, 3)))
    axes.set_xlabel("component", color=palette.muted, fontsize=8)
    axes.set_ylabel("eigenvalue", color=palette.muted, fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _frame(axes, palette)
    return figure


def small(palette: Palette) -> tuple[Figure, Axes]:
    """An empty picture of the size that stands beside others."""
    figure = Figure(figsize=(2.05, 1.95))
    axes = figure.add_axes((0.2, 0.19, 0.77, 0.78))
    _frame(axes, palette)
    return figure, axes


def shortened(name: str, most: int) -> str:
    """A name cut to ``most`` characters, the cut shown by an ellipsis."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _short(value: float) -> str:
    if value < 0.005:
        return "0"
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _frame(axes: Axes, palette: Palette) -> None:
    axes.set_facecolor("none")
    axes.tick_params(colors=palette.muted, labelsize=7, length=2.5, width=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(palette.rule)


def _labels(axes: Axes, rows: Sequence[str], columns: Sequence[str], palette: Palette) -> None:
    axes.set_facecolor("none")
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=8.5, parse_math=False)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8.5, parse_math=False)
    axes.tick_params(length=0, colors=palette.ink)
    for spine in axes.spines.values():
        spine.set_color(palette.rule)


def _node(axes: Axes, at: tuple[float, float], half: float, text: str, palette: Palette) -> FancyBboxPatch:
    box = FancyBboxPatch(
        (at[0] - half, at[1] - 0.2),
        2 * half,
        0.4,
        boxstyle="round,pad=0,rounding_size=0.2",
        facecolor=palette.paper,
        edgecolor=palette.ink,
        linewidth=1.1,
        zorder=2,
    )
    axes.add_patch(box)
    style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 10, "color": palette.ink}
    axes.text(*at, text, parse_math=False, zorder=3, **style)
    return box
