"""The ceiling: exact where the mixing is, low where a latent is not shown, and the same from the same seed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import crlspec
from crlspec.data import from_arrays
from crlspec.errors import DataError, SettingMismatch
from crlspec.numerics import supervised
from crlspec.results.ceiling import Ceiling
from tests.inference import blobs
from tests.inference.short import short_networks
from tests.results import toy

NAMES = ("a", "b", "c")


def labelled(mixing: np.ndarray, noise: float = 0.0, rows: int = 400, seed: int = 0):
    """Three latents a → b → c, a hard intervention on each, seen through a matrix and noise."""
    rng = np.random.default_rng(seed)
    truth, samples = {}, {}
    for k, name in enumerate(("obs", "do_a", "do_b", "do_c")):
        z = rng.normal(size=(rows, 3)) * np.where(np.arange(3) == k - 1, 2.0, 1.0)
        z[:, 1] += 0.8 * z[:, 0] * (k != 2)
        z[:, 2] += 0.8 * z[:, 1] * (k != 3)
        truth[name] = z
        samples[name] = z @ mixing.T + noise * rng.normal(size=(rows, len(mixing)))
    return from_arrays(samples, truth=truth, latents=NAMES)


MIXING = np.random.default_rng(7).normal(size=(6, 3))


@pytest.fixture(scope="module")
def seen():
    return crlspec.ceiling(labelled(MIXING), labels=(200, 10))


def test_a_linear_mixing_without_noise_shows_every_latent(seen):
    assert min(seen.reached.r2) >= 0.99
    assert min(seen.reached.correlation) >= 0.99
    assert min(seen.reached.rank_correlation) >= 0.99
    assert max(seen.reached.mae) <= 0.05
    assert seen.hidden == ()
    assert (seen.network, seen.observational, seen.rows) == ("perceptron", "obs", 80)
    assert seen.reached.labels == 4 * 400 - 80
    assert [one.labels for one in seen.fewer] == [10, 200], "in rising order"
    assert "Every latent is seen: R² 0.9 or more." in str(seen)


def test_deviations_are_those_without_intervention(seen):
    np.testing.assert_allclose(seen.deviation, [1, np.sqrt(1.64), np.sqrt(1 + 0.64 * 1.64)], rtol=0.1)


def test_a_latent_that_the_mixing_does_not_show_is_hidden():
    """What is left of b is what a and c tell of it: its variance given them is 1 / (1 + .64) of 1.64."""
    found = crlspec.ceiling(labelled(MIXING * [1, 0, 1]))
    assert found.hidden == ("b",)
    best = dict(zip(NAMES, found.reached.r2, strict=True))
    assert best["b"] == pytest.approx(1 - 1 / 1.64**2, abs=0.15)
    assert min(best["a"], best["c"]) >= 0.99
    assert "b is hidden: R² below 0.9. No method can be blamed for it." in str(found)


def test_a_latent_that_is_buried_in_noise_is_hidden():
    wide = np.array([[1.0, 0, 0], [0, 0.02, 0], [0, 0, 1.0]])
    assert crlspec.ceiling(labelled(wide, noise=0.1)).hidden == ("b",)


@pytest.fixture
def short(monkeypatch):
    """Networks that stay near their start, the linear regression: it is exact for the toy."""
    short_networks(monkeypatch)


def test_more_labels_are_never_much_worse():
    counts = (20, 100, 500)
    found = crlspec.ceiling(labelled(np.vstack([MIXING, MIXING]), noise=0.5), labels=counts, seed=3)
    errors = [np.mean(one.mae) for one in (*found.fewer, found.reached)]
    assert all(after <= 1.1 * before for before, after in pairwise(errors))
    assert errors[-1] < 0.8 * errors[0]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_whatever_else_is_asked():
    data = labelled(MIXING, noise=0.3, rows=200)
    one, two = (crlspec.ceiling(data, seed=5, labels=labels) for labels in ((20,), (20, 40)))
    assert one.reached == two.reached
    assert one.fewer == two.fewer[:1]
    assert crlspec.ceiling(data, seed=5, labels=(20,)) == one
    assert crlspec.ceiling(data, seed=6).reached != one.reached


def test_a_model_gives_what_its_samples_give(short):
    model = toy.toy_model()
    assert crlspec.ceiling(model, samples=300, seed=2) == crlspec.ceiling(model.sample(300, seed=2), seed=2)


def test_a_result_is_judged_on_the_same_rows(short):
    model = toy.toy_model()
    exact = crlspec.Result.from_estimate(toy.toy_estimate(model), model.sample(500, seed=1))
    found = exact.ceiling(model, samples=300, labels=(10,))
    assert found.own is not None
    assert found.own.recovered == model.latents
    np.testing.assert_allclose(found.own.correlation, 1, atol=1e-9)
    np.testing.assert_allclose(found.own.rank_correlation, 1, atol=1e-9)
    np.testing.assert_allclose(found.ratio, 1, atol=1e-3)
    assert found.overtaken is None
    assert "The network is not better than the result with any number of labels that was tried." in str(found)


def test_a_result_that_mixes_latents_is_overtaken(short):
    model = toy.toy_model()
    mixed = toy.toy_estimate(model, np.eye(4) + 0.9 * np.roll(np.eye(4), 1, axis=1))
    result = crlspec.Result.from_estimate(mixed, model.sample(500, seed=1))
    found = result.ceiling(model, samples=300, labels=(10,))
    assert found.own_mcc is not None and found.own_mcc < 0.95
    assert found.overtaken == 10
    assert "The network is better than the result from 10 labels on." in str(found)


def test_latents_without_names_are_found_by_what_their_environments_target(short):
    model = toy.toy_model()
    names = {"z1": "z3", "z2": "z4", "z3": "z2", "z4": "z1"}
    estimate = toy.toy_estimate(model).renamed(names, {name: name for name in model.environments})
    result = crlspec.Result.from_estimate(estimate, model.sample(500, seed=1))
    by_target = result.ceiling(model, samples=300).own
    by_likeness = result.ceiling(model.sample(300)).own
    for own in (by_target, by_likeness):
        assert own is not None
        assert own.recovered == ("z3", "z4", "z2", "z1")
        np.testing.assert_allclose(own.correlation, 1, atol=1e-9)


def test_a_round_trip_through_json(seen, short, tmp_path):
    model = toy.toy_model()
    result = crlspec.Result.from_estimate(toy.toy_estimate(model), model.sample(500, seed=1))
    for one in (seen, result.ceiling(model, samples=300)):
        path = one.save(tmp_path / "ceiling.json", force=True)
        assert Ceiling.open(path) == one
    values = json.loads(seen.json())
    assert values["hidden"] == [] and values["overtaken"] is None
    nothing = replace(seen, reached=replace(seen.reached, r2=(0.1, 0.2, -0.3)))
    assert nothing.hidden == NAMES
    assert json.loads(nothing.json())["mcc"] is None
    assert Ceiling.from_values(json.loads(nothing.json())) == nothing


def test_images_show_what_moves_in_them_and_no_more(monkeypatch):
    """Blobs whose place down is fixed: b is seen as far as a tells it, by R² .64 and no more."""
    monkeypatch.setattr(supervised, "LEAST_STEPS", 150)
    monkeypatch.setattr(supervised, "PASSES", 20)
    truth = {name: blobs.latents(name, 250) for name in blobs.NAMES}
    images = {name: blobs.rendered(z * [1, 0]) for name, z in truth.items()}
    found = crlspec.ceiling(from_arrays(images=images, truth=truth, latents=("a", "b")))
    assert found.network == "convolutional"
    assert found.hidden == ("b",)
    assert found.reached.r2[0] > 0.97
    assert found.reached.r2[1] < 0.75


@pytest.mark.slow
def test_columns_beside_images_are_seen_too():
    truth = {name: blobs.latents(name, 300) for name in blobs.NAMES}
    images = {name: blobs.rendered(z * [1, 0]) for name, z in truth.items()}
    columns = {name: z[:, 1:] for name, z in truth.items()}
    data = from_arrays(columns, images=images, truth=truth, latents=("a", "b"))
    assert crlspec.ceiling(data).hidden == ()


@pytest.mark.slow
def test_the_roll_of_a_wrist_without_fingers_is_hidden():
    sets = ["mixing={kind: robot-arm, joints: 6, size: 32, cameras: 2, fins: false}", "scm.graph=[]"]
    model = crlspec.compile(crlspec.load("robot/arm-6", sets=sets), seed=1)
    found = crlspec.ceiling(model, samples=1500)
    assert "wrist_roll" in found.hidden
    assert not {"base_yaw", "shoulder_pitch", "elbow_pitch"} & set(found.hidden)
    assert dict(zip(found.latents, found.reached.r2, strict=True))["wrist_roll"] < 0.05


def test_data_without_truth_are_refused():
    data = labelled(MIXING, rows=100)
    del data["obs"]["z"]
    with pytest.raises(
        SettingMismatch, match=r"The true latents of environment 'obs' are not known; expected"
    ) as no:
        crlspec.ceiling(data)
    assert "a subfolder truth" in str(no.value.remedy)
    nameless = from_arrays({"p": np.eye(3), "q": np.eye(3)}, truth={"p": np.eye(3), "q": np.eye(3)})
    with pytest.raises(SettingMismatch, match="The true latents of the data are not known"):
        crlspec.ceiling(nameless)


def test_environments_without_truth_are_left_out_and_unknown_rows_too(short):
    data = labelled(MIXING, rows=100)
    del data["do_a"]["z"]
    data["obs"]["z"].values[:7] = np.nan
    assert crlspec.ceiling(data).reached.labels == 93 - 18 + 200


@pytest.mark.parametrize("count", [4, 381])
def test_numbers_of_labels_that_are_not_there_are_refused(count):
    with pytest.raises(DataError, match=f"{count} labels were asked for, and 5 to 380 can be given"):
        crlspec.ceiling(labelled(MIXING, rows=100), labels=(count,))


def test_too_few_rows_and_constant_latents_are_refused():
    with pytest.raises(DataError, match="'obs' has 40 rows with true latents, too few to judge by"):
        crlspec.ceiling(labelled(MIXING, rows=40))
    data = labelled(MIXING, rows=100)
    data["obs"]["z"].values[:, 1] = 3.3
    with pytest.raises(DataError, match="'obs': b does not vary there"):
        crlspec.ceiling(data)


def test_environments_must_hold_the_same():
    data = labelled(MIXING, rows=100)
    data["do_a"] = data["do_a"].to_dataset().isel(observed=slice(5))
    with pytest.raises(DataError, match="Environment 'do_a' has other columns than 'obs'"):
        crlspec.ceiling(data)
