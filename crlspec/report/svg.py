"""Drawings as SVG inside a page: text as text, colours those of the page, sized by it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatchmethod
from html import escape

import numpy as np

from crlspec.report.drawing import Axis, Box, Dashes, Dots, Drawing, Path, Shape, Stairs, Text

__all__ = ["svg"]

INCH = 72.0
HEAD = (4.5, 2.6)
"""Length and half the width of the head of an arrow, in points."""
TOGETHER = 50
"""Discs of one path, which do not show through each other."""
SINK = 0.35
"""How far the baseline of a text lies below its middle, in its size."""
WIDE = 0.56
"""Width of a character, about, in the size of its text."""


def svg(drawing: Drawing, name: str, title: str, description: str = "") -> str:
    """A drawing as an inline SVG element.

    name         keeps the element's ids apart from those of other pictures in the same page
    title        what the picture is, for readers who do not see it
    description  what it shows, in as many words as that takes
    """
    width, height = (INCH * length for length in drawing.size)
    told = f'<desc id="{name}-desc">{escape(description)}</desc>' if description else ""
    described = f' aria-describedby="{name}-desc"' if told else ""
    sheet = _Sheet(drawing)
    shapes = "".join(sheet.drawn(shape) for shape in drawing.shapes)
    return (
        f'<svg role="img" aria-labelledby="{name}-title"{described} xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {width:g} {height:g}" style="--w:{width * 4 / 3:.0f}px">'
        f'<title id="{name}-title">{escape(title)}</title>{told}{shapes}{sheet.axes()}</svg>'
    )


class _Sheet:
    """The paper of one drawing, in points from its upper left corner."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        width, height = (INCH * length for length in drawing.size)
        left, bottom, across, up = drawing.place
        self.left, self.right = left * width, (left + across) * width
        self.top, self.bottom = (1 - bottom - up) * height, (1 - bottom) * height

    def at(self, points: np.ndarray) -> np.ndarray:
        """Points (point, 2) in the units of the axes, on the paper."""
        x, y = np.asarray(points, dtype=float).T
        across = self.left + self.drawing.x.share(x) * (self.right - self.left)
        return np.stack([across, self.bottom - self.drawing.y.share(y) * (self.bottom - self.top)], axis=1)

    @singledispatchmethod
    def drawn(self, shape: Shape) -> str:
        """The elements of a shape."""
        raise NotImplementedError(type(shape))

    @drawn.register
    def _(self, box: Box) -> str:
        corners = self.at(np.array([box.corner, np.add(box.corner, box.size)]))
        (x, y), (width, height) = corners.min(0), np.ptp(corners, axis=0)
        round_by = f' rx="{_short(box.radius / box.size[1] * height)}"' if box.radius else ""
        style = _style(box.fill, box.line, box.width, box.dashes, box.opacity)
        place = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
        return f"<rect {place}{round_by} {style}/>"

    @drawn.register
    def _(self, path: Path) -> str:
        points = self.at(path.points)
        style = _style(None, path.colour, path.width, path.dashes, path.opacity)
        if not path.arrow:
            return f'<path d="{_through(points)}" {style}/>'
        way = points[-1] - _before(points, HEAD[0])
        way = way / max(float(np.hypot(*way)), 1e-9)
        tip = points[-1] - path.width * way  # its line reaches on
        foot, side = tip - HEAD[0] * way, HEAD[1] * np.array([-way[1], way[0]])
        kept = points[np.hypot(*(points - tip).T) > HEAD[0]]
        shaft = _through(np.concatenate([kept if len(kept) else points[:1], foot[None]]))
        head = _style(path.colour, path.colour, path.width, (), path.opacity)
        return f'<path d="{shaft}" {style}/><path d="{_through(np.array([foot + side, tip, foot - side]))}Z" {head}/>'

    @drawn.register
    def _(self, stairs: Stairs) -> str:
        x = np.repeat(stairs.edges, 2)
        y = np.concatenate([[stairs.baseline], np.repeat(stairs.heights, 2), [stairs.baseline]])
        way = _through(self.at(np.stack([x, y], axis=1)))
        fill, line = (None, stairs.colour) if stairs.width else (stairs.colour, None)
        return f'<path d="{way}" {_style(fill, line, stairs.width, (), stairs.opacity)}/>'

    @drawn.register
    def _(self, dots: Dots) -> str:
        points, r = self.at(dots.points), dots.size / 2
        if dots.cross:
            way = "".join(
                f"M{_pair(p - r)}l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}" for p in points
            )
            return f'<path d="{way}" {_style(None, dots.line, dots.width, (), dots.opacity)}/>'
        if dots.line is not None:
            arc = f"a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0"
            way = "".join(f"M{_pair(p - [r, 0])}{arc}" for p in points)
            return f'<path d="{way}" {_style(dots.fill, dots.line, dots.width, (), dots.opacity)}/>'
        style = _style(None, dots.fill, dots.size, (), dots.opacity, "; stroke-linecap: round")
        parts = (points[k : k + TOGETHER] for k in range(0, len(points), TOGETHER))
        return "".join(f'<path d="{"".join(f"M{_pair(p)}h0" for p in part)}" {style}/>' for part in parts)

    @drawn.register
    def _(self, text: Text) -> str:
        x, y = self.at(np.array([text.at]))[0] + [text.shift[0], -text.shift[1]]
        ground = ""
        if text.ground is not None:
            width, height = text.size * (WIDE * len(text.text) + 0.24), 1.24 * text.size
            place = f'x="{_short(x - width / 2)}" y="{_short(y - height / 2)}" width="{_short(width)}"'
            ground = f'<rect {place} height="{_short(height)}" rx="1" style="fill: {text.ground}"/>'
        anchor = "start" if text.start else "middle"
        return ground + _words((x, y + SINK * text.size), text.text, text.size, text.colour, anchor)

    def axes(self) -> str:
        """Frame, ticks, their words, and labels."""
        drawing, (rule, ink, quiet) = self.drawing, self.drawing.colours
        sides = {"box": "M{l} {t}H{r}V{b}H{l}Z", "corner": "M{l} {t}V{b}H{r}", "none": ""}[drawing.frame]
        ends = {"l": self.left, "t": self.top, "r": self.right, "b": self.bottom}
        way = sides.format(**{key: _short(value) for key, value in ends.items()})
        parts = [f'<path d="{way}" {_style(None, rule, 0.8)}/>'] if way else []
        away = drawing.marks + 3.5
        across, up = (self._ticks(one) for one in (drawing.x, drawing.y))
        if drawing.marks and (across or up):
            marks = [f"M{_short(x)} {_short(self.bottom)}v{drawing.marks:g}" for x, _ in across]
            marks += [f"M{_short(self.left)} {_short(y)}h{-drawing.marks:g}" for y, _ in up]
            parts.append(f'<path d="{"".join(marks)}" {_style(None, ink, 0.6)}/>')
        level = self.top - away - 1.5 if drawing.above else self.bottom + away + 0.8 * drawing.words
        parts += [_words((x, level), word, drawing.words, ink) for x, word in across]
        left = self.left - away
        parts += [_words((left, y + SINK * drawing.words), word, drawing.words, ink, "end") for y, word in up]
        if drawing.x.label:
            below = level + 3 + 8 if across else self.bottom + 4 + 8
            parts.append(_words(((self.left + self.right) / 2, below), drawing.x.label, 8, quiet))
        if drawing.y.label:
            widest = max((WIDE * drawing.words * len(word) for _, word in up), default=0.0)
            place = (max(left - widest - 3, 6.0), (self.top + self.bottom) / 2)
            turned = f' transform="rotate(-90 {_pair(np.array(place))})"'
            parts.append(_words(place, drawing.y.label, 8, quiet, turned=turned))
        return "".join(parts)

    def _ticks(self, axis: Axis) -> list[tuple[float, str]]:
        """Where ticks stand on the paper, with their words."""
        ends = (self.left, self.right) if axis is self.drawing.x else (self.bottom, self.top)
        return [
            (ends[0] + float(axis.share(value)) * (ends[1] - ends[0]), word) for value, word in axis.ticks
        ]


