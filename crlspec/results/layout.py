"""Where to draw the nodes and edges of a small causal graph: layers by causal depth, no Graphviz.

Positions are (x, y) in units of one node spacing, roots on top, y growing downwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from crlspec.numerics.graphs import Adjacency, adjacency_of, layers

__all__ = ["bend", "positions"]

SWEEPS = 8
CLEARANCE = 0.38
BENDS = (0.0, 0.18, -0.18, 0.3, -0.3, 0.42, -0.42, 0.55, -0.55)


def positions(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """A place for every node, all edges pointing down; nodes without edges stand in a row of their own.

    Crossings are reduced by the barycentre heuristic (Sugiyama, Tagawa & Toda 1981). Raises ValueError on a
    cycle.
    """
    adjacency = adjacency_of(nodes, edges)
    depth = layers(adjacency)
    linked = np.asarray(adjacency.any(axis=0) | adjacency.any(axis=1))
    rows: dict[int, list[int]] = defaultdict(list)
    for i in range(len(nodes)):
        if linked[i]:
            rows[depth[i]].append(i)
    place = _ordered(adjacency, [rows[key] for key in sorted(rows)])
    alone = [i for i in range(len(nodes)) if not linked[i]]
    bottom = max((y for _, y in place.values()), default=-1.0) + 1
    columns = min(len(alone), max(4, len(alone) // 3)) or 1
    for k, i in enumerate(alone):
        row = alone[k - k % columns : k - k % columns + columns]
        place[i] = (k % columns - (len(row) - 1) / 2, bottom + k // columns)
    return {nodes[i]: place[i] for i in range(len(nodes))}


def bend(
    source: tuple[float, float], target: tuple[float, float], others: Sequence[tuple[float, float]]
) -> float:
    """The least curvature, in the units of matplotlib's ``arc3``, that keeps an edge clear of other nodes."""
    clear = [_clearance(source, target, others, rad) for rad in BENDS]
    good = [rad for rad, free in zip(BENDS, clear, strict=True) if free >= CLEARANCE]
    return good[0] if good else BENDS[int(np.argmax(clear))]


def _ordered(adjacency: Adjacency, rows: list[list[int]]) -> dict[int, tuple[float, float]]:
    """Rows reordered by the mean place of their neighbours, down and up in turn."""
    place: dict[int, tuple[float, float]] = {}
    for y, row in enumerate(rows):
        place.update({i: (x, float(y)) for i, x in zip(row, _spread(row, y), strict=True)})
    for sweep in range(SWEEPS):
        upwards = bool(sweep % 2)
        for y in range(len(rows) - 1, -1, -1) if upwards else range(len(rows)):
            neighbours = adjacency if upwards else adjacency.T
            means = {
                i: _mean([place[int(j)][0] for j in np.flatnonzero(neighbours[i])], place[i][0])
                for i in rows[y]
            }
            rows[y] = sorted(rows[y], key=means.__getitem__)
            place.update({i: (x, float(y)) for i, x in zip(rows[y], _spread(rows[y], y), strict=True)})
    return place


def _spread(row: list[int], y: int) -> list[float]:
    """Even places around the middle; a node alone in its row steps aside, so that long edges can pass it."""
    if len(row) == 1:
        return [(-0.45, 0.45)[y % 2]]
    return [k - (len(row) - 1) / 2 for k in range(len(row))]


def _mean(values: list[float], default: float) -> float:
    return float(np.mean(values)) if values else default


def _clearance(
    source: tuple[float, float],
    target: tuple[float, float],
    others: Sequence[tuple[float, float]],
    rad: float,
) -> float:
    """Smallest distance of the other nodes from the quadratic Bézier curve that arc3 draws."""
    if not others:
        return float("inf")
    a, b = np.array(source), np.array(target)
    across = np.array([b[1] - a[1], -(b[0] - a[0])])
    control = (a + b) / 2 + rad * across
    t = np.linspace(0.05, 0.95, 31)[:, None]
    curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
    return float(np.linalg.norm(curve[:, None] - np.array(others)[None], axis=2).min())
