"""The code of images: principal components against their closed form, carried back through blur and averaging."""

import numpy as np
import pytest

from crlspec.errors import DataError
from crlspec.inference.encoders import image_code
from crlspec.inference.encoders.image_code import chosen_blur, fit_code


def bumps(count, shape=(1, 12, 9), seed=0):
    """Float images of three patterns of known sizes, and the sizes (sample, 3)."""
    rng = np.random.default_rng(seed)
    patterns = np.linalg.qr(np.random.default_rng(99).normal(size=(int(np.prod(shape)), 3)))[0].T
    z = rng.normal(size=(count, 3)) * np.array([0.3, 0.2, 0.1])
    return (0.5 + (z @ patterns).reshape(-1, *shape)).astype(np.float32), z


def test_components_are_those_of_the_covariance():
    images, z = bumps(400)
    code = fit_code({"a": images[:200], "b": images[200:]}, 8, seed=0)
    assert len(code.components) == 3  # what is beyond is rounding
    found = code(images)
    flat = images.reshape(400, -1).astype(np.float64)
    variance = np.sort(np.linalg.eigvalsh(np.cov(flat.T, bias=True)))[::-1][:3]
    np.testing.assert_allclose(found.var(0), variance, rtol=1e-4)
    np.testing.assert_allclose(np.cov(found.T) - np.diag(np.cov(found.T).diagonal()), 0, atol=1e-6)
    np.testing.assert_allclose(code.decoded(found), images, atol=1e-5)


def test_no_more_components_than_asked_for():
    images, _ = bumps(300)
    code = fit_code({"a": images}, 2, seed=0)
    assert code.names == ("code1", "code2")
    loss = ((code.decoded(code(images)) - images) ** 2).sum((1, 2, 3)).mean()
    assert loss == pytest.approx(0.1**2, rel=0.2)


@pytest.mark.parametrize(("blur", "numbers"), [(0.0, 30), (1.5, 2**13), (1.0, 30)])
def test_blur_and_averaging_are_carried_back(blur, numbers, monkeypatch):
    monkeypatch.setattr(image_code, "NUMBERS", numbers)
    images, _ = bumps(300)
    code = fit_code({"a": images}, 3, seed=0, blur=blur)
    factor = image_code._factor((1, 12, 9))
    small = image_code._reduced(images, blur, factor).reshape(300, -1).astype(np.float64)
    small -= small.mean(0)
    directions = np.linalg.svd(small, full_matrices=False)[2][: len(code.components)]
    expected, found = small @ directions.T, code(images)
    signs = np.sign((expected * found).sum(0))
    np.testing.assert_allclose(found - found.mean(0), expected * signs, atol=1e-4)


@pytest.mark.parametrize("numbers", [2**13, 30])
def test_averages_over_blocks_that_do_not_divide(numbers, monkeypatch):
    monkeypatch.setattr(image_code, "NUMBERS", numbers)
    factor = image_code._factor((1, 7, 5))
    images = np.random.default_rng(0).uniform(size=(2, 1, 7, 5)).astype(np.float32)
    found = image_code._reduced(images, 0, factor)
    rows, columns = -(-7 // factor), -(-5 // factor)
    assert found.shape == (2, 1, rows, columns) and rows * columns <= numbers
    last = images[:, :, (rows - 1) * factor :, (columns - 1) * factor :]
    np.testing.assert_allclose(found[:, :, -1, -1], last.mean((2, 3)), rtol=1e-5)


def test_components_below_rounding_are_left_out():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 1, 1, 1))
    ramp = np.linspace(-1, 1, 64).reshape(1, 1, 8, 8)
    images = np.round(np.clip(127 + 40 * z * ramp, 0, 255)).astype(np.uint8)
    assert len(fit_code({"a": images}, 64, seed=0).components) < 10
    noise = rng.integers(0, 256, images.shape).astype(np.uint8)
    assert len(fit_code({"a": noise}, 50, seed=0).components) == 50


def test_few_images_of_every_environment(monkeypatch):
    monkeypatch.setattr(image_code, "IMAGES", 60)
    images, _ = bumps(1000)
    seen = []
    rows_of = image_code.rows_of
    monkeypatch.setattr(image_code, "rows_of", lambda one, rows: seen.append(len(rows)) or rows_of(one, rows))
    code = fit_code({"a": images[:980], "b": images[980:]}, 3, seed=0)
    assert seen == [30, 20]
    again = fit_code({"a": images[:980], "b": images[980:]}, 3, seed=0)
    np.testing.assert_array_equal(code.components, again.components)
    other = fit_code({"a": images[:980], "b": images[980:]}, 3, seed=1)
    assert not np.array_equal(code.components, other.components)


def test_images_that_hardly_vary():
    images = np.full((50, 1, 8, 8), 100, dtype=np.uint8)
    images[3, 0, 0, 0] = 101
    with pytest.raises(DataError) as caught:
        fit_code({"a": images}, 4, seed=0)
    assert str(caught.value).startswith(
        "The images hardly vary: their differences are no larger than rounding"
    )


def dots(count, size=24, seed=0):
    """Images of a soft dot, its middle anywhere: (sample, 1, size, size), and the middles (sample, 2)."""
    middle = np.random.default_rng(seed).uniform(0.2 * size, 0.8 * size, size=(count, 2))
    at = np.arange(size) + 0.5
    down, across = (np.exp(-((at - middle[:, k, None]) ** 2) / 2) for k in (0, 1))
    return (down[:, :, None] * across[:, None])[:, None].astype(np.float32), middle


def explained(images, middle, blur):
    """Least share of the variance of a coordinate of the middles that is linear in 8 components."""
    code = fit_code({"a": images}, 8, seed=0, blur=blur)(images)
    design = np.column_stack([code, np.ones(len(code))])
    left = middle - design @ np.linalg.lstsq(design, middle, rcond=None)[0]
    return float((1 - left.var(0) / middle.var(0)).min())


def test_what_moves_by_more_than_its_size_is_blurred_until_the_code_tells_where_it_is():
    images, middle = dots(900)
    blur = chosen_blur({"a": images[:500], "b": images[500:]}, 2, seed=0)
    assert blur in (24 / 16, 24 * 3 / 32, 24 / 8)
    assert explained(images, middle, blur) > 0.95 > explained(images, middle, 0.0)


def test_nothing_is_blurred_where_few_components_are_enough_or_none_will_ever_be():
    images, _ = bumps(400)
    assert chosen_blur({"a": images}, 1, seed=0) == 0
    noise = np.random.default_rng(0).integers(0, 256, (700, 1, 24, 24)).astype(np.uint8)
    assert chosen_blur({"a": noise}, 1, seed=0) == 0


def test_the_choice_looks_at_few_images_and_depends_on_the_seed_alone(monkeypatch):
    seen = []
    rows_of = image_code.rows_of
    monkeypatch.setattr(image_code, "rows_of", lambda one, rows: seen.append(len(rows)) or rows_of(one, rows))
    images, _ = dots(2000, size=16)
    parts = {"a": images[:1500], "b": images[1500:]}
    assert chosen_blur(parts, 2, seed=3) == chosen_blur(parts, 2, seed=3)
    assert seen == [300, 300, 300, 300]
