"""Drawings on axes of matplotlib, for notebooks and for files."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from matplotlib import path
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from crlspec.report.drawing import Box, Dashes, Dots, Drawing, Path, Shape, Stairs, Text

__all__ = ["of_its_own", "on_axes"]


def of_its_own(drawing: Drawing, make: Callable[..., Figure] = Figure) -> Axes:
    """The drawing in a figure of its size, which ``make`` makes."""
    axes = make(figsize=drawing.size).add_axes(drawing.place)
    _draw(drawing, axes, 1.0)
    return axes


def on_axes(drawing: Drawing, axes: Axes) -> Axes:
    """The drawing on axes that are there."""
    scale = 1.0
    if drawing.shrinks:
        box, dpi = axes.bbox, axes.figure.dpi
        scale = min(1.0, box.width / dpi / drawing.size[0], box.height / dpi / drawing.size[1])
    _draw(drawing, axes, scale)
    return axes


def _draw(drawing: Drawing, axes: Axes, scale: float) -> None:
    rule, ink, quiet = drawing.colours
    for one, set_scale in ((drawing.x, axes.set_xscale), (drawing.y, axes.set_yscale)):
        if one.log:
            set_scale("log")
    for k, shape in enumerate(drawing.shapes):
        _add(shape, axes, scale, {"zorder": 1 + k / len(drawing.shapes)})
    axes.set_xlim(*drawing.x.ends)
    axes.set_ylim(*drawing.y.ends)
    if drawing.frame == "none":
        axes.set_axis_off()
        axes.set_aspect("equal")
        return
    axes.set_facecolor("none")
    for name, spine in axes.spines.items():
        spine.set_visible(drawing.frame == "box" or name in ("left", "bottom"))
        spine.set_color(rule)
    if drawing.above:
        axes.xaxis.tick_top()
    axes.minorticks_off()
    for one, place in ((drawing.x, axes.set_xticks), (drawing.y, axes.set_yticks)):
        place([at for at, _ in one.ticks], [word for _, word in one.ticks], parse_math=False)
    axes.tick_params(colors=ink, labelsize=drawing.words, length=drawing.marks, width=0.6)
    axes.set_xlabel(drawing.x.label, color=quiet, fontsize=8, parse_math=False)
    axes.set_ylabel(drawing.y.label, color=quiet, fontsize=8, parse_math=False)


def _dashes(dashes: Dashes) -> Any:
    return (0, dashes) if dashes else "solid"


@singledispatch
def _add(shape: Shape, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    raise NotImplementedError(type(shape))


@_add.register
def _(box: Box, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    style: dict[str, Any] = {
        "facecolor": box.fill or "none", "edgecolor": box.line or "none", "lw": box.width * scale,
        "ls": _dashes(box.dashes), "alpha": None if box.opacity == 1 else box.opacity, **order,
    }  # fmt: skip
    if box.radius:
        corners = f"round,pad=0,rounding_size={box.radius}"
        axes.add_patch(FancyBboxPatch(box.corner, *box.size, boxstyle=corners, **style))
    else:
        axes.add_patch(Rectangle(box.corner, *box.size, **style))


@_add.register
def _(line: Path, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    if not line.arrow:
        x, y = np.asarray(line.points).T
        axes.plot(
            x,
            y,
            color=line.colour,
            lw=line.width * scale,
            ls=_dashes(line.dashes),
            alpha=line.opacity,
            **order,
        )
        return
    axes.add_patch(
        FancyArrowPatch(
            path=path.Path(line.points),
            arrowstyle=f"-|>,head_length={4.5 * scale},head_width={2.6 * scale}",
            linestyle=_dashes(line.dashes),
            linewidth=line.width * scale,
            color=line.colour,
            alpha=line.opacity,
            fill=True,
            **order,
        )
    )


@_add.register
def _(stairs: Stairs, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    axes.stairs(
        stairs.heights, stairs.edges, baseline=stairs.baseline, fill=not stairs.width, color=stairs.colour,
        lw=stairs.width * scale, alpha=stairs.opacity, **order,
    )  # fmt: skip


@_add.register
def _(dots: Dots, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    x, y = np.asarray(dots.points).T
    style: dict[str, Any] = {
        "s": (dots.size * scale) ** 2,
        "lw": dots.width * scale,
        "alpha": dots.opacity,
        **order,
    }
    if dots.cross:
        axes.scatter(x, y, marker="x", color=dots.line, **style)
    else:
        axes.scatter(x, y, facecolors=dots.fill or "none", edgecolors=dots.line or "none", **style)


@_add.register
def _(text: Text, axes: Axes, scale: float, order: dict[str, Any]) -> None:
    style: dict[str, Any] = {
        "ha": "left" if text.start else "center", "va": "center_baseline", "fontsize": text.size * scale,
        "color": text.colour, "parse_math": False, "annotation_clip": False, "textcoords": "offset points", **order,
    }  # fmt: skip
    if text.ground is not None:
        style["bbox"] = {"boxstyle": "round,pad=0.12", "facecolor": text.ground, "edgecolor": "none"}
    axes.annotate(text.text, text.at, xytext=text.shift, **style)
