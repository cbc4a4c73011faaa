"""Where to draw the nodes and edges of a small causal graph: layers by causal depth, no Graphviz.

After Sugiyama, Tagawa & Toda, "Methods for visual understanding of hierarchical system structures", IEEE Transactions
on Systems, Man, and Cybernetics 1981: an edge that passes layers takes a place in each of them, so that it meets no
node; layers are ordered by the barycentres of their neighbours. Positions are (x, y) in units of one node spacing,
roots on top, y growing downwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from crlspec.numerics.graphs import adjacency_of, layers

__all__ = ["Layout", "bend", "curve", "label_places", "layout"]

Point = tuple[float, float]
Pair = tuple[str, str]
Item = tuple[str, str, int]
"""Something in a layer: (node, "", layer), or (source, target, layer) where an edge passes it."""

SWEEPS = 12
PASSING = 0.45
"""Room that a passing edge takes, in that of a node."""
CLEARANCE = 0.38
BENDS = (0.0, 0.18, -0.18, 0.3, -0.3, 0.42, -0.42, 0.55, -0.55)


@dataclass(frozen=True)
class Layout:
    """Places of nodes, and the points where an edge passes the layers between its ends, in its direction."""

    places: Mapping[str, Point]
    passes: Mapping[Pair, tuple[Point, ...]]

    def stretched(self, factor: float) -> Layout:
        """The same with all x multiplied, for wider nodes, and y upwards, as charts have it."""
        return Layout(
            {name: (x * factor, -y) for name, (x, y) in self.places.items()},
            {pair: tuple((x * factor, -y) for x, y in points) for pair, points in self.passes.items()},
        )

    def renamed(self, names: Mapping[str, str]) -> Layout:
        """The same under other names of the nodes."""
        return Layout(
            {names[name]: place for name, place in self.places.items()},
            {(names[a], names[b]): points for (a, b), points in self.passes.items()},
        )

    def route(self, source: str, target: str, count: int = 61) -> np.ndarray:
        """Points (count, 2) along the edge; one that was not laid out bends around the nodes in its way."""
        ends = self.places[source], self.places[target]
        passes = self.passes.get((source, target))
        if passes is None:
            other_way = self.passes.get((target, source))
            passes = None if other_way is None else other_way[::-1]
        if passes is not None:
            points = np.array([ends[0], *passes, ends[1]])
            t = np.linspace(points[0, 1], points[-1, 1], count)
            upwards = points if points[-1, 1] > points[0, 1] else points[::-1]
            return np.stack([_smooth(upwards[:, 1], upwards[:, 0], t), t], 1)
        others = [place for name, place in self.places.items() if name not in (source, target)]
        return curve(*ends, bend(*ends, others), count)


def layout(nodes: Sequence[str], edges: Sequence[Pair]) -> Layout:
    """A place for every node, all edges pointing down; nodes without edges stand in rows of their own.

    Raises ValueError on a cycle.
    """
    adjacency = adjacency_of(nodes, edges)
    depth = dict(zip(nodes, layers(adjacency), strict=True))
    linked = {name for pair in edges for name in pair}
    rows: dict[int, list[Item]] = defaultdict(list)
    neighbours: dict[Item, list[Item]] = defaultdict(list)
    for name in nodes:
        if name in linked:
            rows[depth[name]].append((name, "", depth[name]))
    for source, target in edges:
        passing = [(source, target, k) for k in range(depth[source] + 1, depth[target])]
        chain = [(source, "", depth[source]), *passing, (target, "", depth[target])]
        for one in passing:
            rows[one[2]].append(one)
        for above, below in pairwise(chain):
            neighbours[above].append(below)
            neighbours[below].append(above)
    at = _placed([rows[k] for k in sorted(rows)], neighbours)
    places = {name: (at[name, "", depth[name]], float(depth[name])) for name in nodes if name in linked}
    passes = {(a, b): tuple((at[a, b, k], float(k)) for k in range(depth[a] + 1, depth[b])) for a, b in edges}
    middle = (min(x for x, _ in places.values()) + max(x for x, _ in places.values())) / 2 if places else 0.0
    places.update(_alone([name for name in nodes if name not in linked], middle, float(len(rows))))
    return Layout({name: places[name] for name in nodes}, passes)


def _placed(rows: list[list[Item]], neighbours: Mapping[Item, list[Item]]) -> dict[Item, float]:
    """x of every item: layers ordered by the mean place of their neighbours, down and up in turn, then moved towards
    it as far as order and room allow."""
    at = {item: float(k) for row in rows for k, item in enumerate(row)}
    order = [*range(len(rows)), *range(len(rows) - 1, -1, -1)] * (SWEEPS // 2)
    for settling in (False, True):
        for count, y in enumerate(order):
            one_way = -1 if (count // max(len(rows), 1)) % 2 == 0 else 1
            sides = (one_way,) if not settling else (-1, 1)
            wanted = {
                item: _mean([at[other] for other in neighbours[item] if other[2] - y in sides], at[item])
                for item in rows[y]
            }
            if not settling:
                rows[y] = sorted(rows[y], key=wanted.__getitem__)
            at.update(zip(rows[y], _spread(rows[y], [wanted[item] for item in rows[y]]), strict=True))
    return at


def _spread(row: Sequence[Item], wanted: Sequence[float]) -> list[float]:
    """Places in the order of the row, as near to the wanted ones as the room that items take allows (least
    squares)."""
    room = np.array([PASSING if item[1] else 1.0 for item in row])
    offsets = np.concatenate([[0.0], np.cumsum((room[1:] + room[:-1]) / 2)])
    return [float(x) for x in _rising(np.array(wanted) - offsets) + offsets]


def _rising(values: np.ndarray) -> np.ndarray:
    """The values that never fall and are nearest to these (least squares): neighbours that fall are pooled."""
    pools: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    return np.array([mean for mean, count in pools for _ in range(count)])


def _smooth(knots: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A smooth curve through values at rising knots that turns nowhere between them, at points within the knots.

    Slopes as Fritsch & Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM Journal
    on Scientific and Statistical Computing 1984; at the ends by three points, cut where they would turn.
    """
    gaps = np.diff(knots)
    rises = np.diff(values) / gaps
    slopes = np.full(len(knots), rises[0])
    if len(rises) > 1:
        one, two = 2 * gaps[1:] + gaps[:-1], gaps[1:] + 2 * gaps[:-1]
        for k, (before, after) in enumerate(pairwise(rises)):
            turns = before * after <= 0
            slopes[k + 1] = 0.0 if turns else (one[k] + two[k]) / (one[k] / before + two[k] / after)
        slopes[0] = _end_slope(gaps[0], gaps[1], rises[0], rises[1])
        slopes[-1] = _end_slope(gaps[-1], gaps[-2], rises[-1], rises[-2])
    left = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(gaps) - 1)
    right, t = left + 1, (at - knots[left]) / gaps[left]
    eased = t * t * (3 - 2 * t)
    bent = t * (1 - t) * ((1 - t) * slopes[left] - t * slopes[right])
    return np.asarray(values[left] * (1 - eased) + values[right] * eased + gaps[left] * bent)


