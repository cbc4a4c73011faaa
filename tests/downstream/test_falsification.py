"""Claims of graphs, partial correlations against closed forms, and what leftover mixing may make of them."""

from __future__ import annotations

import dataclasses
import warnings
from itertools import product

import networkx as nx
import numpy as np
import pytest
import xarray as xr

from crlspec.downstream.claims import claims_of
from crlspec.downstream.design import design_of
from crlspec.downstream.partial_correlation import holm, partial_correlation
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.downstream.seen_before import seen_before
from crlspec.errors import DataError, EstimationError, QuestionWarning
from crlspec.inference.estimate import LinearEncoder

NAMES = ("a", "b", "c", "d")
WEIGHTS = {("a", "b"): 0.8, ("b", "c"): 0.8, ("a", "d"): 0.7, ("c", "d"): 0.8}
EDGES = [f"{a} -> {b}" for a, b in WEIGHTS]


def held_out(simulate, seed=0, samples=3000, targets=(None, *NAMES)):
    tree = {}
    for k, target in enumerate(targets):
        x = simulate(NAMES, WEIGHTS, target, samples, np.random.default_rng([seed, 99, k]))
        coords = {"observed": np.array([f"x_{name}" for name in NAMES], dtype=object)}
        name = "obs" if target is None else f"do_{target}"
        tree[name] = xr.Dataset({"x": (("sample", "observed"), x)}, coords=coords)
    return xr.DataTree.from_dict(tree)


def left_mixed(result, shares):
    """The result with ẑ = (I + E) z."""
    encoder = result.estimate.encoder
    matrix = (np.eye(len(shares)) + shares) @ encoder.matrix
    estimate = dataclasses.replace(result.estimate, encoder=LinearEncoder(matrix, encoder.offset))
    return dataclasses.replace(result, estimate=estimate)


def without(result, pair):
    edges = tuple(edge for edge in result.edges if edge.pair != pair)
    return dataclasses.replace(result, estimate=dataclasses.replace(result.estimate, edges=edges))


@pytest.fixture(scope="module")
def result(make):
    return make(EDGES, nodes=NAMES, weights=WEIGHTS, samples=3000)


def test_the_claims_of_a_graph_are_d_separations_of_its_environments(result):
    design = design_of(result)
    claims = claims_of(design, design.environments)
    assert [(claim.first, claim.second, claim.given) for claim in claims if claim.kind == "no direct effect"] == [
        ("a", "c", ("b",)), ("b", "d", ("a", "c")),
    ]  # fmt: skip
    for one, environment in ((claim, name) for claim in claims for name in claim.environments):
        cut = nx.DiGraph()
        cut.add_nodes_from(NAMES)
        hit = design.targets.get(environment, ())
        cut.add_edges_from((p, z) for z in NAMES if z not in hit for p in design.parents[z])
        assert nx.is_d_separator(cut, {one.first}, {one.second}, set(one.given))
    assert str(claims[1]) == "a ⊥ c | b in obs, do_a, do_b, do_d"


def test_soft_interventions_and_missing_environments_make_fewer_claims(result):
    design = design_of(result)
    soft = claims_of(dataclasses.replace(design, kind="soft"), design.environments)
    assert {claim.kind for claim in soft} == {"no direct effect"}
    assert {name for claim in claims_of(design, ["obs"]) for name in claim.environments} == {"obs"}
    assert not claims_of(design, [])


def test_the_partial_correlation_is_that_of_linear_regression_where_all_is_linear():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40_000, 3)) @ rng.normal(size=(3, 3))
    precision = np.linalg.inv(np.cov(z.T))
    true = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    found = partial_correlation(z, 0, 1, (2,), None, 0.05)
    assert found.value == pytest.approx(true, abs=0.01)
    assert found.error == pytest.approx(np.sqrt((1 + true**2) / len(z)), rel=0.1)


def test_nonlinear_mechanisms_leave_nothing_behind():
    rng = np.random.default_rng(1)
    a = rng.normal(size=20_000)
    b = a + 0.5 * a**2 + rng.normal(size=a.size)
    c = 0.6 * b**2 + rng.normal(size=a.size)
    z = np.stack([a, b, c], axis=1) / [1, 2, 5]
    assert abs(partial_correlation(z, 0, 2, (1,), None, 0.0).value) < 0.03
    assert abs(partial_correlation(z, 0, 2, (), None, 0.0).value) > 0.3


def test_means_of_environments_are_taken_out():
    rng = np.random.default_rng(2)
    groups = np.repeat([0, 1], 5000)
    z = rng.normal(size=(10_000, 2)) + 3 * groups[:, None]
    assert abs(partial_correlation(z, 0, 1, (), groups, 0.0).value) < 0.04
    assert partial_correlation(z, 0, 1, (), None, 0.0).value > 0.5


