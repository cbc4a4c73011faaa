"""Pictures of image results: contact sheets, and animations in the page and beside it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from crlspec.cli.run_folder import is_run_file
from crlspec.errors import DataError
from crlspec.report.animations import FRAMES, animation, frames, gif, moving
from crlspec.report.contact_sheet import contact_sheet
from crlspec.report.images import beside, by_camera
from crlspec.report.traversals import traversals
from crlspec.result import Result
from tests.results.test_image_results import images_of, result_of
from tests.results.toy import toy_estimate, toy_model


@pytest.fixture
def result():
    found = result_of(columns=False)[0]
    return replace(found, provenance={**found.provenance, "cameras": ["left", "right"]})


def test_cameras_stand_beside_each_other_a_white_pixel_apart():
    images = np.random.default_rng(0).uniform(size=(3, 2, 6, 5))
    found = beside(by_camera(images, 2))
    assert found.shape == (3, 6, 11, 3)
    np.testing.assert_array_equal(found[:, :, :5, 1], images[:, 0])
    np.testing.assert_array_equal(found[:, :, 5], 1.0)
    np.testing.assert_array_equal(found[:, :, 6:, 2], images[:, 1])


def test_frames_are_what_the_decoder_gives(result):
    values = [-1.0, 0.5]
    moved = result.traverse("z", values).values
    np.testing.assert_array_equal(frames(result, "z", values), beside(by_camera(moved, 2)))


def test_an_animation_goes_to_and_fro_without_end(result):
    content = animation(result, "z", side=24)
    shown = Image.open(io.BytesIO(content))
    assert (shown.format, shown.n_frames, shown.size) == ("GIF", 2 * FRAMES - 2, (44, 24))
    assert shown.info["loop"] == 0
    brightness = []
    for k in range(shown.n_frames):
        shown.seek(k)
        brightness.append(float(np.asarray(shown.convert("L"), dtype=float).mean()))
    assert abs(int(np.argmax(brightness)) - int(np.argmin(brightness))) == FRAMES - 1  # the ends
    np.testing.assert_allclose(brightness[1 : FRAMES - 1], brightness[: FRAMES - 1 : -1], atol=1.0)
    assert animation(result, "z", side=24) == content


def test_small_pictures_are_enlarged_by_whole_factors():
    picture = np.random.default_rng(0).uniform(size=(10, 7, 3))
    assert Image.open(io.BytesIO(gif([picture, 1 - picture], side=35))).size == (21, 30)
    assert Image.open(io.BytesIO(gif([picture, 1 - picture], side=4))).size == (7, 10)


def test_the_page_holds_them_and_rests_for_those_who_ask(result):
    page = traversals(result)
    assert 'src="data:image/gif;base64,' in page
    assert '<source media="(prefers-reduced-motion: reduce)" srcset="data:image/png' in moving(result, "z")


def test_a_file_for_each_latent(result, tmp_path):
    assert [path.name for path in result.animate(tmp_path)] == ["traversal_z.gif"]
    assert (tmp_path / "traversal_z.gif").read_bytes() == animation(result, "z")
    assert result.animate(tmp_path)  # in place of the former one
    assert is_run_file("traversal_z.gif") and is_run_file("report.html") and not is_run_file("notes.gif")


def test_columns_have_no_images(tmp_path):
    model = toy_model()
    found = Result.from_estimate(toy_estimate(model), model.sample(50), observational="obs")
    assert found.animate(tmp_path) == ()
    with pytest.raises(DataError, match="are columns, and no images"):
        frames(found, found.names[0], [0.0])


def test_a_contact_sheet_has_a_strip_for_each_environment(result):
    assert contact_sheet(result) == ""
    images = np.stack([images_of(np.linspace(-1, 1, 4)) for _ in range(3)])
    names = np.array(["obs", "a1", "a2"], dtype=object)
    sheet = xr.DataArray(
        images, {"environment": names}, ("environment", "example", "channel", "row", "column")
    )
    diagnostics = {**result.estimate.diagnostics, "contact_sheet": sheet}
    page = contact_sheet(replace(result, estimate=replace(result.estimate, diagnostics=diagnostics)))
    assert page.count('class="strip"') == 3
    assert "<b>a1</b> shows z" in page and "<b>obs</b><" in page
