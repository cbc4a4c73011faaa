"""Codes of images: the linear law of their numbers, in batches, and images within 0 and 1."""

import numpy as np
import pytest

from crlspec.maps.codes import ImageEncoder, PcaCode
from crlspec.maps.maps import LinearEncoder
from crlspec.numerics import batches


@pytest.fixture
def code():
    rng = np.random.default_rng(0)
    components = rng.normal(size=(3, 2, 4, 5)).astype(np.float32)
    return PcaCode(components, rng.uniform(size=(2, 4, 5)).astype(np.float32), components / 40)


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (37, 2, 4, 5)).astype(np.uint8)


def test_components_of_what_differs_from_the_mean(code, images):
    expected = np.einsum("kcij,scij->sk", code.components, images / 255 - code.mean)
    np.testing.assert_allclose(code(images), expected, atol=1e-5)
    assert code(images).dtype == np.float64
    assert code.names == ("code1", "code2", "code3")


def test_uint8_and_floats_give_the_same_code(code, images):
    np.testing.assert_allclose(code((images / 255).astype(np.float32)), code(images), atol=1e-5)
    np.testing.assert_allclose(code(images / 255), code(images), atol=1e-5)


def test_batches_do_not_show(code, images, monkeypatch):
    whole = code(images)
    monkeypatch.setattr(batches.batches, "__defaults__", (5 * 40,))
    np.testing.assert_allclose(code(images), whole, atol=1e-6)


def test_what_comes_back_lies_within_0_and_1(code):
    z = np.array([[0.0, 0, 0], [1, 0, 0], [1e4, 0, 0]])
    found = code.decoded(z)
    assert found.shape == (3, 2, 4, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], code.mean)
    np.testing.assert_allclose(found[1], np.clip(code.mean + code.pictures[0], 0, 1), atol=1e-6)
    assert found.min() == 0 and found.max() == 1


def test_an_encoder_of_images_and_of_columns_beside_them(code, images):
    matrix = np.arange(8.0).reshape(2, 4)
    encoder = ImageEncoder(code, LinearEncoder(matrix, np.zeros(4)))
    columns = np.ones((37, 1))
    np.testing.assert_allclose(
        encoder(images, columns), code(images) @ matrix[:, :3].T + matrix[:, 3], atol=1e-9
    )


def test_shapes_must_fit(code, images):
    with pytest.raises(ValueError, match="the code takes"):
        code(images[:, :, :3])
    with pytest.raises(ValueError, match="do not fit a mean"):
        PcaCode(code.components, code.mean[:1], code.pictures)
