"""The structural intervention distance: the paper's example, and effects in models with random weights."""

from __future__ import annotations

from itertools import combinations, permutations, product

import networkx as nx
import numpy as np
import pytest

from crlspec.downstream.sid import sid, wrong_effects


def graph(edges, nodes):
    found = nx.DiGraph()
    found.add_nodes_from(nodes)
    found.add_edges_from(edges)
    return found


NODES = ("x1", "x2", "y1", "y2", "y3")
OUT = [(x, y) for x in ("x1", "x2") for y in ("y1", "y2", "y3")]
TRUTH = graph([*OUT, ("x1", "x2")], NODES)


def test_the_example_of_the_paper():
    superfluous = graph([*OUT, ("x1", "x2"), ("y1", "y2")], NODES)
    reversed_ = graph([*OUT, ("x2", "x1")], NODES)
    assert (sid(TRUTH, superfluous), sid(TRUTH, reversed_)) == (0, 8)
    assert ("x1", "x2") in wrong_effects(TRUTH, reversed_)


def small(nodes="abc"):
    """All 25 DAGs of three nodes."""
    seen = {}
    for order in permutations(nodes):
        for kept in product([False, True], repeat=3):
            edges = frozenset(pair for pair, keep in zip(combinations(order, 2), kept, strict=True) if keep)
            seen[edges] = graph(edges, nodes)
    return list(seen.values())


def effects(truth, estimate, seed):
    """Pairs whose total effect is not the coefficient of the regression on the cause and its estimated parents."""
    names = sorted(truth.nodes)
    rng = np.random.default_rng(seed)
    weights = np.zeros((3, 3))
    for a, b in truth.edges:
        weights[names.index(a), names.index(b)] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    total = np.linalg.inv(np.eye(3) - weights)
    covariance = total.T @ np.diag(rng.uniform(0.5, 2, 3)) @ total
    wrong = set()
    for i, j in permutations(range(3), 2):
        parents = [names.index(p) for p in estimate.predecessors(names[i])]
        rows = [i, *parents]
        computed = (
            0.0 if j in parents else np.linalg.solve(covariance[np.ix_(rows, rows)], covariance[rows, j])[0]
        )
        if not np.isclose(computed, total[i, j]):
            wrong.add((names[i], names[j]))
    return wrong


def test_it_counts_the_wrong_effects_of_every_pair_of_graphs_of_three_nodes():
    graphs = small()
    assert len(graphs) == 25
    for seed, (truth, estimate) in enumerate(product(graphs, repeat=2)):
        assert set(wrong_effects(truth, estimate)) == effects(truth, estimate, seed)


def test_other_nodes_have_no_distance():
    with pytest.raises(ValueError, match="different nodes"):
        sid(TRUTH, graph([], "ab"))