def test_the_margin_bounds_what_any_mixing_makes_of_independence(simulate):
    z = simulate(NAMES, WEIGHTS, None, 10_000, np.random.default_rng(3))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    place, given, size = NAMES.index("d"), (NAMES.index("a"), NAMES.index("c")), 0.01
    at_rest = partial_correlation(z, 1, place, given, None, size)
    rng, worst = np.random.default_rng(4), 0.0
    for _ in range(40):
        shares = size * rng.choice([-1.0, 1.0], size=(4, 4))
        np.fill_diagonal(shares, 0)
        moved = partial_correlation(z @ (np.eye(4) + shares).T, 1, place, given, None, size)
        worst = max(worst, abs(moved.value - at_rest.value))
    assert 0.6 * at_rest.margin < worst < 1.15 * at_rest.margin


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)


def test_a_right_graph_holds_and_a_missing_edge_fails(result, simulate):
    data = held_out(simulate)
    found = result.falsify(data)
    assert not found.refuted
    assert (found.table["verdict"] == "holds").all()
    wrong = without(result, ("b", "c")).falsify(data)
    assert wrong.refuted
    assert ("b", "c", "no direct effect") in set(
        wrong.fails[["first", "second", "kind"]].itertuples(index=False, name=None)
    )
    assert "fails: b ⊥ c in obs, do_a, do_b, do_d" in str(wrong)


def test_a_reversed_order_fails_where_the_effect_is_randomised(make, simulate):
    data = held_out(simulate)
    turned = make(["b -> a", "b -> c", "a -> d", "c -> d"], nodes=NAMES, samples=3000)
    fails = turned.falsify(data).fails
    pairs = set(fails[["kind", "first", "second"]].itertuples(index=False, name=None))
    assert ("randomised", "b", "a") in pairs  # the graph says that setting a moves nothing of b


def test_leftover_mixing_is_granted_and_said(result, simulate):
    shares = 0.03 * np.array(list(product([1.0, -1.0], repeat=4)))[:4]
    np.fill_diagonal(shares, 0)
    found = left_mixed(result, shares).falsify(held_out(simulate), mixing=0.05)
    assert not found.refuted
    assert (found.table["p_adjusted"] < 0.05).any()
    strict = left_mixed(result, shares).falsify(held_out(simulate), mixing=0.0)
    assert strict.refuted
    assert (strict.table["margin"] == 0).all()


def test_calls_that_do_not_fit(result, make, simulate):
    data = held_out(simulate, samples=60)
    with pytest.raises(DataError, match="environment 'other' is none of the result's; there are obs, do_a"):
        result.falsify(xr.DataTree.from_dict({"other": data["obs"].to_dataset()}))
    with pytest.raises(DataError, match="environment 'obs' has 9 samples, which test nothing"):
        result.falsify(xr.DataTree.from_dict({"obs": data["obs"].to_dataset().isel(sample=slice(9))}))
    with pytest.raises(DataError, match="the data hold no environment"):
        result.falsify(xr.DataTree())
    with pytest.raises(QuestionError, match=r"mixing=2 and alpha=0\.05 are no shares"):
        result.falsify(data, mixing=2)
    with pytest.raises(EstimationError, match="has no graph"):
        make([], nodes=NAMES, graph="not estimated").falsify(data)


def training(simulate, start=0):
    """The rows that the result of these tests was made from."""
    tree = {}
    for k, target in enumerate((None, *NAMES)):
        x = simulate(NAMES, WEIGHTS, target, 3000, np.random.default_rng([0, k]))[start:]
        coords = {"observed": np.array([f"x_{name}" for name in NAMES], dtype=object)}
        tree["obs" if target is None else f"do_{target}"] = xr.Dataset(
            {"x": (("sample", "observed"), x)}, coords=coords
        )
    return xr.DataTree.from_dict(tree)


@pytest.mark.parametrize(("start", "rows"), [(0, "3,000 of 3,000"), (2800, "200 of 200")])
def test_data_that_the_result_was_made_from_are_noted(result, simulate, start, rows):
    told = f"the result was made from {rows} rows of 'obs', {rows} rows of 'do_a'"
    with pytest.warns(QuestionWarning, match=told):
        found = result.falsify(training(simulate, start))
    assert str(found).startswith(f"note: {told}")
    assert found.note.endswith("Remedy: give observations that were held out.")


def test_a_few_rows_seen_before_among_others_are_noted(result, simulate):
    fresh, old = held_out(simulate, samples=900), training(simulate)
    mixed = {
        name: xr.concat([fresh[name].to_dataset(), old[name].to_dataset().isel(sample=slice(100))], "sample")
        for name in ("obs", "do_a")
    }
    with pytest.warns(QuestionWarning, match="100 of 1,000 rows of 'obs'"):
        result.falsify(xr.DataTree.from_dict(mixed))


def test_held_out_data_are_not_noted(result, simulate):
    with warnings.catch_warnings(action="error", category=QuestionWarning):
        assert result.falsify(held_out(simulate)).note == ""


def test_coarse_data_that_coincide_are_no_data_seen_before():
    rng = np.random.default_rng(0)
    first, second = ({"obs": np.round(rng.normal(size=(500, 2)))} for _ in range(2))
    assert seen_before(first, second) == {}
    assert seen_before(first, first) == {}
    fine = {"obs": rng.normal(size=(500, 1))}
    assert seen_before(fine, fine) == {"obs": 500}
    assert seen_before({"obs": rng.normal(size=(500, 1))}, fine) == {}
