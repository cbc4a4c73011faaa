"""Errors of many numbers at once: known quantiles, numbers without a derivative, and the bands of a toy result."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.downstream.uncertainty import Answer, answer, joint
from crlspec.errors import CrlspecError


def plain(directions: np.ndarray, freedom: float = float("inf")) -> Answer:
    nothing = np.zeros(directions.shape[1])
    return Answer(nothing, directions, nothing, nothing, freedom)


def test_one_number_has_the_normal_quantile() -> None:
    one = plain(np.array([[3.0], [4.0]]))
    assert one.error == pytest.approx([5.0])
    assert one.critical(0.95) == pytest.approx(1.96, abs=0.04)
    assert one.width(2.0) == pytest.approx([10.0])
    few = plain(np.array([[3.0], [4.0]]), freedom=5)
    assert few.critical(0.95) == pytest.approx(stats.t(5).ppf(0.975), abs=0.1)


def test_numbers_that_move_together_count_once_and_independent_ones_each() -> None:
    together = plain(np.arange(1.0, 11.0)[None])
    assert together.critical(0.95) == pytest.approx(1.96, abs=0.04)
    apart = plain(np.diag(np.arange(1.0, 11.0)))
    assert apart.critical(0.95) == pytest.approx(stats.norm.ppf((1 + 0.95**0.1) / 2), abs=0.05)  # Šidák
    same = joint([plain(np.ones((1, 3))), plain(2 * np.ones((1, 2)))])
    assert same.critical(0.95) == pytest.approx(1.96, abs=0.04)


def test_numbers_that_nothing_moves_need_no_band() -> None:
    assert plain(np.zeros((4, 3))).critical(0.99) == 0
    mixed = plain(np.array([[1.0, 0.0, 1e-15]]))
    assert mixed.critical(0.95) == pytest.approx(1.96, abs=0.04)


@pytest.mark.parametrize("at", [0.0, 0.3, 10.0])
def test_a_square_near_its_minimum_has_the_error_that_it_has(at) -> None:
    """f = l², l normal about ``at``: the mean square error of f is 4 l² + 3, and its interval covers."""
    pairs = [(np.array([(at + 1) ** 2]), np.array([(at - 1) ** 2]))]
    found = answer(np.array([at**2]), np.zeros(1), pairs, 0.25, two_sided=True)
    assert found.error == pytest.approx([np.sqrt(4 * at**2 + 3)])
    draws = (at + np.random.default_rng(0).normal(size=100_000)) ** 2 - at**2
    assert np.mean(np.abs(draws) <= found.width(1.96)) >= 0.95 - 0.003
    assert 0.97 < found.largest_error().mean() / (np.mean(np.abs(draws)) / found.error[0]) < 1.6


def test_a_product_of_two_small_numbers_has_an_error_too() -> None:
    """f = a b at 0: the directions a = ±b bend it opposite ways."""
    pairs = [(np.array([0.5]), np.array([0.5])), (np.array([-0.5]), np.array([-0.5]))]
    found = answer(np.zeros(1), np.zeros(1), pairs, 0.25, two_sided=True)
    assert found.error[0] >= 1.0  # E (a b)² = 1


def test_effects_come_with_a_band_for_all_of_them(result) -> None:
    asked = [{"z1": 1.0}, {"z2": "shift(1)"}, "hard_z3"]
    found = result.effects(asked, level=0.9)
    assert dict(found.sizes) == {"query": 3, "latent": 4, "observed": 7}
    assert found["query"].values.tolist() == ["z1 := 1", "z2: shift(1)", "z3 as in hard_z3"]
    for row, one in zip(range(3), asked, strict=True):
        alone = result.do(one).effect()
        for name in ("z", "z_error", "x", "x_error"):
            np.testing.assert_allclose(found[name].isel(query=row), alone[name])
    assert stats.norm.ppf(0.95) < found.attrs["critical"] < stats.norm.ppf(1 - 0.05 / 33)
    moved = found["x_error"] > 1e-9
    assert (found["x_low"] < found["x"]).where(moved, True).all()
    wide = result.effects(asked, level=0.99)
    assert (wide["x_high"] - wide["x_low"] > found["x_high"] - found["x_low"]).where(moved, True).all()
    assert found.attrs["identified"].splitlines()[0] == result.do(asked[0]).identified


def test_bands_of_nothing_and_of_no_level_are_refused(result) -> None:
    with pytest.raises(CrlspecError, match=r"no intervention is asked for\. Remedy: call e\.g\. effects\("):
        result.effects([])
    with pytest.raises(CrlspecError, match=r"level=1.5 is no probability\."):
        result.effects([{"z1": 1.0}], level=1.5)
