"""Intervals of rates by known values, and the effect from which a rate is reached."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.numerics.rates import smallest_found, wilson


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 10), (10, 10), (81, 263), (1, 1)])
def test_intervals_are_those_of_wilson(hits: int, trials: int) -> None:
    expected = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_trials_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0), (1, 5, 0.0)])
def test_impossible_counts_are_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="hits"):
        wilson(*wrong)


def test_the_smallest_strength_found() -> None:
    strengths = np.array([0.4, 0.1, 0.3, 0.2])
    assert smallest_found(strengths, np.array([1, 0, 1, 0])) == 0.3
    assert smallest_found(strengths, np.ones(4)) == 0.1
    assert np.isnan(smallest_found(strengths, np.zeros(4)))
    assert np.isnan(smallest_found(np.array([]), np.array([])))
    assert np.isnan(smallest_found(strengths, np.array([0, 1, 1, 1])))  # found when weak, missed when strong


def test_a_rising_power_is_read_off_where_it_crosses() -> None:
    rng = np.random.default_rng(3)
    strengths = rng.uniform(0, 2, 4000)
    found = rng.random(4000) < np.clip(strengths, 0, 1)
    assert smallest_found(strengths, found, 0.8) == pytest.approx(0.8, abs=0.1)
