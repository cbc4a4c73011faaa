"""Batches of images: every image once, in order, views of what is there, and maps whose pages are given back."""

import numpy as np
import pytest

from crlspec.numerics.batches import batches, release, rows_of, unit_interval


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (23, 2, 3, 4)).astype(np.uint8)


def test_every_image_once_in_order_as_views(images):
    parts = list(batches(images, numbers=5 * 24))
    assert [len(part) for part in parts] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.concatenate(parts), images)
    assert all(np.shares_memory(part, images) for part in parts)
    assert [len(part) for part in batches(images[:2], numbers=1)] == [1, 1]


def test_rows_in_the_order_asked_for(images):
    rows = np.array([7, 2, 22, 2])
    np.testing.assert_array_equal(rows_of(images, rows), images[rows])


def test_unit_interval(images):
    found = unit_interval(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images / 255, atol=1e-7)
    floats = (images / 255).astype(np.float32)
    np.testing.assert_array_equal(unit_interval(floats), floats)
    assert not np.shares_memory(unit_interval(floats), floats)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_released_maps_keep_their_values(images, tmp_path, mode):
    images.tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", dtype=np.uint8, mode=mode, shape=images.shape)
    expected = images.copy()
    if mode != "r":
        mapped[3] = expected[3] = 9
    release(np.asarray(mapped)[2:])
    np.testing.assert_array_equal(mapped, expected)
