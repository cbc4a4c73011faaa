"""Effects and counterfactuals of linear-Gaussian results against closed forms; what is refused; what is said."""

from __future__ import annotations

import numpy as np
import pyro.distributions as dist
import pytest
import torch
import xarray as xr

from crlspec.errors import CrlspecError, DataError

NAMES = ("z1", "z2", "z3", "z4")


class Known:
    """The toy truth in the units of a result: observational standard deviations, the result's signs."""

    def __init__(self, truth, result) -> None:
        self.total = np.linalg.inv(np.eye(4) - truth.weights).T  # [i, j]: of a shift of z_j on z_i
        self.weights, self.mixing = truth.weights, truth.mixing.matrix
        deviation = np.sqrt(np.diag(np.linalg.inv(truth.precision("obs"))))
        self.scale = deviation * np.sign(np.diag(result.encoder.matrix.values @ self.mixing))

    def effect(self, target: int) -> tuple[np.ndarray, np.ndarray]:
        """What one standard deviation more of a latent does to all latents, and to x."""
        moved = self.total[:, target] * self.scale[target]
        return moved / self.scale, self.mixing @ moved


@pytest.fixture(scope="module")
def known(truth, result) -> Known:
    return Known(truth, result)


@pytest.fixture(scope="module")
def model(result):
    return result.model()


def agrees(found: xr.Dataset, z: np.ndarray, x: np.ndarray) -> None:
    """Within three and a half standard errors, none of them idle."""
    for value, true in (("z", z), ("x", x)):
        off, error = np.abs(found[value].values - true), found[f"{value}_error"].values
        assert (off <= 3.5 * error + 1e-9).all()
        assert error.max() < 0.2


@pytest.mark.parametrize("target", [0, 1, 2, 3])
@pytest.mark.parametrize("change", [1.0, "do(1)", "Normal(1, 2)", "shift(1)"])
def test_effects_of_one_standard_deviation_are_the_analytic_ones(model, known, target, change) -> None:
    z, x = known.effect(target)
    agrees(model.do({NAMES[target]: change}).effect(), z, x)


def test_a_distribution_does_what_its_equation_does(model) -> None:
    by_text = model.do({"z2": "Normal(1, 2)"}).mean()
    by_value = model.do({"z2": dist.Normal(1.0, 2.0)}).mean()
    np.testing.assert_allclose(by_value["z"], by_text["z"])
    np.testing.assert_allclose(by_value["x_error"], by_text["x_error"])


def test_scale_moves_no_mean_and_the_deviation_that_is_due(model, known) -> None:
    query = model.do({"z1": "scale(0.5)"})
    np.testing.assert_allclose(query.effect()["z"], 0, atol=1e-12)
    shares = (known.total[:, 0] / known.scale) ** 2  # of z1's noise in the variance of each latent
    true = np.sqrt(1 - 0.75 * shares) - 1
    agrees(query.effect("deviation"), true, query.effect("deviation")["x"].values)


def test_an_equation_is_in_the_units_of_the_latents(model, known) -> None:
    found = model.do({"z3": "Normal(0.5*z1 + 2, 1)", "z1": 1.0}).mean()
    np.testing.assert_allclose(found["z"], [1.0, known.effect(0)[0][1], 2.5, 0.0], atol=0.1)


def test_several_at_once_add_up_where_all_is_linear(model) -> None:
    both = model.do({"z1": "shift(1)", "z2": "shift(-2)"}).effect()["x"]
    one, two = (model.do({z: f"shift({c})"}).effect()["x"] for z, c in (("z1", 1), ("z2", -2)))
    np.testing.assert_allclose(both, one + two, atol=1e-10)


def test_environments_never_seen_together_are_put_together(model) -> None:
    query = model.do(["hard_z1", "hard_z3"])
    assert query.environment.targets == ("z1", "z3")
    mechanisms = query.environment.scm.mechanisms
    assert mechanisms["z1"] is model.environments["hard_z1"].scm.mechanisms["z1"]
    assert mechanisms["z2"] is model.scm.mechanisms["z2"]
    same = model.do("hard_z2").sample(50, seed=1)
    assert set(same.sizes.items()) == {("sample", 50), ("latent", 4), ("observed", 7)}
    inside = model.do({"z3": 1.0}, environment="hard_z1")
    assert inside.environment.targets == ("z1", "z3")


def test_simulation_agrees_with_the_closed_form(model) -> None:
    from crlspec.downstream.expectation import _simulated

    query = model.do({"z1": "Normal(1, 2)"})
    draws = query.sample(40_000, seed=3)["x"].values
    for moment, exact in (("mean", query.mean()), ("deviation", query.deviation())):
        value, error = _simulated(moment, [draws])
        assert (np.abs(value - exact["x"].values) < 4.5 * error).all()


def test_an_anchor_gives_the_units_of_its_variable(result, model) -> None:
    free, anchored = model.do({"z1": "shift(1)"}), result.do({"z1": "shift(1)"}, anchor={"z1": "x3"})
    loading = float(model.mixing.matrix[2, 0])
    np.testing.assert_allclose(anchored.effect()["x"], free.effect()["x"] / loading)
    assert anchored.identified == "z1 is in the units of x3 and has its sign. z1: shift(1): identified."


def test_counterfactuals_are_those_of_the_true_noise(truth, known, model) -> None:
    z = truth.sample(500, seed=7)["obs"]["z"].values
    x = z @ truth.mixing.matrix.T
    wanted = x + np.outer(known.scale[1] - z[:, 1], truth.mixing.matrix @ known.total[:, 1])
    found = model.counterfactual(x, {"z2": 1.0})
    assert 1 - ((found["x"].values - wanted) ** 2).sum() / ((wanted - wanted.mean(0)) ** 2).sum() > 0.999
    np.testing.assert_allclose(found["z"].sel(latent="z2"), 1.0)
    np.testing.assert_allclose(found["z"].sel(latent="z1"), found["z_factual"].sel(latent="z1"), atol=1e-9)


