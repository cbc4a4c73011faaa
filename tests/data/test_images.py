"""Images as data: what is taken, kept as it is and where it is, and what is said of images that will not do."""

import json

import numpy as np
import pytest
import xarray as xr

from crlspec.data import Problem, from_arrays, from_xarray, provenance_of
from crlspec.errors import DataError
from crlspec.spec.setting import Setting

ASSUMED = Setting(mixing="general", design="coupled", kind="hard", latents=("a", "b"))
NAMES = ("obs", "a1", "a2", "b1", "b2")


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    return {name: rng.integers(0, 256, (12 + k, 3, 8, 6)).astype(np.uint8) for k, name in enumerate(NAMES)}


@pytest.fixture
def tables(images):
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=(len(one), 2)) for name, one in images.items()}


def fault(call, *arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_the_problem_holds_images_as_they_are(images, tmp_path):
    np.save(tmp_path / "obs.npy", images["obs"])
    images["obs"] = np.load(tmp_path / "obs.npy", mmap_mode="r")
    truth = {name: np.zeros((len(one), 2)) for name, one in images.items()}
    tree = from_arrays(images=images, truth=truth, cameras=("left", "front", "top"))
    assert provenance_of(tree)["cameras"] == ["left", "front", "top"]
    problem = Problem.from_data(tree, ASSUMED)
    assert problem.observed == () and problem.setting.observed == ()
    for name, one in images.items():
        assert problem.images[name].dtype == np.uint8
        assert np.shares_memory(problem.images[name], one)
        assert not problem.images[name].flags.writeable
        assert problem.samples[name].shape == (len(one), 0)
        assert problem.size(name) == len(one)


def test_ordinary_columns_beside_images(images, tables):
    problem = Problem.from_data(from_arrays(tables, images=images), ASSUMED)
    assert problem.observed == ("x1", "x2")
    np.testing.assert_array_equal(problem.samples["b1"], tables["b1"])
    np.testing.assert_array_equal(problem.images["b1"], images["b1"])


def test_shuffled_images_go_with_their_environments(images, tables):
    problem = Problem.from_data(from_arrays(tables, images=images), ASSUMED)
    shuffled, back = problem.shuffled(3)
    assert set(shuffled.images) == set(shuffled.samples) == {"e1", "e2", "e3", "e4", "e5"}
    for opaque, name in back.environments.items():
        assert shuffled.images[opaque] is problem.images[name]
        np.testing.assert_array_equal(shuffled.samples[opaque], tables[name])


def test_a_code_comes_before_the_columns_and_the_images_stay(images, tables):
    problem = Problem.from_data(from_arrays(tables, images=images), ASSUMED)
    coded = problem.coded(("code1",), lambda one: one.reshape(len(one), -1).mean(1, keepdims=True))
    assert coded.observed == coded.setting.observed == ("code1", "x1", "x2")
    np.testing.assert_array_equal(coded.samples["a2"][:, 1:], tables["a2"])
    np.testing.assert_allclose(coded.samples["a2"][:, 0], images["a2"].mean((1, 2, 3)))
    assert coded.images == problem.images
    text = fault(problem.coded, ("x2",), lambda one: np.zeros((len(one), 1)))
    assert text.startswith("The observed variables x2 have the names of the code of the images.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.astype(np.int64), "Environment 'obs': the images are of type int64."),
        (lambda one: one[:, 0], "Environment 'obs': the images have the shape (12, 8, 6)."),
        (
            lambda one: np.moveaxis(one, 1, -1),
            "Environment 'obs': the images have the shape (12, 8, 6, 3), as if the channels came last. Remedy: "
            "Put them second: np.moveaxis(images, -1, 1).",
        ),
        (lambda one: one[:0], "Environment 'obs': the images have the shape (0, 3, 8, 6)."),
        (
            lambda one: xr.DataArray(one, dims=("sample", "c", "y", "x")),
            "Environment 'obs': the images have the dimensions (sample, c, row, column). Remedy: "
            "Name them sample, channel, row, column.",
        ),
    ],
)
def test_arrays_that_are_no_images(images, change, said):
    text = fault(from_arrays, images={"obs": change(images["obs"])})
    assert text.startswith(said)


