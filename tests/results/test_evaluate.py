"""Evaluation: known answers for known faults, invariance to what cannot be identified."""

from __future__ import annotations

import dataclasses

import networkx as nx
import numpy as np
import pytest

from crlspec.errors import DataError
from crlspec.numerics.graphs import adjacency_of
from crlspec.result import Result
from crlspec.results import metrics


def _result(toy, model, estimate):
    return Result.from_estimate(estimate, model.sample(400, seed=1), observational="obs")


def test_the_truth_up_to_scale_and_sign_is_perfect(toy, model):
    found = _result(toy, model, toy.toy_estimate(model)).metrics(model, samples=500)
    seconds = found.pop("seconds")
    assert seconds == {"scores": 0.4, "inference": 1.8}
    for name in ("mcc", "mcc_spearman", "r2", "edge_precision", "edge_recall"):
        assert found[name] == pytest.approx(1)
    for name in ("shd", "shd_closure", "mixing_error", "score_error"):
        assert found[name] == pytest.approx(0, abs=1e-9)
    assert isinstance(found["shd"], int)


def test_metrics_from_an_evaluation_with_further_seconds(result, model):
    evaluation = result.evaluate(model, 300, seed=4)
    found = result.metrics(evaluation, sample=0.5)
    assert found["seconds"] == {"scores": 0.4, "inference": 1.8, "sample": 0.5}
    assert found["score_error"] == pytest.approx(0.1, rel=0.2)
    assert found["mcc"] == float(evaluation["correlation"].mean())


def test_soft_interventions_allow_mixing_with_ancestors_and_no_more(toy):
    model = toy.toy_model("soft")
    ancestral = np.eye(4)
    ancestral[1, 0], ancestral[2, 0], ancestral[2, 1] = 0.5, 0.3, -1.0
    estimate = dataclasses.replace(toy.toy_estimate(model, ancestral), graph="transitive closure")
    found = _result(toy, model, estimate).metrics(model, samples=500)
    assert found["mcc"] < 0.99
    assert found["r2"] == pytest.approx(1)
    assert found["mixing_error"] == pytest.approx(0, abs=1e-9)
    wrong = np.eye(4)
    wrong[0, 3] = 0.8
    estimate = dataclasses.replace(toy.toy_estimate(model, wrong), graph="transitive closure")
    found = _result(toy, model, estimate).metrics(model, samples=500)
    assert found["r2"] < 0.95
    assert found["mixing_error"] > 0.1


def test_hard_interventions_allow_no_mixing(toy, model):
    mixed = np.eye(4)
    mixed[1, 0] = 0.5
    found = _result(toy, model, toy.toy_estimate(model, mixed)).metrics(model, samples=500)
    assert found["r2"] < 0.999
    assert found["mixing_error"] > 0.1


def test_wrong_edges_are_counted(toy, model):
    estimate = toy.toy_estimate(model)
    pairs = [("z2", "z1"), ("z2", "z3"), ("z3", "z4")]  # one reversed, one right, one extra, one missing
    edges = tuple(toy.Edge(a, b, 0.5, 1e-6) for a, b in pairs)
    estimate = dataclasses.replace(estimate, edges=edges, tested=edges, order=("z2", "z1", "z3", "z4"))
    found = _result(toy, model, estimate).metrics(model, samples=200)
    assert found["shd"] == 3
    assert (found["edge_precision"], found["edge_recall"]) == (1 / 3, 1 / 3)


def test_no_edges_at_all(toy, model):
    estimate = dataclasses.replace(toy.toy_estimate(model), edges=())
    found = _result(toy, model, estimate).metrics(model, samples=200)
    assert (found["shd"], found["edge_precision"], found["edge_recall"]) == (3, 1.0, 0.0)


def test_a_closure_is_judged_against_the_closure(toy):
    weights = np.zeros((3, 3))
    weights[0, 1], weights[1, 2] = 1.0, 1.0
    model = toy.ToyModel(weights, "soft")
    closure = tuple(toy.Edge(a, b, 0.5, 0.0) for a, b in [("z1", "z2"), ("z2", "z3"), ("z1", "z3")])
    estimate = dataclasses.replace(
        toy.toy_estimate(model), edges=closure, tested=closure, graph="transitive closure"
    )
    found = _result(toy, model, estimate).metrics(model, samples=200)
    assert (found["shd"], found["shd_closure"]) == (1, 0)
    assert (found["edge_precision"], found["edge_recall"]) == (1.0, 1.0)