def test_had_nothing_changed_the_sample_is_itself_also_off_the_plane(result, model) -> None:
    x = np.random.default_rng(0).normal(size=(6, 7))
    for environment in ("obs", "hard_z3"):
        found = result.counterfactual(x, {"z1": "shift(0)"}, environment=environment)
        np.testing.assert_allclose(found["x"], x, atol=1e-9)


def test_counterfactuals_take_labelled_data_in_any_order(model, truth) -> None:
    x = truth.sample(5, seed=2)["obs"]["x"]
    found = model.counterfactual(x.isel(observed=[3, 1, 0, 2, 6, 5, 4]), {"z2": 1.0})
    np.testing.assert_allclose(found["x"], model.counterfactual(x.values, {"z2": 1.0})["x"])
    assert found["x"].sel(observed="x3").shape == (5,)
    with pytest.raises(DataError, match=r"^the data lack x1, x3, x4, x5, x6, x7"):
        model.counterfactual(x.sel(observed=["x2"]), {"z2": 1.0})


def test_chirho_agrees_on_the_same_program(model, truth) -> None:
    chirho = pytest.importorskip("chirho.counterfactual.handlers")
    from chirho.indexed.ops import IndexSet, gather
    from chirho.interventional.handlers import do

    x = truth.sample(20, seed=4)["obs"]["x"].values
    found = model.counterfactual(x, {"z2": 1.0})
    z = model.mixing.inverse(torch.as_tensor(x))
    noise = dict(model.abduct(z, "obs"))
    import pyro

    program = pyro.condition(model.pyro("obs", noise="explicit"), data=noise)
    with (
        chirho.MultiWorldCounterfactual(first_available_dim=-2),
        do(actions={"z2": torch.tensor(1.0, dtype=torch.float64)}),
    ):
        _, worlds = program(20)
        other = gather(worlds, IndexSet(z2={1}), event_dim=1).squeeze()
    np.testing.assert_allclose(other.numpy(), found["x"].values, atol=1e-9)


def test_what_is_identified_is_said(model, soft) -> None:
    assert str(model.do({"z2": 1.0})) == (
        "z2 := 1\nNumbers for z2 are in observational standard deviations, and the sign is a convention (the largest "
        "loading on x is positive). An anchor fixes both. z2 := 1: identified."
    )
    assert model.do("hard_z1").identified == "z1 as in hard_z1: identified."
    mixed = soft.model()
    assert mixed.do({"z2": "scale(2)"}).identified == (
        "z2: scale(2): identified, since it acts on the noise of z2. That is known, although z2 itself is known only "
        "up to mixing with z1. Effects on x are identified. Those on z2, z3 are effects on mixtures. Only the "
        "transitive closure of the graph is known, so direct and indirect causes are not told apart."
    )
    assert (
        "z2 := 1: not identified. z2 is known only up to mixing with z1" in mixed.do({"z2": 1.0}).identified
    )
    assert "z1 := 1: identified." in mixed.do({"z1": 1.0}).identified


def test_soft_results_know_what_shifts_do_to_x(toy, soft) -> None:
    truth = toy.toy_model("soft")
    known = Known(truth, soft)
    model = soft.model()
    loading = model.mixing.matrix[:, 1].numpy()
    found = model.do({"z2": "shift(1)"}).effect()
    moved = truth.mixing.matrix @ known.total[:, 1]
    ratio = float(found["x"].values @ moved / (moved @ moved))
    off = np.abs(found["x"].values - ratio * moved)
    assert (off < 4 * found["x_error"].values + 1e-9).all()
    assert np.abs(loading).max() > 0


@pytest.mark.parametrize(
    ("interventions", "message"),
    [
        ({"z9": 1.0}, "there is no latent 'z9'; there are z1, z2, z3, z4. Remedy: choose one of these."),
        (
            ["hard_z7"],
            "there is no environment 'hard_z7'; there are obs, hard_z1, hard_z2, hard_z3, hard_z4.",
        ),
        ({}, 'the query intervenes on nothing. Remedy: give e.g. {"z1": 1.0} or ["do_z1", "do_z2"].'),
        (
            ["hard_z1", {"z1": 0.0}],
            "z1 is intervened on twice. Remedy: give one intervention per latent; two of them on one mechanism have "
            "no joint meaning.",
        ),
        ({"z1": True}, "{'z1': True} is no intervention. Remedy: give {latent: number}"),
        ({"z1": float("nan")}, "{'z1': nan} is no intervention."),
        (3.0, "3.0 is no intervention."),
        (
            {"z1": "Norml(0, 1)"},
            "the intervention 'Norml(0, 1)' on z1 cannot be read: unknown distribution 'Norml'.",
        ),
        (
            {"z1": "scale(0)"},
            "the intervention 'scale(0)' on z1 cannot be read: scale() takes a number above 0, got 0.",
        ),
        ({"z1": "Normal(z3, 1)"}, "the graph has the cycle"),
        (
            {"z1": dist.Normal(torch.zeros(2), 1.0)},
            "the distribution for z1 has the shape (2,). Remedy: give one",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(model, interventions, message) -> None:
    with pytest.raises(CrlspecError) as caught:
        model.do(interventions)
    assert str(caught.value).startswith(message)
    assert caught.value.remedy


def test_at_least_one_sample(model) -> None:
    with pytest.raises(CrlspecError, match=r"^0 samples were asked for\. Remedy: ask for at least 1\.$"):
        model.do({"z1": 1.0}).sample(0)
