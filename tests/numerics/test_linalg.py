"""White coordinates: identity covariance, a right inverse, free of units; projectors and moments."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.numerics.linalg import ColumnSpace, augmented_moments, projector_off


@pytest.fixture
def samples() -> list[np.ndarray]:
    """Two environments of three latents seen through six sensors, off centre."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 3))
    return [rng.normal(size=(400, 3)) * scale @ mixing.T + 5 for scale in (1.0, [1.0, 2.0, 1.0])]


def test_pooled_white_coordinates_have_identity_covariance_and_mean_zero(samples: list[np.ndarray]) -> None:
    y = np.concatenate([ColumnSpace.fit(samples, 3)(x) for x in samples])
    np.testing.assert_allclose(np.cov(y.T, bias=True), np.eye(3), atol=1e-10)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-10)


def test_coloring_is_the_right_inverse_and_gives_the_observations_back(samples: list[np.ndarray]) -> None:
    space = ColumnSpace.fit(samples, 3)
    np.testing.assert_allclose(space.whitener @ space.coloring, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(space.offset + space(samples[0]) @ space.coloring.T, samples[0], atol=1e-9)


def test_the_spectrum_tells_the_number_of_linear_dimensions(samples: list[np.ndarray]) -> None:
    space = ColumnSpace.fit(samples, 3)
    assert space.spectrum.shape == (6,)
    assert np.all(np.diff(space.spectrum) <= 0)
    np.testing.assert_allclose(space.spectrum.sum(), 6)  # of six standardised variables
    assert space.spectrum[2] > 1e-4 * space.spectrum[0]
    assert space.spectrum[3] < 1e-20 * space.spectrum[0]
    np.testing.assert_allclose(space.off(samples[0]), 0, atol=1e-12)


def test_units_of_the_observations_do_not_matter(samples: list[np.ndarray]) -> None:
    units = np.array([1e-6, 1e6, 1.0, 3.0, 1e3, 1e-3])
    plain, scaled = ColumnSpace.fit(samples, 3), ColumnSpace.fit([x * units for x in samples], 3)
    first, second = plain(samples[0]), scaled(samples[0] * units)
    signs = np.sign((first * second).sum(0))
    np.testing.assert_allclose(second * signs, first, rtol=1e-6, atol=1e-8)


def test_fewer_components_than_dimensions_leave_a_rest(samples: list[np.ndarray]) -> None:
    space = ColumnSpace.fit(samples, 2)
    rest = np.concatenate([space.off(x) for x in samples])
    assert rest.shape == (800, 1)  # of three dimensions; the others vary by rounding alone
    np.testing.assert_allclose((rest**2).mean(0).sum(), space.spectrum[2:].sum(), rtol=1e-9)


def test_augmented_moments_hold_mean_and_second_moments() -> None:
    y = np.random.default_rng(1).normal(2.0, 1.0, size=(50, 2))
    found = augmented_moments(y)
    assert found[0, 0] == 1
    np.testing.assert_allclose(found[0, 1:], y.mean(0))
    np.testing.assert_allclose(found[1:, 1:], np.cov(y.T, bias=True) + np.outer(y.mean(0), y.mean(0)))


def test_a_projector_off_rows_annihilates_them_and_keeps_the_rest() -> None:
    rows = np.random.default_rng(2).normal(size=(2, 5))
    projector = projector_off(rows)
    np.testing.assert_allclose(projector @ rows.T, 0, atol=1e-12)
    np.testing.assert_allclose(projector @ projector, projector, atol=1e-12)
    np.testing.assert_allclose(projector, projector.T, atol=1e-12)
    np.testing.assert_allclose(np.trace(projector), 3)
    np.testing.assert_array_equal(projector_off(np.zeros((0, 3))), np.eye(3))
