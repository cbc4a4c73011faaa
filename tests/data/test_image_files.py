"""Images on disk: NetCDF, Zarr, arrays and picture files; kept in uint8, mapped where they are many."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crlspec.data import environments_of, from_arrays, observational_of, read_data, write_data
from crlspec.data import images as settings
from crlspec.data.strangers import require_regular
from crlspec.errors import DataError

NAMES = ("obs", "b", "a")


@pytest.fixture
def images():
    rng = np.random.default_rng(4)
    return {name: rng.integers(0, 256, (7 + k, 3, 8, 6)).astype(np.uint8) for k, name in enumerate(NAMES)}


@pytest.fixture
def tree(images):
    rng = np.random.default_rng(5)
    tables = {name: rng.normal(size=(len(one), 2)) for name, one in images.items()}
    truth = {name: rng.normal(size=(len(one), 1)) for name, one in images.items()}
    return from_arrays(tables, ["u", "v"], truth, images=images, cameras=("c",))


def fault(call, *arguments, **options) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def pictures(folder, images, suffix="png"):
    for name, array in images.items():
        (folder / name).mkdir()
        for k, one in enumerate(array):
            Image.fromarray(np.moveaxis(one, 0, -1).squeeze()).save(folder / name / f"{k:03d}.{suffix}")
    return folder


@pytest.mark.parametrize("kind", ["d.nc", "d.zarr", "d"])
@pytest.mark.parametrize("mapped", [False, True])
def test_round_trip(tree, images, tmp_path, kind, mapped, monkeypatch):
    if mapped:
        monkeypatch.setattr(settings, "IN_MEMORY", 0)
        monkeypatch.setattr("crlspec.data.lifted.IN_MEMORY", 0)
    path = write_data(tree, tmp_path / kind)
    again = read_data(path)
    assert environments_of(again) == NAMES
    assert observational_of(again) == "obs"
    assert again.attrs == tree.attrs
    for name, one in images.items():
        found = again[name]["image"].values
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, one)
        np.testing.assert_array_equal(again[name]["x"], tree[name]["x"])
        np.testing.assert_array_equal(again[name]["z"], tree[name]["z"])
        if mapped:
            assert isinstance(found.base, np.memmap)
    write_data(again, path, force=True)
    np.testing.assert_array_equal(read_data(path)["a"]["image"], images["a"])


@pytest.mark.parametrize("kind", ["d.nc", "d.zarr", "d"])
def test_images_and_truth_alone(images, tmp_path, kind):
    truth = {name: np.arange(len(one))[:, None] for name, one in images.items()}
    again = read_data(write_data(from_arrays(images=images, truth=truth), tmp_path / kind))
    assert "x" not in again["a"]
    np.testing.assert_array_equal(again["a"]["image"], images["a"])
    np.testing.assert_array_equal(again["a"]["z"], truth["a"])


def test_chunks_of_zarr_lie_along_the_samples(tree, tmp_path, monkeypatch):
    import zarr

    monkeypatch.setattr("crlspec.data.write.CHUNK", 3 * 144)
    path = write_data(tree, tmp_path / "d.zarr")
    assert zarr.open_group(path)["a/image"].chunks == (3, 3, 8, 6)


def test_float_images_keep_their_type(images, tmp_path):
    floats = {name: (one / 255).astype(np.float32) for name, one in images.items()}
    for kind in ("d.nc", "d"):
        again = read_data(write_data(from_arrays(images=floats), tmp_path / kind))
        assert again["b"]["image"].dtype == np.float32
        np.testing.assert_array_equal(again["b"]["image"], floats["b"])


def test_arrays_stay_maps(images, tmp_path):
    for name, one in images.items():
        np.save(tmp_path / f"{name}.npy", one)
    found = read_data(tmp_path)["obs"]["image"].values
    assert isinstance(found.base, np.memmap) and found.base.mode == "r"


def test_pictures_sorted_by_name(images, tmp_path):
    again = read_data(pictures(tmp_path, images), observational="b")
    assert observational_of(again) == "b"
    for name, one in images.items():
        np.testing.assert_array_equal(again[name]["image"], one)


def test_grey_pictures_have_one_channel(images, tmp_path):
    grey = {name: one[:, :1] for name, one in images.items()}
    np.testing.assert_array_equal(read_data(pictures(tmp_path, grey))["a"]["image"], grey["a"])


def test_jpeg(images, tmp_path):
    flat = {name: np.full_like(one, 90) for name, one in images.items()}
    assert int(read_data(pictures(tmp_path, flat, "jpg"))["a"]["image"].max()) in range(88, 93)


def test_pictures_of_another_size(images, tmp_path):
    pictures(tmp_path, images)
    Image.new("RGB", (5, 8)).save(tmp_path / "a" / "004.png")
    text = fault(read_data, tmp_path)
    assert text == (
        f"{tmp_path}/a/004.png: 5 × 8 pixels of 3 channels, where 000.png has 6 × 8 pixels of 3 channels. Remedy: "
        "Give every sample an image of one size and one number of channels."
    )
    Image.new("L", (6, 8)).save(tmp_path / "a" / "004.png")
    assert "004.png: 6 × 8 pixels of 1 channel, where" in fault(read_data, tmp_path)


def test_pictures_that_are_none(images, tmp_path):
    pictures(tmp_path, images)
    (tmp_path / "a" / "003.png").write_bytes(b"no picture")
    assert fault(read_data, tmp_path).startswith(f"{tmp_path}/a/003.png: this image cannot be read (")
    Image.fromarray(np.zeros((8, 6), dtype=np.uint16)).save(tmp_path / "a" / "003.png")
    assert "003.png: its pixels have more than 8 bits (mode I" in fault(read_data, tmp_path)
    (tmp_path / "obs.npy").write_bytes(b"no array")
    assert "environment 'obs' has obs.npy and a folder of images" in fault(read_data, tmp_path)


def test_arrays_that_are_none(images, tmp_path):
    (tmp_path / "obs.npy").write_bytes(b"no array")
    assert fault(read_data, tmp_path).startswith(f"{tmp_path}/obs.npy: this is no array of numbers (")
    np.save(tmp_path / "obs.npy", np.moveaxis(images["obs"], 1, -1))
    text = fault(read_data, tmp_path)
    assert text.startswith(f"{tmp_path}/obs.npy: the images have the shape (7, 8, 6, 3), as if the channels")


def test_folders_without_images(images, tmp_path):
    (tmp_path / "obs").mkdir()
    assert fault(read_data, tmp_path) == (
        f"{tmp_path}/obs: there is no image in this folder. Remedy: Put a .png or .jpg file for each sample there, "
        "or remove the folder."
    )


def test_tables_beside_some_images_only(tree, tmp_path):
    folder = write_data(tree, tmp_path / "d")
    (folder / "b.csv").unlink()
    assert fault(read_data, folder).startswith(f"{folder}: b has images and no table.")
    write_data(tree, folder, force=True)
    (folder / "a.npy").unlink()
    assert fault(read_data, folder).startswith(f"{folder}: a has a table and no images.")


def test_rows_for_every_image(tree, tmp_path):
    folder = write_data(tree, tmp_path / "d")
    lines = (folder / "a.csv").read_text().splitlines()
    (folder / "a.csv").write_text("\n".join(lines[:-1]) + "\n")
    (folder / "truth" / "a.csv").unlink()
    assert fault(read_data, folder).startswith(f"{folder}/a.npy: 8 rows for 9 images.")


def test_pillow_is_named_where_it_is_missing(images, tmp_path, monkeypatch):
    import sys

    pictures(tmp_path, images)
    monkeypatch.setitem(sys.modules, "PIL", None)
    text = fault(read_data, tmp_path)
    assert (
        "reading images needs Pillow, which is not installed. Remedy: pip install 'crlspec[images]'" in text
    )


def test_a_name_that_no_file_can_have_is_left_to_the_reader(tmp_path: Path) -> None:
    name = tmp_path / ("x" * 300 + ".png")
    require_regular(name)
    with pytest.raises(OSError, match="too long"):
        name.read_bytes()
