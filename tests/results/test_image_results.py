"""Results behind a code of images: new images, files and environments to latents, and images of latents."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from crlspec import open_result
from crlspec.data import Problem, from_arrays
from crlspec.errors import DataError
from crlspec.inference.encoders.image_code import fit_code
from crlspec.inference.estimate import Estimate, Status
from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder
from crlspec.result import Result
from crlspec.spec.setting import Setting

NAMES = ("obs", "a1", "a2")
SETTING = Setting("general", "coupled", "hard", ("z",), "obs", NAMES[1:], pairs=(("a1", "a2"),))


def images_of(z):
    """Images (sample, 2, 6, 5) of a grey that rises with z."""
    ramp = np.linspace(0.2, 0.8, 60).reshape(1, 2, 6, 5)
    return np.round(255 * np.clip(0.5 + 0.2 * z[:, None, None, None] * ramp, 0, 1)).astype(np.uint8)


def result_of(columns: bool) -> tuple[Result, dict]:
    rng = np.random.default_rng(0)
    z = {name: rng.normal(size=40) for name in NAMES}
    images = {name: images_of(one) for name, one in z.items()}
    tables = {name: one[:, None] * 2 + 1 for name, one in z.items()} if columns else None
    problem = Problem.from_data(from_arrays(tables, images=images), SETTING)
    code = fit_code(problem.images, 4, 0)
    problem = problem.coded(code.names, code)
    size = len(problem.observed)
    encoder = NetworkEncoder(Network(np.eye(1, size), np.zeros(1)), np.eye(size), np.zeros(size))
    decoder = NetworkDecoder(Network(np.eye(size, 1), np.zeros(size)), np.eye(size), np.zeros(size))
    estimate = Estimate(
        ("z",), {"z": "a1"}, encoder, None, ("z",), (), (), "exact", Status("ok", "made by hand"),
        decoder=decoder, code=code,
    )  # fmt: skip
    return Result.from_estimate(estimate, problem, setting=problem.setting), z


@pytest.fixture
def result():
    return result_of(columns=False)[0]


def test_images_in_every_dress(result, monkeypatch):
    images = images_of(np.linspace(-2, 2, 9))
    found = result.transform(images)
    assert found.dims == ("sample", "latent")
    np.testing.assert_allclose(
        np.abs(np.corrcoef(found.values[:, 0], np.linspace(-2, 2, 9))[0, 1]), 1, atol=1e-4
    )
    labelled = xr.DataArray(
        images, dims=("sample", "channel", "y", "x"), coords={"sample": np.arange(9) + 100}
    )
    np.testing.assert_array_equal(result.transform(labelled.transpose("y", "x", "channel", "sample")), found)
    np.testing.assert_array_equal(result.transform(labelled)["sample"], np.arange(9) + 100)
    tree = from_arrays(images={"new": images})
    np.testing.assert_array_equal(result.encoder(tree)["new"]["z_hat"], found)
    np.testing.assert_array_equal(result.encoder(tree["new"].to_dataset())["z_hat"], found)
    np.testing.assert_allclose(result.transform(images / 255), found, atol=1e-5)


def test_images_of_latents(result):
    seen = result.traverse("z", [-1.0, 0.0, 1.0])
    assert seen.dims == ("value", "channel", "row", "column")
    assert seen.shape == (3, 2, 6, 5) and seen.min() >= 0 and seen.max() <= 1
    images = images_of(np.linspace(-1, 1, 7))
    back = result.reconstruct(images)
    assert back.dims == ("sample", "channel", "row", "column")
    np.testing.assert_allclose(back, images / 255, atol=0.02)
    z = result.transform(images)
    assert result.decoder.columns(z).dims == ("sample", "observed")


def test_a_result_comes_back_from_its_file_number_for_number(result, tmp_path):
    again = open_result(result.save(tmp_path / "result.nc"))
    images = images_of(np.linspace(-1, 1, 7))
    np.testing.assert_array_equal(again.transform(images), result.transform(images))
    np.testing.assert_array_equal(again.reconstruct(images), result.reconstruct(images))


def test_images_and_columns():
    result, z = result_of(columns=True)
    assert result.observed[-1] == "x1"
    data = from_arrays({"obs": z["obs"][:, None]}, images={"obs": images_of(z["obs"])})
    found = result.encoder(data["obs"].to_dataset())["z_hat"]
    assert np.abs(np.corrcoef(found.values[:, 0], z["obs"])[0, 1]) > 0.999
    with pytest.raises(DataError, match="lack x1"):
        result.transform(images_of(z["obs"]))


def test_what_does_not_fit_is_said(result):
    images = images_of(np.zeros(3))
    with pytest.raises(DataError) as caught:
        result.transform(images[:, :, :, :4])
    assert str(caught.value) == (
        "the images have the shape (channel, row, column) = (2, 6, 4), the encoder was fitted to (2, 6, 5). Remedy: "
        "Give images of the same size and cameras as those that the result was made from."
    )
    with pytest.raises(DataError, match="has no variable 'image'; it has other"):
        result.encoder(xr.Dataset({"other": ("sample", [1.0])}))
    with pytest.raises(DataError, match="no environment with a variable 'image'"):
        result.encoder(xr.DataTree.from_dict({"/a": xr.Dataset({"other": ("sample", [1.0])})}))
    with pytest.raises(DataError, match="type int64"):
        result.transform(images.astype(int))


def test_the_report_shows_images(result, tmp_path):
    examples = xr.DataArray(images_of(np.zeros(4)), dims=("sample", "channel", "row", "column"))
    estimate = replace(
        result.estimate, diagnostics={**result.estimate.diagnostics, "example_images": examples}
    )
    shown = replace(result, estimate=estimate, provenance={**result.provenance, "cameras": ["left", "right"]})
    from crlspec.report.traversals import traversals

    page = traversals(shown)
    assert page.count('class="strip"') == 2
    assert "what comes back of their code" in page
