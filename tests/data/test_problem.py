"""The Problem: what is wrong with data is said with its place; what is concealed stays concealed."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from crlspec.data import Problem, from_arrays, read_data, write_data
from crlspec.errors import DataError
from crlspec.spec.setting import Setting

ASSUMED = Setting(mixing="linear", design="single-node", kind="hard", latents=("a", "b"))
KNOWN = replace(
    ASSUMED,
    observational="obs",
    environments=("do_a", "do_b"),
    targets={"do_a": ("a",), "do_b": ("b",)},
    observed=("x1", "x2", "x3", "x4"),
)


def refusal(tree, setting=ASSUMED) -> str:
    with pytest.raises(DataError) as caught:
        Problem.from_data(tree, setting)
    assert "Remedy: " in str(caught.value)
    return str(caught.value)


def test_takes_the_observations_and_no_truth(arrays):
    tree = from_arrays(arrays, truth={name: values[:, :2] for name, values in arrays.items()})
    problem = Problem.from_data(tree, KNOWN)
    assert problem.observational == "obs"
    assert problem.environments == ("do_a", "do_b")
    assert tuple(problem.samples) == ("obs", "do_a", "do_b")
    for name, values in arrays.items():
        np.testing.assert_array_equal(problem.samples[name], values)
        with pytest.raises(ValueError, match="read-only"):
            problem.samples[name][0, 0] = 1
    assert not hasattr(problem, "truth")


def test_the_data_fill_in_the_environments(arrays):
    problem = Problem.from_data(from_arrays(arrays), ASSUMED)
    assert problem.setting.observational == "obs"
    assert problem.environments == ("do_a", "do_b")
    assert problem.setting.observed == ("x1", "x2", "x3", "x4")


def test_columns_follow_the_declared_names(arrays):
    tree = from_arrays({name: values[:, ::-1] for name, values in arrays.items()}, ["x4", "x3", "x2", "x1"])
    problem = Problem.from_data(tree, KNOWN)
    np.testing.assert_array_equal(problem.samples["obs"], arrays["obs"])


def test_cells_that_are_not_finite(arrays, tmp_path):
    arrays["do_a"][6, 2] = np.nan
    arrays["do_b"][1, 0] = np.inf
    path = write_data(from_arrays(arrays), tmp_path / "d.nc")
    text = refusal(read_data(path))
    assert f"{path}: environment 'do_a', column 'x3': sample 7 is nan (1 of 30" in text
    assert "environment 'do_b', column 'x1': sample 2 is inf" in text


def test_constant_column(arrays):
    arrays["do_b"][:, 3] = 2.5
    assert "Environment 'do_b', column 'x4': every sample is 2.5" in refusal(from_arrays(arrays))
    Problem.from_data(from_arrays(arrays), replace(ASSUMED, deterministic=True))
    arrays["do_b"][:, 3] = np.nextafter(0.3, [0] * 10 + [1] * 10)
    assert "every sample is 0.3" in refusal(from_arrays(arrays))


def test_too_few_samples(arrays):
    arrays["do_b"] = arrays["do_b"][:4]
    text = refusal(from_arrays(arrays))
    assert "'do_b': 4 samples of 4 observed variables" in text
    assert "at least 5" in text


def test_fewer_variables_than_latents(arrays):
    text = refusal(from_arrays(arrays), replace(ASSUMED, latents=tuple("abcde")))
    assert "4 observed variables cannot determine 5 latents" in text


def test_missing_and_unexpected_environments(arrays):
    arrays["do_c"] = arrays.pop("do_b")
    text = refusal(from_arrays(arrays), KNOWN)
    assert "'do_b' is missing" in text
    assert "'do_c' is unexpected" in text


def test_no_observational_environment(arrays):
    arrays["control"] = arrays.pop("obs")
    assert "no observational environment" in refusal(from_arrays(arrays))
    assert Problem.from_data(from_arrays(arrays, observational="control"), ASSUMED).observational == "control"
    assert "'obs' among the data" in refusal(from_arrays(arrays), KNOWN)


def test_only_the_observational_environment(arrays):
    tree = from_arrays({"obs": arrays["obs"]})
    assert "Only the observational" in refusal(tree)
    assert Problem.from_data(tree, replace(ASSUMED, design="observational", kind="none")).environments == ()


def test_wrong_column_names(arrays):
    text = refusal(from_arrays(arrays, ["x1", "x2", "x3", "y"]), KNOWN)
    assert "'obs' lacks column x4 and has column y" in text
    text = refusal(from_arrays(arrays, ["a", "a", "b", "c"]))
    assert "column name a stands twice" in text
    mixed = from_arrays({"obs": arrays["obs"], "do_a": arrays["do_a"]})
    mixed["do_a"] = xr.DataTree(mixed["do_a"].to_dataset().isel(observed=slice(3)))
    assert "'do_a' lacks column x4" in refusal(mixed)


def test_the_same_samples_twice(arrays):
    arrays["do_b"] = arrays["obs"].copy()
    assert "'obs' and 'do_b' hold exactly the same samples" in refusal(from_arrays(arrays))


def test_every_fault_at_once(arrays):
    arrays["do_a"][0, 0] = np.nan
    arrays["do_b"][:, 1] = 0
    arrays["extra"] = arrays["obs"] + 1
    text = refusal(from_arrays(arrays), KNOWN)
    assert text.count("Remedy: ") == 3


def test_shuffling_hides_names_and_order(arrays):
    problem = Problem.from_data(from_arrays(arrays), KNOWN)
    orders, latent_orders = set(), set()
    for seed in range(30):
        shuffled, back = problem.shuffled(seed)
        assert set(shuffled.samples) == {"e1", "e2", "e3"}
        assert shuffled.latents == ("u1", "u2")
        assert {shuffled.observational, *shuffled.environments} == {"e1", "e2", "e3"}
        for opaque, name in back.environments.items():
            np.testing.assert_array_equal(shuffled.samples[opaque], problem.samples[name])
        for opaque, (latent,) in shuffled.setting.targets.items():
            assert problem.setting.targets[back.environments[opaque]] == (back.latents[latent],)
        assert tuple(shuffled.setting.targets) == shuffled.environments
        orders.add(tuple(back.environments[f"e{k}"] for k in (1, 2, 3)))
        latent_orders.add(tuple(back.latents[f"u{k}"] for k in (1, 2)))
        assert back.inverse.inverse == back
    assert len(orders) == 6
    assert len(latent_orders) == 2


def test_shuffling_is_deterministic_and_keeps_concealment(arrays):
    problem = Problem.from_data(from_arrays(arrays), ASSUMED)
    (one, back), (two, again) = problem.shuffled(4), problem.shuffled(4)
    assert one.setting == two.setting
    assert back == again
    assert one.setting.targets is None


def test_shuffling_keeps_pairs():
    rng = np.random.default_rng(0)
    names = ("obs", "a1", "a2", "b1", "b2")
    tree = from_arrays({name: rng.normal(size=(9, 2)) for name in names})
    pairs = (("a1", "a2"), ("b1", "b2"))
    problem = Problem.from_data(tree, replace(ASSUMED, design="coupled", pairs=pairs))
    assert problem.environments == ("a1", "a2", "b1", "b2")
    shuffled, back = problem.shuffled(1)
    got = {tuple(back.environments[name] for name in pair) for pair in shuffled.setting.pairs}
    assert got == set(pairs)
