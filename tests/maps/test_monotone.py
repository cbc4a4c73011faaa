"""Monotone maps: strictly monotone for any labels, exact on a line, the same however the latent is written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crlspec.maps.monotone import MonotoneMap, Units
from crlspec.maps.monotone_fit import fit_monotone, held_out, varies

NUMBERS = st.floats(-1e3, 1e3, width=32)
PAIRS = st.integers(5, 24).flatmap(
    lambda size: st.tuples(
        arrays(np.float64, size, elements=NUMBERS), arrays(np.float64, size, elements=NUMBERS)
    )
)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_a_fitted_map_is_strictly_monotone_for_any_labels(pair):
    z, label = pair
    if not (varies(z) and varies(label)):
        return
    found = fit_monotone(z, label)
    reach = np.ptp(z)
    seen = found(np.linspace(z.min() - reach, z.max() + reach, 400))
    assert (np.diff(seen) * found.direction > 0).all()
    back = found.inverse(found(z))
    np.testing.assert_allclose(back, z, atol=1e-5 * reach)


@pytest.mark.parametrize("size", [5, 10, 20, 60])
def test_on_a_line_the_map_is_that_line(size):
    rng = np.random.default_rng(size)
    z = rng.normal(size=size)
    for slope in (3.0, -0.02):
        found = held_out(z, 7 + slope * z)
        assert found.map.affine
        new = np.linspace(-9, 9, 50)
        np.testing.assert_allclose(found.map(new), 7 + slope * new, atol=1e-9 * abs(slope))
        assert found.error < 1e-9 * abs(slope) < found.mean_error
        np.testing.assert_allclose(found.map.inverse(7 + slope * new), new, atol=1e-9)


def test_sign_scale_and_origin_of_the_latent_do_not_matter():
    rng = np.random.default_rng(0)
    z = rng.normal(size=25)
    label = 30 * np.tanh(z) + rng.normal(size=25)
    first = held_out(z, label)
    assert not first.map.affine
    new = np.linspace(-3, 3, 60)
    for factor, shift in ((-1.0, 0.0), (1e-4, 5.0), (-700.0, -3.0)):
        other = held_out(factor * z + shift, label)
        np.testing.assert_allclose(other.held_out, first.held_out, rtol=0, atol=1e-6)
        np.testing.assert_allclose(other.map(factor * new + shift), first.map(new), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_bent_latent_gives_nearly_the_same_labels(seed):
    """A latent is known up to a monotone map: the error with 40 labels is small beside that of a line."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=40)
    fresh = rng.normal(size=2000)
    for bend in (np.sinh, np.tanh, lambda z: np.where(z < 0, z, 3 * z)):
        found = held_out(bend(truth), 20 * truth)
        error = np.abs(found.map(bend(fresh)) - 20 * fresh).mean()
        assert error < 1.5
        assert error < 0.12 * found.mean_error


def test_one_wild_label_moves_the_map_little():
    rng = np.random.default_rng(3)
    z = rng.normal(size=20)
    label = 10 * z + 0.3 * rng.normal(size=20)
    wild = label.copy()
    wild[4] += 300
    new = np.linspace(-2, 2, 50)
    assert np.abs(fit_monotone(z, wild)(new) - 10 * new).mean() < 1.0


def test_held_out_errors_are_those_of_fresh_data_and_fall_with_labels():
    means = {}
    for size in (10, 20, 80):
        told, fresh = [], []
        for seed in range(6):
            rng = np.random.default_rng([size, seed])
            z, new = rng.normal(size=size), rng.normal(size=1000)
            found = held_out(z, 25 * np.arcsinh(2 * z) + 2 * rng.normal(size=size))
            truth = 25 * np.arcsinh(2 * new) + 2 * rng.normal(size=1000)
            told.append(found.error)
            fresh.append(np.abs(found.map(new) - truth).mean())
        means[size] = np.mean(told), np.mean(fresh)
    assert means[10][1] > means[20][1] > means[80][1]
    assert means[80][1] < 1.2 * 2 * np.sqrt(2 / np.pi)  # noise of 2 alone
    for size in (20, 80):
        assert 0.85 < means[size][0] / means[size][1] < 1.35


def test_labels_without_a_signal_are_no_better_than_their_mean():
    worse = [
        (found := held_out(rng.normal(size=20), rng.normal(size=20))).error > 0.97 * found.mean_error
        for rng in map(np.random.default_rng, range(5))
    ]
    assert sum(worse) >= 4


def test_numbers_that_make_no_monotone_map_are_refused():
    up = np.array([0.0, 1.0])
    for knots, values, slopes, message in (
        (np.array([1.0, 1.0]), up, up + 1, "increase"),
        (up, up[::-1], up + 1, "all rise or all fall"),
        (up, up, np.array([0.0, 1.0]), "all rise or all fall"),
        (up, up, np.array([np.nan, 1.0]), "finite"),
        (up, up, np.array([9.0, 9.0]), "turns back"),
        (up, up, np.ones(3), "3"),
    ):
        with pytest.raises(ValueError, match=message):
            MonotoneMap(knots, values, slopes)


def test_units_leave_latents_without_a_map_alone_and_gaps_as_they_are():
    units = Units((MonotoneMap.line((0.0, 1.0), (10.0, 8.0)), None))
    z = np.array([[0.0, 1.0], [np.nan, 2.0], [5.0, 3.0]])
    np.testing.assert_array_equal(units(z), [[10, 1], [np.nan, 2], [0, 3]])
    np.testing.assert_allclose(units.inverse(units(z)), z, atol=1e-12)