def _end_slope(gap: float, next_gap: float, rise: float, next_rise: float) -> float:
    slope = ((2 * gap + next_gap) * rise - gap * next_rise) / (gap + next_gap)
    if slope * rise <= 0:
        return 0.0
    return 3 * rise if rise * next_rise < 0 and abs(slope) > 3 * abs(rise) else float(slope)


def _alone(names: Sequence[str], middle: float, bottom: float) -> dict[str, Point]:
    columns = min(len(names), max(4, len(names) // 3)) or 1
    places = {}
    for k, name in enumerate(names):
        row = names[k - k % columns : k - k % columns + columns]
        places[name] = (middle + k % columns - (len(row) - 1) / 2, bottom + k // columns)
    return places


def bend(source: Point, target: Point, others: Sequence[Point]) -> float:
    """The least curvature, in the units of matplotlib's ``arc3``, that keeps an edge clear of other nodes."""
    clear = [
        float(_distance(curve(source, target, rad), np.array(others).reshape(-1, 2)).min()) for rad in BENDS
    ]
    good = [rad for rad, free in zip(BENDS, clear, strict=True) if free >= CLEARANCE]
    return good[0] if good else BENDS[int(np.argmax(clear))]


def curve(source: Point, target: Point, rad: float, count: int = 31) -> np.ndarray:
    """Points (count, 2) along a quadratic Bézier curve, its bend as that of matplotlib's ``arc3``."""
    a, b = np.array(source), np.array(target)
    across = np.array([b[1] - a[1], -(b[0] - a[0])])
    control = (a + b) / 2 + rad * across
    t = np.linspace(0, 1, count)[:, None]
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b)


def label_places(curves: Sequence[np.ndarray], nodes: Sequence[Point]) -> list[Point]:
    """A place on each curve for its label: as far as can be from nodes, labels placed before, and other curves."""
    placed: list[np.ndarray] = []
    for k, points in enumerate(curves):
        tried = points[len(points) // 4 : -len(points) // 4 + 1]
        others = [other for j, other in enumerate(curves) if j != k]
        room = np.minimum(_distance(tried, np.array(nodes)), _distance(tried, np.array(placed)))
        room = np.minimum(room, 1.6 * _distance(tried, np.concatenate([*others, np.empty((0, 2))])))
        middle = 0.05 * np.abs(np.linspace(-1, 1, len(tried)))
        placed.append(tried[int(np.argmax(np.minimum(room, 0.6) - middle))])
    return [(float(x), float(y)) for x, y in placed]


def _distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(point,): distance to the nearest of the others; infinite where there are none."""
    if not len(others):
        return np.full(len(points), np.inf)
    return np.asarray(np.linalg.norm(points[:, None] - others[None], axis=2).min(1))


def _mean(values: list[float], default: float) -> float:
    return float(np.mean(values)) if values else default
