"""Adjustment and front-door sets for the effect of one latent on another."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.errors import QuestionWarning

if TYPE_CHECKING:
    import networkx as nx
    from pgmpy.base import DAG

__all__ = [
    "adjustment_set", "forbidden", "frontdoor_set", "is_adjustment_set", "note_no_effect", "proper_backdoor_graph",
]  # fmt: skip


def adjustment_set(dag: DAG) -> tuple[str, ...] | None:
    """A minimal set to adjust for, sorted; None if none: regression on exposure and set gives the total effect.

    dag  as :func:`~crlspec.downstream.pgmpy_graph.causal_graph` gives it, one exposure, one outcome; nodes in the
         role ``latents`` are never in the set

    The adjustment criterion of Perković et al. (Journal of Machine Learning Research 2018): a minimal d-separator
    in the proper back-door graph (van der Zander, Liśkiewicz & Textor, Artificial Intelligence 2019) among the nodes
    that are neither unobserved nor forbidden. ``pgmpy.identification.Adjustment`` (1.1) leaves the last condition
    out, and may return a mediator. An effect on one of the exposure's own parents, which is none, has no set. Raises
    QuestionError unless there is one exposure and one outcome.
    """
    import networkx as nx

    x, y = _question(dag)
    allowed = set(dag.nodes) - forbidden(dag, x, y) - set(dag.latents) - {x, y}
    backdoor = proper_backdoor_graph(dag, x, y)
    if backdoor.has_edge(y, x):
        return None
    found = nx.find_minimal_d_separator(backdoor, x, y, restricted=allowed)
    return None if found is None else tuple(sorted(found))


def is_adjustment_set(graph: nx.DiGraph, x: str, y: str, given: set[str]) -> bool:
    """Whether adjusting for ``given`` identifies the total effect of x on y in every model of the graph."""
    import networkx as nx

    if given & (forbidden(graph, x, y) | {x, y}):
        return False
    return bool(nx.is_d_separator(proper_backdoor_graph(graph, x, y), {x}, {y}, given))


def frontdoor_set(dag: DAG) -> tuple[str, ...] | None:
    """A front-door set, sorted, by ``pgmpy.identification.Frontdoor``; None if none. Raises as ``adjustment_set``."""
    from pgmpy.identification import Frontdoor

    _question(dag)
    found, identified = Frontdoor().identify(dag)
    return tuple(sorted(found.get_role("frontdoor"))) if identified else None


def note_no_effect(dag: DAG, asked: str) -> None:
    """Warn where exposure and outcome of a graph are no cause and effect; ``asked`` names the question."""
    import networkx as nx

    x, y = _question(dag)
    if nx.has_path(dag, x, y):
        return
    text = f"{x!r} is no cause of {y!r} in this graph, so that its effect is 0 whatever one adjusts for."
    if nx.has_path(dag, y, x):
        text += (
            f" The arrows go from {y!r} to {x!r}. Remedy: ask for {asked}({y!r}, {x!r}), if that was meant."
        )
    warnings.warn(text, QuestionWarning, stacklevel=3)


def forbidden(graph: nx.DiGraph, x: str, y: str) -> set[str]:
    """Nodes on directed paths from x to y, x left out, and all descendants of these."""
    import networkx as nx

    between = nx.descendants(graph, x) & (nx.ancestors(graph, y) | {y})
    return between.union(*(nx.descendants(graph, node) for node in between))


def proper_backdoor_graph(graph: nx.DiGraph, x: str, y: str) -> nx.DiGraph:
    """The graph without the first edge of every directed path from x to y."""
    import networkx as nx

    towards = nx.ancestors(graph, y) | {y}
    kept = nx.DiGraph()
    kept.add_nodes_from(graph.nodes)
    kept.add_edges_from((a, b) for a, b in graph.edges if a != x or b not in towards)
    return kept


def _question(dag: DAG) -> tuple[str, str]:
    exposures, outcomes = dag.get_role("exposures"), dag.get_role("outcomes")
    if len(exposures) != 1 or len(outcomes) != 1:
        raise QuestionError(
            f"got {len(exposures)} exposures and {len(outcomes)} outcomes; a set is for one of each.",
            remedy="Name one exposure and one outcome.",
        )
    return exposures[0], outcomes[0]
