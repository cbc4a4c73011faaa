"""Equivalence classes against their definition, by enumeration, and against pgmpy's CPDAG."""

from __future__ import annotations

from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest

from crlspec.downstream.equivalence import essential_graph
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.numerics.graphs import is_acyclic

N = 4


def orientations(joined):
    """Every DAG with this skeleton."""
    pairs = np.argwhere(np.triu(joined))
    for turned in product([False, True], repeat=len(pairs)):
        graph = np.zeros_like(joined)
        for (a, b), turn in zip(pairs, turned, strict=True):
            graph[(b, a) if turn else (a, b)] = True
        if is_acyclic(graph):
            yield graph


def colliders(graph):
    joined = graph | graph.T
    return {
        (a, j, b)
        for j in range(len(graph))
        for a, b in combinations(np.flatnonzero(graph[:, j]), 2)
        if not joined[a, b]
    }


def essential_by_definition(graph, targets):
    """The union of all members: same skeleton and v-structures, same skeleton after every intervention."""

    def cut(one, target):
        left = one.copy()
        left[:, list(target)] = False
        return left | left.T

    union = np.zeros_like(graph)
    for member in orientations(graph | graph.T):
        alike = all((cut(member, target) == cut(graph, target)).all() for target in targets)
        if alike and colliders(member) == colliders(graph):
            union |= member
    return union


@pytest.mark.parametrize("targets", [[], [{0}], [{3}], [{0, 1}], [{1}, {2, 3}], [{0, 3}, {1}]])
def test_the_essential_graph_is_the_union_of_the_members(targets):
    pairs = list(combinations(range(N), 2))
    for kept in product([False, True], repeat=len(pairs)):
        graph = np.zeros((N, N), dtype=bool)
        for pair, keep in zip(pairs, kept, strict=True):
            graph[pair] = keep
        np.testing.assert_array_equal(
            essential_graph(graph, targets), essential_by_definition(graph, targets)
        )


def test_without_interventions_it_is_the_cpdag_of_pgmpy():
    from pgmpy.base import DAG

    rng = np.random.default_rng(0)
    for _ in range(40):
        graph = np.triu(rng.random((7, 7)) < 0.4, 1)
        dag = DAG()
        dag.add_nodes_from(range(7))
        dag.add_edges_from(map(tuple, np.argwhere(graph).tolist()))
        theirs = dag.to_pdag()
        mine = essential_graph(graph)
        assert {tuple(edge) for edge in np.argwhere(mine & ~mine.T).tolist()} == set(theirs.directed_edges)
        both = {frozenset(edge) for edge in np.argwhere(mine & mine.T).tolist()}
        assert both == {frozenset(edge) for edge in theirs.undirected_edges}


def test_interventions_on_every_latent_leave_one_graph(make):
    found = make(["a -> b", "b -> c", "a -> c"]).equivalence_class()
    assert found.determined
    assert set(found.directed) == {("a", "b"), ("b", "c"), ("a", "c")}
    assert found.why == "Of a graph, and interventions on a, b, c beside observational data."


def test_a_chain_and_what_one_intervention_tells(make):
    result = make(["a -> b", "b -> c", "c -> d"])
    nothing = result.equivalence_class([])
    assert (nothing.directed, set(nothing.undirected)) == ((), {("a", "b"), ("b", "c"), ("c", "d")})
    assert not nothing.determined
    assert set(result.equivalence_class([["b"]]).directed) == {("a", "b"), ("b", "c"), ("c", "d")}
    together = result.equivalence_class([["a", "b"]])
    assert (together.undirected, set(together.directed)) == ((("a", "b"),), {("b", "c"), ("c", "d")})
    assert str(together).endswith("certain   b -> c, c -> d\neither    a - b")
    pdag = together.pdag()
    assert set(pdag.directed_edges) == {("b", "c"), ("c", "d")}
    assert set(pdag.nodes) == set("abcd")
    with pytest.raises(QuestionError, match="there is no latent q"):
        result.equivalence_class([["q"]])


def test_of_a_closure_only_the_reduction_is_certain(make):
    found = make(["a -> b", "b -> c", "a -> c"], graph="transitive closure").equivalence_class()
    assert (found.directed, found.possible) == ((("a", "b"), ("b", "c")), (("a", "c"),))
    assert not found.determined
    assert "possible  a -> c" in str(found)
    closure = nx.transitive_closure(nx.DiGraph(found.directed))
    assert set(closure.edges) == {*found.directed, *found.possible}
