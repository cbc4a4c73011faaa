"""The rate of the sample-complexity bound: inverses of one another, and its published powers."""

from __future__ import annotations

import math

import pytest

from crlspec.studies.power.sample_complexity import (
    calibrated_constant,
    empirical_exponent,
    failure_probability,
    samples_for,
    score_error,
)


def test_samples_error_and_delta_undo_one_another() -> None:
    samples = samples_for(0.2, 0.05, 0.3)
    assert score_error(samples, 0.05, 0.3) == pytest.approx(0.2)
    assert failure_probability(samples, 0.2, 0.3) == pytest.approx(0.05)


def test_samples_grow_with_the_fourth_powers_of_the_paper() -> None:
    assert samples_for(0.1, 0.05) == pytest.approx(16 * samples_for(0.2, 0.05))
    assert samples_for(0.2, 0.01) / samples_for(0.2, 0.1) == pytest.approx(2**4)
    assert math.log(failure_probability(16e4, 0.2)) == pytest.approx(
        2 * math.log(failure_probability(1e4, 0.2))
    )


def test_the_calibrated_bound_touches_the_worst_simulated_error() -> None:
    samples, errors = (1000, 4000, 16000), (0.5, 0.22, 0.14)
    constant = calibrated_constant(samples, errors, 0.1)
    bounds = [score_error(n, 0.1, constant) for n in samples]
    assert all(bound >= error * (1 - 1e-12) for bound, error in zip(bounds, errors, strict=True))
    assert min(bound / error for bound, error in zip(bounds, errors, strict=True)) == pytest.approx(1)


def test_the_power_of_simulated_errors_is_read_off() -> None:
    samples = (100, 1000, 10_000)
    assert empirical_exponent(samples, [3 * n**-0.5 for n in samples]) == pytest.approx(0.5)
    assert empirical_exponent(samples, [score_error(n, 0.05) for n in samples]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: score_error(0, 0.1), "samples"),
        (lambda: score_error(10, 1.0), "delta"),
        (lambda: samples_for(0.0, 0.1), "error"),
        (lambda: samples_for(0.1, 0.1, -1), "constant"),
        (lambda: calibrated_constant([10], [], 0.1), "as many errors"),
        (lambda: empirical_exponent([10, 10], [1, 2]), "two different"),
    ],
)
def test_numbers_out_of_range_are_refused(call: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()  # type: ignore[operator]
