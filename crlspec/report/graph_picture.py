"""The recovered graph as a picture: what is drawn of it, and how surely."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crlspec.report.drawing import Drawing
from crlspec.report.facts import Pair, TruthFacts, direct, doubtful, judged, open_edges
from crlspec.report.layout import Layout, layout
from crlspec.report.palette import LIGHT, Palette
from crlspec.report.pictures import Line, graph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crlspec.results.record import Record

__all__ = ["LABELLED", "graph_png", "graph_svg", "laid", "lines", "picture", "surely"]

LABELLED = 16
"""Edges up to which their strengths are written on them."""
MARKS = {"true": "", "plain": "", "extra": "✗ ", "reversed": "⇄ "}
DOTS = 200
"""Dots per inch of a PNG."""


def picture(result: Record, palette: Palette = LIGHT) -> Drawing:
    """The graph without its truth: causes above effects, thicker edges stronger, open ones dashed."""
    found = lines(result, None)
    return graph(laid(result.names, surely(found)), found, palette)


def graph_svg(result: Record) -> str:
    """The picture as the text of an SVG file; the same result gives the same text."""
    import matplotlib

    buffer = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "graph"}
    with matplotlib.rc_context(settings):
        _whole(result).savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def graph_png(result: Record) -> bytes:
    """The picture as the content of a PNG file; the same result gives the same bytes."""
    buffer = io.BytesIO()
    _whole(result).savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    return buffer.getvalue()


def _whole(result: Record) -> Figure:
    from matplotlib.figure import Figure

    from crlspec.report.on_axes import of_its_own

    figure = of_its_own(picture(result)).figure
    assert isinstance(figure, Figure)
    return figure


def laid(names: Sequence[str], wished: Sequence[Pair], else_these: Sequence[Pair] = ()) -> Layout:
    """A layout for all the edges, or for the others where those make a cycle."""
    try:
        return layout(names, list(dict.fromkeys(wished)))
    except ValueError:
        return layout(names, else_these)


def surely(found: Mapping[Pair, Line]) -> list[Pair]:
    """The lines that are edges of the answer, neither nearly found nor open."""
    return [pair for pair, line in found.items() if line.kind not in ("doubtful", "open")]


def lines(result: Record, truth: TruthFacts | None) -> dict[Pair, Line]:
    """Found edges as lines with their strengths, pairs that were nearly found, and those that are open."""
    found, straight, near = judged(result, truth), direct(result), doubtful(result)
    strengths = {edge.pair: edge.strength for edge in result.tested if math.isfinite(edge.strength)}
    most = max((strengths.get(pair, 0.0) for pair in found), default=0.0) or 1.0
    drawn = {}
    for pair, kind in found.items():
        number = f"{strengths[pair]:.2g}" if pair in strengths and len(found) <= LABELLED else ""
        label = f"{MARKS[kind]}{number}{' ?' if pair in near else ''}".strip()
        width = 1.0 + 1.4 * strengths.get(pair, 0.0) / most
        drawn[pair] = Line(kind, pair in straight, label, width)
    drawn.update({pair: Line("doubtful", label="?", width=1.1) for pair in near if pair not in found})
    still_open = open_edges(result)
    labelled = len(drawn.keys() | still_open.keys()) <= LABELLED
    for pair, strength in still_open.items():
        label = f"{'? ' if pair in near else ''}≤ {strength:.2g}"
        drawn[pair] = Line("open", direct=False, label=label if labelled else "", width=1.1)
    return drawn
