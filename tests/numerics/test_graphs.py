"""Graph helpers against networkx, and the known answers of the structural Hamming distance."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from crlspec.numerics import graphs


def _random_dag(seed: int, n: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    return np.triu(rng.random((n, n)) < 0.35, 1)[np.ix_(order, order)]


@pytest.mark.parametrize("seed", range(8))
def test_against_networkx(seed):
    adjacency = _random_dag(seed)
    graph = nx.from_numpy_array(adjacency.astype(int), create_using=nx.DiGraph)
    closure, reduction = nx.transitive_closure(graph), nx.transitive_reduction(graph)
    nodes = range(len(adjacency))
    np.testing.assert_array_equal(graphs.transitive_closure(adjacency), nx.to_numpy_array(closure, nodes) > 0)
    np.testing.assert_array_equal(
        graphs.transitive_reduction(adjacency), nx.to_numpy_array(reduction, nodes) > 0
    )
    place = np.argsort(graphs.topological_order(adjacency))
    assert all(place[i] < place[j] for i, j in graph.edges)
    depth = graphs.layers(adjacency)
    assert all(depth[j] == max((depth[i] + 1 for i in graph.predecessors(j)), default=0) for j in nodes)
    for j in nodes:
        assert set(np.flatnonzero(graphs.ancestors(adjacency)[j])) == nx.ancestors(graph, j)
        wide = {i for i in graph.predecessors(j) if set(graph[j]) <= set(graph[i])}
        assert set(np.flatnonzero(graphs.surrounding_parents(adjacency)[j])) == wide


def test_a_cycle_is_seen():
    cycle = graphs.adjacency_of("abc", [("a", "b"), ("b", "c"), ("c", "a")])
    assert not graphs.is_acyclic(cycle)
    assert not graphs.is_acyclic(np.eye(1, dtype=bool))
    assert graphs.is_acyclic(_random_dag(0))
    with pytest.raises(ValueError, match="cycle"):
        graphs.topological_order(cycle)


def test_names_and_back():
    edges = (("b", "a"), ("b", "c"))
    assert graphs.edges_of(graphs.adjacency_of("abc", edges), "abc") == edges
    with pytest.raises(ValueError, match="a -> x"):
        graphs.adjacency_of("abc", [("a", "x")])


@pytest.mark.parametrize(
    ("truth", "found", "distance"),
    [
        ([], [], 0),
        ([("a", "b")], [("b", "a")], 1),
        ([("a", "b")], [], 1),
        ([("a", "b"), ("b", "c")], [("b", "a"), ("a", "c")], 3),
        ([("a", "b")], [("a", "b"), ("b", "a")], 1),
    ],
)
def test_shd_counts_a_reversal_once(truth, found, distance):
    one, other = graphs.adjacency_of("abc", truth), graphs.adjacency_of("abc", found)
    assert graphs.shd(one, other) == graphs.shd(other, one) == distance
