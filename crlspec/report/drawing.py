"""What a chart shows, before it is drawn: shapes in the units of its axes, and the axes themselves.

:func:`crlspec.report.svg.svg` draws it on a page, :func:`crlspec.report.on_axes.on_axes` on axes of matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = [
    "Axis", "Box", "Dots", "Drawing", "Path", "Shape", "Stairs", "Text", "axis", "decades", "reach", "ticks",
]  # fmt: skip

Point = tuple[float, float]
Dashes = tuple[float, ...]
"""Lengths drawn and left out, in line widths."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
STEPS = (1.0, 2.0, 5.0, 10.0)
"""Distances of ticks, times a power of ten."""


@dataclass(frozen=True)
class Box:
    """A rectangle from its corner (least x, least y), its own corners round by ``radius``.

    width  of its line, in points
    """

    corner: Point
    size: Point
    fill: str | None = None
    line: str | None = None
    width: float = 0.0
    dashes: Dashes = ()
    opacity: float = 1.0
    radius: float = 0.0


@dataclass(frozen=True)
class Path:
    """A line through points (point, 2), with a head at its end where it is an arrow."""

    points: np.ndarray
    colour: str
    width: float
    dashes: Dashes = ()
    opacity: float = 1.0
    arrow: bool = False


@dataclass(frozen=True)
class Stairs:
    """A histogram on a baseline, filled or as an outline of a width in points."""

    heights: np.ndarray
    edges: np.ndarray
    baseline: float
    colour: str
    width: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Dots:
    """Points (point, 2) as discs of a size in points, with a line or without; or as crosses of it."""

    points: np.ndarray
    size: float
    fill: str | None = None
    line: str | None = None
    width: float = 0.0
    opacity: float = 1.0
    cross: bool = False


@dataclass(frozen=True)
class Text:
    """A text of a size in points, its middle or its start at a place, moved by ``shift`` points (right, up); on a
    ground of a colour."""

    at: Point
    text: str
    size: float
    colour: str
    start: bool = False
    ground: str | None = None
    shift: Point = (0.0, 0.0)


Shape = Box | Path | Stairs | Dots | Text


@dataclass(frozen=True)
class Axis:
    """What is at its two ends (the first may be the larger one), places with their words, its label."""

    ends: Point
    ticks: tuple[tuple[float, str], ...] = ()
    label: str = ""
    log: bool = False

    def share(self, values: np.ndarray | float) -> np.ndarray:
        """Where values lie between the ends: 0 … 1."""
        low, high = np.log10(self.ends) if self.log else self.ends
        return np.asarray(((np.log10(values) if self.log else values) - low) / (high - low))


@dataclass(frozen=True)
class Drawing:
    """A chart of a size in inches, with axes at a place in shares of it (left, bottom, width, height).

    shapes   in the order in which they are drawn
    colours  of the frame, of the words at ticks, of labels
    frame    lines on all sides, on the left and below, or nowhere
    words    size of the words at ticks, in points
    marks    length of ticks, in points
    above    whether the words of x stand above
    shrinks  whether lines and texts become smaller with axes that are smaller than this
    """

    size: Point
    place: tuple[float, float, float, float]
    x: Axis
    y: Axis
    shapes: Sequence[Shape]
    colours: tuple[str, str, str] = ("", "", "")
    frame: Literal["box", "corner", "none"] = "corner"
    words: float = 7.5
    marks: float = 2.5
    above: bool = False
    shrinks: bool = False


def axis(values: Sequence[np.ndarray], label: str = "", most: int = 6, *, whole: bool = False) -> Axis:
    """The axis that holds values, with a little room and at most so many ticks.

    whole  whether ticks stand at whole numbers alone
    """
    ends = reach(values)
    return Axis(ends, ticks(ends, most, whole=whole), label)


def reach(values: Sequence[np.ndarray], room: float = 0.05) -> Point:
    """Least and largest of values, with a share of room on either side."""
    low = min(float(one.min()) for one in values)
    high = max(float(one.max()) for one in values)
    spare = room * (high - low) or max(abs(high), 1.0) * room
    return low - spare, high + spare


def ticks(ends: Point, most: int = 6, *, whole: bool = False) -> tuple[tuple[float, str], ...]:
    """At most so many round numbers between two ends, with their words."""
    low, high = ends
    size = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(size * one for one in STEPS if (high - low) / (size * one) < most)
    if whole:
        step = max(1.0, float(math.ceil(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple((k * step, _number(k * step, step)) for k in range(first, last + 1))


def decades(values: np.ndarray, most: int = 6) -> Axis:
    """The logarithmic axis that holds positive values, with at most so many powers of ten."""
    low, high = reach([np.log10(values)])
    if math.floor(high) - math.ceil(low) < 1:
        low, high = math.floor(low), math.ceil(high)
    first, last = math.ceil(low), math.floor(high)
    step = max(1, math.ceil((last - first + 1) / most))
    at = range(step * math.ceil(first / step), last + 1, step)
    return Axis(
        (10.0**low, 10.0**high), tuple((10.0**k, f"10{str(k).translate(RAISED)}") for k in at), log=True
    )


def _number(value: float, step: float) -> str:
    """A number with the digits that tell it from its neighbours."""
    if not 1e-4 <= step < 1e6:
        return f"{value:.3g}".replace("-", "−")
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}".replace("-", "−")
