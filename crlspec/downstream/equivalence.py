"""What a family of interventions can tell of a graph: its interventional equivalence class."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from crlspec.downstream.bayesian_network import targets_of
from crlspec.downstream.pgmpy_graph import names_of, refuse_no_graph
from crlspec.numerics.graphs import Adjacency, adjacency_of, edges_of, transitive_reduction

if TYPE_CHECKING:
    from pgmpy.base import PDAG

    from crlspec.results.record import Record

__all__ = ["EquivalenceClass", "equivalence_class", "essential_graph"]


@dataclass(frozen=True)
class EquivalenceClass:
    """The graphs that the interventions cannot tell apart.

    nodes       names of all latents
    directed    edges that every member has
    undirected  pairs that every member joins, either way; which way is not determined
    possible    directed pairs that a member may join or not; against them none goes
    why         what leaves it open, in a sentence
    """

    nodes: tuple[str, ...]
    directed: tuple[tuple[str, str], ...]
    undirected: tuple[tuple[str, str], ...]
    possible: tuple[tuple[str, str], ...]
    why: str

    @property
    def determined(self) -> bool:
        """Whether there is one member only."""
        return not self.undirected and not self.possible

    def pdag(self) -> PDAG:
        """As a pgmpy PDAG, of ``directed`` and ``undirected``; ``possible`` edges are not in it."""
        from pgmpy.base import PDAG

        graph = PDAG(directed_ebunch=list(self.directed), undirected_ebunch=list(self.undirected))
        graph.add_nodes_from(self.nodes)
        return graph

    def __str__(self) -> str:
        certain = ", ".join(f"{a} -> {b}" for a, b in self.directed) or "none"
        lines = [self.why, f"certain   {certain}"]
        if self.undirected:
            lines.append(f"either    {', '.join(f'{a} - {b}' for a, b in self.undirected)}")
        if self.possible:
            lines.append(f"possible  {', '.join(f'{a} -> {b}' for a, b in self.possible)}")
        return "\n".join(lines)


def equivalence_class(result: Record, targets: Iterable[Collection[str]] | None = None) -> EquivalenceClass:
    """The class of the recovered graph, for the interventions of the result or for other ones.

    targets  the latents of each intervention, e.g. ``[["z1"], ["z2", "z3"]]``; none at all (``[]``) leaves the
             Markov equivalence class; observational data are always taken to be there

    Where the result is the graph, the class is that of its interventions (Hauser & Bühlmann, Journal of Machine
    Learning Research 2012; for soft interventions on given variables the same, Yang, Katcoff & Uhler, ICML 2018).
    Where it is only a transitive closure, every graph with that closure is a member: its transitive reduction is
    certain, the other edges are possible; ``targets`` then change nothing, as what is open comes from the mixing.
    """
    refuse_no_graph(result)
    family = (
        list(targets_of(result).values()) if targets is None else [names_of(result, one) for one in targets]
    )
    graph = adjacency_of(result.names, [edge.pair for edge in result.edges])
    if result.graph == "transitive closure":
        sure = transitive_reduction(graph)
        return EquivalenceClass(
            result.names,
            edges_of(sure, result.names),
            (),
            edges_of(graph & ~sure, result.names),
            "Only ancestors are identified: every graph with this transitive closure may be the true one.",
        )
    place = {name: i for i, name in enumerate(result.names)}
    found = essential_graph(graph, [{place[name] for name in one} for one in family])
    undirected = found & found.T
    hit = sorted({name for one in family for name in one}, key=result.names.index)
    return EquivalenceClass(
        result.names,
        edges_of(found & ~found.T, result.names),
        edges_of(np.triu(undirected | undirected.T), result.names),
        (),
        f"Of a graph, and interventions on {', '.join(hit) or 'no latent'} beside observational data.",
    )


def essential_graph(adjacency: Adjacency, targets: Iterable[Collection[int]] = ()) -> Adjacency:
    """The I-essential graph of a DAG, an undirected edge marked both ways; no targets: the CPDAG.

    An edge is directed if it is part of a v-structure, if a target holds one of its ends and not the other, or if
    these imply it by the four rules of Meek (UAI 1995), which are complete for such background knowledge; by pgmpy.
    """
    from pgmpy.base import PDAG

    graph = np.array(adjacency, dtype=bool)
    joined = graph | graph.T
    known = np.zeros_like(graph)
    for j in range(len(graph)):
        for a, b in combinations(np.flatnonzero(graph[:, j]), 2):
            if not joined[a, b]:
                known[[a, b], j] = True
    for target in targets:
        inside = np.isin(np.arange(len(graph)), list(target))
        known |= graph & (inside[:, None] != inside[None, :])
    open_ = np.triu(joined & ~(known | known.T))
    partly = PDAG(directed_ebunch=_pairs(known), undirected_ebunch=_pairs(open_))
    partly.add_nodes_from(range(len(graph)))
    found = partly.apply_meeks_rules(apply_r4=True)
    essential = np.zeros_like(graph)
    for a, b in found.directed_edges:
        essential[a, b] = True
    for a, b in found.undirected_edges:
        essential[a, b] = essential[b, a] = True
    return essential


def _pairs(adjacency: Adjacency) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in np.argwhere(adjacency)]
