"""The structural intervention distance: how many effects one graph would make you compute wrongly in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crlspec.downstream.adjustment import is_adjustment_set

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["sid", "wrong_effects"]


def sid(truth: nx.DiGraph, estimate: nx.DiGraph) -> int:
    """Ordered pairs whose effect is wrong when computed in ``truth`` by adjusting for the parents in ``estimate``.

    Peters & Bühlmann (Neural Computation 27, 2015), exact, for DAGs on the same nodes. It is 0 for an estimate with
    superfluous edges in the right order, n(n − 1) at most, and not symmetric. Raises ValueError for other nodes.
    """
    return len(wrong_effects(truth, estimate))


def wrong_effects(truth: nx.DiGraph, estimate: nx.DiGraph) -> tuple[tuple[str, str], ...]:
    """The pairs (cause, effect) that :func:`sid` counts, in the order of the nodes of ``truth``.

    Where the estimate has effect → cause it says that there is no effect, and is wrong where truth has a directed
    path; otherwise its parents of the cause must be an adjustment set in truth.
    """
    import networkx as nx

    if set(truth.nodes) != set(estimate.nodes):
        raise ValueError("graphs on different nodes have no structural intervention distance")
    found = []
    for cause in truth.nodes:
        parents = set(estimate.predecessors(cause))
        descendants = nx.descendants(truth, cause)
        for effect in truth.nodes:
            if effect == cause:
                continue
            if effect in parents:
                wrong = effect in descendants
            else:
                wrong = not is_adjustment_set(truth, cause, effect, parents)
            if wrong:
                found.append((cause, effect))
    return tuple(found)
