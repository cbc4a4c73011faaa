"""Adjustment and front-door sets, judged by the effects that they give in models with random weights."""

from __future__ import annotations

from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest

from crlspec.downstream.adjustment import adjustment_set, forbidden, is_adjustment_set
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.errors import QuestionWarning

pytestmark = pytest.mark.filterwarnings("error")
NODES = "wxyz"


def dags(nodes=NODES):
    """Every DAG whose edges go along the order of the nodes, with the ends of the question in every place."""
    pairs = list(combinations(nodes, 2))
    for kept in product([False, True], repeat=len(pairs)):
        graph = nx.DiGraph()
        graph.add_nodes_from(nodes)
        graph.add_edges_from(pair for pair, keep in zip(pairs, kept, strict=True) if keep)
        yield graph


def model_of(graph, seed):
    """Total effects (cause, effect) and covariance of a linear SCM with random weights; names in sorted order."""
    names = sorted(graph.nodes)
    rng = np.random.default_rng(seed)
    weights = np.zeros((len(names),) * 2)
    for a, b in graph.edges:
        weights[names.index(a), names.index(b)] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    total = np.linalg.inv(np.eye(len(names)) - weights)
    return names, total, total.T @ np.diag(rng.uniform(0.5, 2, len(names))) @ total


def adjusted(names, covariance, x, y, given):
    """The coefficient of x in the regression of y on x and given."""
    rows = [names.index(name) for name in (x, *sorted(given))]
    return np.linalg.solve(covariance[np.ix_(rows, rows)], covariance[rows, names.index(y)])[0]


def test_the_criterion_is_right_on_every_graph_of_four_nodes():
    for seed, graph in enumerate(dags()):
        names, total, covariance = model_of(graph, seed)
        for x, y in ((x, y) for x in NODES for y in NODES if x != y):
            others = set(NODES) - {x, y}
            for size in range(3):
                for given in map(set, combinations(sorted(others), size)):
                    right = np.isclose(
                        adjusted(names, covariance, x, y, given), total[names.index(x), names.index(y)]
                    )
                    assert is_adjustment_set(graph, x, y, given) == right, (graph.edges, x, y, given)


def question(graph, x, y, hidden=()):
    from pgmpy.base import DAG

    dag = DAG()
    dag.add_nodes_from(graph.nodes)
    dag.add_edges_from(graph.edges)
    return dag.with_role("exposures", {x}).with_role("outcomes", {y}).with_role("latents", set(hidden))


@pytest.mark.parametrize("hidden", [(), ("w",), ("x",)])
def test_the_set_is_valid_minimal_and_found_whenever_there_is_one(hidden):
    for graph in dags():
        for x, y in (
            pair for pair in (("w", "z"), ("x", "z"), ("x", "y"), ("z", "w")) if not set(pair) & set(hidden)
        ):
            others = sorted(set(NODES) - {x, y} - set(hidden))
            valid = [
                set(given)
                for size in range(len(others) + 1)
                for given in combinations(others, size)
                if is_adjustment_set(graph, x, y, set(given))
            ]
            found = adjustment_set(question(graph, x, y, hidden))
            assert (found is None) == (not valid)
            if found is not None:
                assert set(found) in valid
                assert not any(one < set(found) for one in valid)


def test_a_mediator_is_never_adjusted_for(make):
    result = make(["c -> x", "c -> m", "x -> m", "m -> y"])
    assert result.adjustment_set("x", "y") == ("c",)
    assert forbidden(result.dag, "x", "y") == {"m", "y"}
    assert result.adjustment_set("x", "y", unobserved="c") is None
    with pytest.warns(QuestionWarning, match="no cause"):
        found = result.adjustment_set("m", "x")
    assert found is None  # no effect on a cause, but no regression shows that either


def test_front_door(make):
    result = make(["u -> x", "u -> y", "x -> m", "m -> y"])
    assert result.adjustment_set("x", "y", unobserved="u") is None
    assert result.frontdoor_set("x", "y", unobserved="u") == ("m",)
    open_path = make(["u -> x", "u -> y", "x -> m", "m -> y", "x -> y"])
    assert open_path.frontdoor_set("x", "y", unobserved="u") is None


def test_d_separation_is_asked_of_pgmpy(make):
    dag = make(["a -> b", "b -> c", "a -> c", "c -> d"]).dag
    assert dag.is_dconnected("a", "d")
    assert not dag.is_dconnected("a", "d", observed=["c"])
    assert dag.minimal_dseparator("a", "d") == {"c"}
    assert set(dag.nodes) == {"a", "b", "c", "d"}


def test_roles_on_request(make):
    result = make(["a -> b"], nodes=["a", "b", "c"])
    dag = result.causal_graph("a", ["b"], unobserved="c")
    assert {role: sorted(names) for role, names in dag.get_role_dict().items()} == {
        "recovered": ["a", "b", "c"], "exposures": ["a"], "outcomes": ["b"], "latents": ["c"],
    }  # fmt: skip
    with pytest.raises(QuestionError, match="there is no latent q; there are a, b, c"):
        result.causal_graph("q")
    with pytest.raises(QuestionError, match="a cannot be exposure, outcome or unobserved at the same time"):
        result.causal_graph("a", "a")
    with pytest.raises(QuestionError, match="got 0 exposures and 0 outcomes"):
        adjustment_set(result.dag)


@pytest.mark.parametrize("question", ["adjustment_set", "frontdoor_set"])
def test_a_question_against_the_arrows_is_noted(make, question):
    result = make(["a -> b", "b -> c", "a -> d"])
    told = (
        "'c' is no cause of 'a' in this graph, so that its effect is 0 whatever one adjusts for. The arrows go from "
        rf"'a' to 'c'. Remedy: ask for {question}\('a', 'c'\), if that was meant."
    )
    with pytest.warns(QuestionWarning, match=told):
        getattr(result, question)("c", "a")
    with pytest.warns(QuestionWarning, match=r"'c' is no cause of 'd' in this graph, so .* adjusts for\.$"):
        getattr(result, question)("c", "d")
    getattr(result, question)("a", "c")  # warnings are errors here
