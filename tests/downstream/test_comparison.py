"""Comparisons: distances of known graphs, latents matched on data, errors in words."""

from __future__ import annotations

import dataclasses
import json

import networkx as nx
import numpy as np
import pytest
import xarray as xr

import crlspec
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.inference.estimate import LinearEncoder


@pytest.fixture(scope="module")
def result(make):
    return make(["a -> b", "b -> c", "a -> c"], nodes=["a", "b", "c", "d"], samples=300)


def mixed_up(result, order, signs):
    """The same answer with latents renamed, reordered and turned."""
    estimate, new = result.estimate, [f"u{k}" for k in range(len(order))]
    names = {result.names[old]: new[k] for k, old in enumerate(order)}
    renamed = estimate.renamed(names, {name: name for name in estimate.environment_of.values()})
    matrix = estimate.encoder.matrix[order] * np.array(signs)[:, None]
    return dataclasses.replace(
        result,
        estimate=dataclasses.replace(
            renamed, latents=tuple(new), encoder=LinearEncoder(matrix, estimate.encoder.offset),
            mixing=estimate.mixing[:, order] * np.array(signs),
        ),
    )  # fmt: skip


def data_of(result):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(400, len(result.observed))) @ rng.normal(size=(len(result.observed),) * 2)
    coords = {"observed": np.array(result.observed, dtype=object)}
    return xr.DataTree.from_dict({"new": xr.Dataset({"x": (("sample", "observed"), x)}, coords=coords)})


def test_a_result_beside_itself(result):
    found = crlspec.compare(result, result, data_of(result))
    assert (found.shd, found.shd_closure, found.sid, found.sid_back) == (0, 0, 0, 0)
    np.testing.assert_allclose(list(found.matched.values()), 1)
    assert set(found.edges["says"]) == {"both"}


def test_latents_are_matched_on_data_whatever_their_names_and_signs(result):
    other = mixed_up(result, [2, 0, 3, 1], [-1, 1, 1, -1])
    found = result.compare(other, data_of(result))
    assert found.matching == {"c": "u0", "a": "u1", "d": "u2", "b": "u3"}
    assert (found.shd, found.sid) == (0, 0)
    assert float(found.correlation.sel(first="c", second="u0")) == pytest.approx(-1)
    assert found.correlation.dims == ("first", "second")
    back = other.compare(result, data_of(result))
    np.testing.assert_allclose(back.correlation.values, found.correlation.values.T)


def test_graphs_by_name(result):
    graph = nx.DiGraph([("b", "a"), ("b", "c")])
    graph.add_node("d")
    found = crlspec.compare(result, graph)
    assert (found.shd, found.correlation) == (2, None)
    says = {(row.source, row.target): row.says for row in found.edges.itertuples()}
    assert says == {
        ("a", "b"): "reversed",
        ("b", "c"): "both",
        ("a", "c"): "first only",
        ("b", "a"): "reversed",
    }
    assert crlspec.compare(graph, result).shd == 2
    assert crlspec.compare(graph, result).sid == found.sid_back
    assert "SHD 2, of the closures" in str(found)
    assert json.loads(json.dumps(found.as_values(), allow_nan=False))["edges"][0]["says"] == "reversed"


def test_a_truth_samples_its_own_data():
    spec = crlspec.load(
        "linear/hard-5", sets=["samples=3000", "latents=3", "mixing.observed=4", "scores.kind=gaussian"]
    )
    model = crlspec.compile(spec, seed=1)
    result = crlspec.solve(spec, model.sample(seed=1), seed=1)
    found = result.compare(model)
    metrics = result.evaluate(model)
    assert found.matching == dict(zip(metrics["recovered"].values, metrics["latent"].values, strict=True))
    np.testing.assert_allclose(np.mean(list(found.matched.values())), float(metrics["mcc"]), atol=1e-3)
    assert (found.shd, found.shd_closure) == (int(metrics["shd"]), int(metrics["shd_closure"]))


def test_latents_of_one_side_alone_count_with_their_edges(result, make):
    fewer = make(["a -> b"], nodes=["a", "b"])
    found = result.compare(fewer, matching={"a": "a", "b": "b"})
    assert found.shd == 2
    more = fewer.compare(make(["a -> z", "z -> b"], nodes=["a", "b", "z"]), matching={"a": "a", "b": "b"})
    assert more.shd == 3
    with pytest.raises(QuestionError, match="matching does not pair latents a, b, c, d with a, b"):
        result.compare(fewer, matching={"a": "a", "b": "a"})


def test_other_names_without_data_are_refused(result, make):
    with pytest.raises(QuestionError) as caught:
        result.compare(make(["p -> q"]))
    assert caught.value.message == (
        "latents a, b, c, d and p, q go by other names, and nothing tells which is which."
    )


def test_latents_alone_have_no_distance(result, make):
    alone = make([], nodes=["a", "b", "c", "d"], graph="not estimated")
    found = result.compare(alone, data_of(result))
    assert found.shd is None
    assert found.matching
    assert str(found).endswith("graphs: not compared, one side has none")
