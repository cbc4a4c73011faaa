"""The fitted network against closed forms: regression, the do of a linear-Gaussian SCM, pgmpy's own simulate."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from crlspec.downstream.bayesian_network import intervened, targets_of, untouched
from crlspec.downstream.pgmpy_discrete import cuts, state_names
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.errors import EstimationError

pytestmark = pytest.mark.filterwarnings("error")
EDGES = ["a -> b", "b -> c", "a -> c"]


@pytest.fixture(scope="module")
def result(make):
    return make(EDGES, nodes=["c", "a", "b", "alone"], weights={("b", "c"): -1.1}, samples=4000)


@pytest.fixture(scope="module")
def network(result):
    return result.bayesian_network()


def moments(network):
    """Mean and covariance by solving the structural equations, names in the order of the nodes."""
    names = list(network.nodes)
    weights, intercept, variance = np.zeros((len(names),) * 2), np.zeros(len(names)), np.zeros(len(names))
    for j, name in enumerate(names):
        cpd = network.get_cpds(name)
        intercept[j], variance[j] = cpd.beta[0], cpd.std**2
        for parent, value in zip(cpd.evidence, cpd.beta[1:], strict=True):
            weights[names.index(parent), j] = value
    spread = np.linalg.inv(np.eye(len(names)) - weights)
    return names, intercept @ spread, spread.T @ np.diag(variance) @ spread


def test_nodes_are_fitted_on_the_environments_that_leave_them_alone(result, network):
    assert targets_of(result) == {"obs": frozenset(), **{f"do_{z}": frozenset({z}) for z in result.names}}
    z = untouched(result, "b")
    assert z.shape == (4 * 4000, 4)
    beta = np.polyfit(z[:, result.names.index("a")], z[:, result.names.index("b")], 1)
    cpd = network.get_cpds("b")
    np.testing.assert_allclose(cpd.beta, beta[::-1], atol=1e-12)
    residual = z[:, result.names.index("b")] - np.polyval(beta, z[:, result.names.index("a")])
    assert cpd.std == pytest.approx(np.sqrt((residual**2).sum() / (len(z) - 2)))


def test_weights_are_those_of_the_truth_in_the_units_of_the_result(result, network):
    factor = dict(zip(result.names, np.diag(result.encoder.matrix.values), strict=True))
    cpd = network.get_cpds("c")
    found = dict(zip(cpd.evidence, cpd.beta[1:], strict=True))
    true = {"a": 0.8, "b": -1.1}
    for parent, value in found.items():
        assert value == pytest.approx(true[parent] * factor["c"] / factor[parent], abs=0.03)


@pytest.mark.parametrize("do", [{"b": 1.5}, {"a": (-0.5, 2.0)}, {"a": 1.0, "b": (0.3, 0.7)}, {"c": 2.0}])
def test_do_is_the_do_of_the_structural_equations(network, do):
    changed = intervened(network, do)
    assert changed.check_model()
    assert not any(b in do for _, b in changed.edges)
    names, mean, covariance = moments(changed)
    order = [names.index(name) for name in nx.topological_sort(changed)]
    given, spread = changed.to_joint_gaussian()
    np.testing.assert_allclose(given, mean[order], atol=1e-7)
    np.testing.assert_allclose(spread, covariance[np.ix_(order, order)], atol=1e-7)
    for name, value in do.items():
        mean_set, sd_set = value if isinstance(value, tuple) else (value, 0.0)
        j = names.index(name)
        assert (mean[j], covariance[j, j]) == pytest.approx((mean_set, sd_set**2))
    assert set(network.edges) == {("a", "b"), ("b", "c"), ("a", "c")}


def test_do_agrees_with_what_pgmpy_simulates(network):
    value = {"b": 1.5}
    drawn = network.simulate(40_000, do=value, seed=1)
    names, mean, covariance = moments(intervened(network, value))
    error = np.sqrt(np.diag(covariance) / len(drawn))
    assert (np.abs(drawn[names].mean().values - mean) <= 4 * error + 1e-12).all()
    np.testing.assert_allclose(np.cov(drawn[names].T), covariance, atol=0.05)


def test_the_effect_of_do_is_the_sum_over_paths(network):
    low, high = (intervened(network, {"a": value}) for value in (0.0, 1.0))
    effect = dict(zip(moments(high)[0], moments(high)[1] - moments(low)[1], strict=True))
    b, c = network.get_cpds("b"), network.get_cpds("c")
    direct = dict(zip(c.evidence, c.beta[1:], strict=True))
    assert effect["c"] == pytest.approx(direct["a"] + direct["b"] * b.beta[1])
    assert effect["alone"] == 0


def test_do_nothing_changes_nothing(network):
    np.testing.assert_array_equal(moments(intervened(network, {}))[2], moments(network)[2])


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ({"d": 1.0}, "do: there is no latent d; there are c, a, b, alone."),
        ({"a": "high"}, "do: a cannot be set to 'high'."),
        ({"a": (0.0, -1.0)}, "do: a cannot be set to (0.0, -1.0)."),
        ({"a": float("nan")}, "do: a cannot be set to nan."),
    ],
)
def test_a_do_that_cannot_be_is_refused(result, do, message):
    for bins in (None, 3):
        with pytest.raises(QuestionError) as caught:
            result.bayesian_network(do, discretize=bins)
        assert caught.value.message == message


def test_mixed_latents_cannot_be_set(make):
    for mixed in (
        make(
            EDGES,
            identified={
                "latents": "surrounding-parents",
                "latents_text": "up to mixing with their surrounding parents",
            },
        ),
        make(EDGES, graph="transitive closure", identified={}),
    ):
        assert mixed.bayesian_network().check_model()
        with pytest.raises(EstimationError, match=r"up to mixing with .*: setting one sets none"):
            mixed.bayesian_network({"a": 1.0})


def test_too_few_samples_are_told(make):
    with pytest.raises(EstimationError, match="samples are too few to fit c on 2 parents"):
        make(EDGES, samples=1).bayesian_network()


def test_discrete_tables_are_shares_of_counts(result):
    network = result.bayesian_network(discretize=3)
    assert network.check_model()
    edges = cuts(result, 3)
    a, b = (result.names.index(name) for name in "ab")
    z = untouched(result, "b")
    mine = z[(z[:, a] > edges["a"][1])]
    shares = np.bincount(np.searchsorted(edges["b"], mine[:, b]), minlength=3) / len(mine)
    cpd = network.get_cpds("b")
    np.testing.assert_allclose(cpd.get_values()[:, 2], shares, atol=1e-3)
    assert cpd.state_names["a"] == state_names(edges["a"])
    c = network.get_cpds("c")
    both = untouched(result, "c")
    cell = (both[:, a] <= edges["a"][0]) & (both[:, b] > edges["b"][1])
    shares = np.bincount(np.searchsorted(edges["c"], both[cell, 0]), minlength=3) / cell.sum()
    column = {"a": 0, "b": 2}[c.variables[1]] * 3 + {"a": 0, "b": 2}[c.variables[2]]
    np.testing.assert_allclose(c.get_values()[:, column], shares, atol=2e-2)


def test_discrete_do_sets_the_state_that_holds_the_value(result):
    network = result.bayesian_network({"b": 0.0}, discretize=3)
    assert network.check_model()
    np.testing.assert_array_equal(network.get_cpds("b").get_values()[:, 0], [0, 1, 0])
    drawn = result.bayesian_network({"b": (0.0, 1.0)}, discretize=4)
    np.testing.assert_allclose(drawn.get_cpds("b").get_values().sum(), 1)
    assert ("a", "b") not in drawn.edges
    assert ("b", "c") in drawn.edges


def test_bins_are_a_whole_number(result, make):
    with pytest.raises(QuestionError, match="discretize=1 is no number of bins"):
        result.bayesian_network(discretize=1)
    with pytest.raises(EstimationError, match="has too few different values for 20 bins"):
        make(EDGES, samples=1).bayesian_network(discretize=20)