def _before(points: np.ndarray, distance: float) -> np.ndarray:
    """The last of the points that is so far from the end; else the first."""
    away = np.flatnonzero(np.hypot(*(points - points[-1]).T) >= distance)
    return np.asarray(points[away[-1] if len(away) else 0])


def _style(
    fill: str | None,
    line: str | None,
    width: float = 0.0,
    dashes: Dashes = (),
    opacity: float = 1.0,
    more: str = "",
) -> str:
    parts = [f"fill: {fill or 'none'}"]
    if dashes:
        parts.append(f"stroke-dasharray: {','.join(f'{width * one:g}' for one in dashes)}")
    if line is not None:
        parts.append(f"stroke: {line}; stroke-width: {width:.3g}")
    if opacity < 1:
        parts.append(f"opacity: {opacity:.3g}")
    return f'style="{"; ".join(parts)}{more}"'


def _words(
    at: Iterable[float], text: str, size: float, colour: str, anchor: str = "middle", turned: str = ""
) -> str:
    x, y = at
    style = f"font: {size:.3g}px var(--sans); text-anchor: {anchor}; fill: {colour}"
    return f'<text x="{_short(x)}" y="{_short(y)}"{turned} style="{style}">{escape(text)}</text>'


def _through(points: np.ndarray) -> str:
    return "M" + "L".join(map(_pair, points))


def _pair(point: np.ndarray) -> str:
    return f"{_short(point[0])} {_short(point[1])}"


def _short(value: float) -> str:
    """To a hundredth of a point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