def test_rows_cameras_and_truth_must_fit(images, tables):
    tables["a1"] = tables["a1"][:-1]
    assert fault(from_arrays, tables, images=images).startswith("Environment 'a1': 12 rows for 13 images.")
    text = fault(from_arrays, images=images, cameras=("left", "right"))
    assert text.startswith("3 channels cannot be shared by 2 cameras (left, right).")
    text = fault(from_arrays, images=images, truth={"b2": np.zeros((3, 2))})
    assert text.startswith("Environment 'b2': 16 observations but 3 rows of truth.")


def refusal(images, setting=ASSUMED, tables=None) -> str:
    return fault(Problem.from_data, from_arrays(tables, images=images), setting)


def test_shapes_differ(images):
    images["b1"] = images["b1"][:, :, :, :5]
    text = refusal(images)
    assert text.startswith(
        "Environment 'b1': its images are 5 × 8 pixels of 3 channels, uint8, those of 'obs' 6 × 8 pixels of 3 "
        "channels, uint8."
    )


def test_images_and_columns_are_wanted_everywhere_or_nowhere(images, tables):
    images.pop("a2")
    text = refusal(images, tables=tables)
    assert text.startswith("Environment 'a2' has no images, 'obs' has.")


def test_floats_out_of_range_and_missing(images):
    floats = {name: (one / 255).astype(np.float32) for name, one in images.items()}
    Problem.from_data(from_arrays(images=floats), ASSUMED)
    floats["a1"][4, 0, 0, 0] = np.nan
    floats["b1"] = floats["b1"] * 255
    text = refusal(floats)
    assert "Environment 'a1', image 5 holds NaN or infinity (1 of 13 do)." in text
    assert "Environment 'b1', image 1: its values go from" in text
    assert "not within 0 to 1 (15 of 15 images)." in text


def test_images_all_the_same_and_twins(images):
    images["a1"][:] = images["a1"][0]
    images["b2"] = images["obs"].copy()
    text = refusal(images)
    assert "Environment 'a1': every image is the same." in text
    assert "Environments 'obs' and 'b2' hold exactly the same samples." in text
    images["b2"] = images["b2"].copy()
    images["b2"][-1, 0, 0, 0] ^= 1  # beyond the rows of the fingerprint nothing but this differs
    assert "exactly the same" not in refusal(images)


def test_images_have_a_general_mixing_and_latents_that_are_declared(images):
    from dataclasses import replace

    text = refusal(images, replace(ASSUMED, mixing="linear"))
    assert text == (
        "Images are observed, and the mixing is said to be linear, which that of images is not. Remedy: Say mixing: "
        "general."
    )
    assert "The number of latents cannot be counted in images." in refusal(
        images, replace(ASSUMED, latents=())
    )


def test_labelled_layouts(images):
    flat = np.concatenate([images[name] for name in NAMES])
    labels = np.concatenate([[name] * len(images[name]) for name in NAMES])
    data = xr.Dataset(
        {"image": (("cell", "channel", "y", "x"), flat)}, coords={"environment": ("cell", labels)}
    )
    tree = from_xarray(data, dims={"sample": "cell"})
    for name, one in images.items():
        found = tree[name]["image"]
        assert found.dims == ("sample", "channel", "row", "column")
        np.testing.assert_array_equal(found, one)
        assert np.shares_memory(found.values, flat)
    stacked = np.stack([images[name][:12] for name in NAMES])
    dims = ("environment", "sample", "channel", "y", "x")
    tree = from_xarray(xr.Dataset({"image": (dims, stacked)}, coords={"environment": list(NAMES)}))
    np.testing.assert_array_equal(tree["b1"]["image"], images["b1"][:12])
    assert json.loads(tree.attrs["crlspec"])["observational"] == "obs"