def test_latents_are_matched_through_environments_not_by_name_or_correlation(toy, model):
    estimate = toy.toy_estimate(model)
    names = dict(zip(model.latents, ("u3", "u1", "u4", "u2"), strict=True))
    renamed = estimate.renamed(names, {name: name for name in model.environments})
    evaluation = _result(toy, model, renamed).evaluate(model, 300)
    assert list(evaluation["recovered"].values) == ["u3", "u1", "u4", "u2"]
    assert float(evaluation["mcc"]) == pytest.approx(1)
    assert float(evaluation["shd"]) == 0
    swapped = {**estimate.environment_of, "z1": "hard_z4", "z4": "hard_z1"}
    fooled = dataclasses.replace(estimate, environment_of=swapped)
    assert float(_result(toy, model, fooled).evaluate(model, 300)["mcc"]) < 0.6


def test_environments_with_several_targets_fall_back_to_the_best_assignment(toy, model):
    both = toy.toy_model()
    for name in model.latents:
        both.environments[f"hard_{name}"] = toy.ToyEnvironment(f"hard_{name}", ("z1", "z2"), "hard")
    estimate = toy.toy_estimate(model)
    evaluation = _result(toy, model, estimate).evaluate(both, 300)
    assert list(evaluation["recovered"].values) == ["z1", "z2", "z3", "z4"]


def test_evaluation_is_deterministic_given_a_seed(result, model):
    assert result.evaluate(model, 200, seed=3).identical(result.evaluate(model, 200, seed=3))


def test_a_model_of_another_study_is_refused(toy, result):
    with pytest.raises(DataError, match="environments that the model does not know"):
        result.evaluate(toy.toy_model("soft"))
    with pytest.raises(DataError, match="observed variables"):
        result.evaluate(toy.ToyModel(toy.toy_model().weights, observed_count=9))


def test_a_compiled_model_gives_what_evaluation_asks(toy):
    import crlspec
    from crlspec.results.evaluate import exact_differences

    spec = crlspec.load("linear/quadratic-soft-5")
    truth = crlspec.compile(spec, seed=3)
    matrix = np.asarray(truth.mixing.matrix)
    targeted = [name for name in truth.environments if name != truth.observational]
    of = {truth.environments[name].targets[0]: name for name in targeted}
    edges = tuple(toy.Edge(a, b, 0.4, 1e-9) for a, b in truth.graph.edges)
    estimate = toy.Estimate(
        latents=truth.latents,
        environment_of={name: of[name] for name in truth.latents},
        encoder=toy.LinearEncoder(np.linalg.pinv(matrix), np.zeros(len(matrix))),
        mixing=matrix,
        order=tuple(nx.topological_sort(truth.graph)),
        edges=edges,
        tested=edges,
        graph="exact",
        status=toy.Status("ok", "decided"),
    )
    data = truth.sample(300, seed=1)
    found = Result.from_estimate(estimate, data, spec=spec).metrics(truth, samples=300)
    assert found["mcc"] == pytest.approx(1)
    assert found["mixing_error"] == pytest.approx(0, abs=1e-9)
    assert (found["shd"], found["score_error"]) == (0, None)
    x = data[truth.observational]["x"].values[:20]
    for name, environment in of.items():
        latent = exact_differences(truth, environment, x) @ matrix
        touched = {name, *truth.graph.predecessors(name)}
        untouched = [i for i, other in enumerate(truth.latents) if other not in touched]
        np.testing.assert_allclose(latent[:, untouched], 0, atol=1e-8)


def test_rank_correlation_ignores_monotone_maps():
    z = np.random.default_rng(0).normal(size=(300, 2))
    found = metrics.rank_correlations(z, np.stack([z[:, 1] ** 3, np.exp(z[:, 0])], axis=1))
    np.testing.assert_allclose(np.diagonal(found[:, ::-1]), 1)
    assert metrics.best_matching(found).tolist() == [1, 0]


def test_a_constant_latent_correlates_with_nothing():
    z = np.random.default_rng(0).normal(size=(50, 2))
    z[:, 1] = 4.0
    assert metrics.absolute_correlations(z, z)[1].tolist() == [0.0, 0.0]
    assert metrics.explained_variance(z, z, np.eye(2, dtype=bool)).tolist() == pytest.approx([1.0, 0.0])


def test_mixing_error_of_a_turned_column():
    mixing = np.eye(3)[:, :2]
    turned = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    own = adjacency_of("ab", [("a", "a"), ("b", "b")])
    total, by_column = metrics.mixing_error(mixing, turned * [-3.0, 2.0], own)
    assert by_column.tolist() == pytest.approx([0.0, np.sqrt(0.5)])
    assert total == pytest.approx(0.5)
