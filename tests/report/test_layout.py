"""The curves and rows of a graph's layout against scipy's, which loads too slowly for a report."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.report.layout import _rising, _smooth

interpolate = pytest.importorskip("scipy.interpolate")
optimize = pytest.importorskip("scipy.optimize")


@pytest.mark.parametrize("seed", range(40))
def test_curves_turn_nowhere_between_their_knots(seed: int) -> None:
    rng = np.random.default_rng(seed)
    knots = np.sort(rng.normal(size=rng.integers(2, 9)))
    values = rng.normal(size=len(knots)).round(
        seed % 3
    )  # rounded to whole numbers, some neighbours are equal
    at = np.linspace(knots[0], knots[-1], 61)
    assert np.allclose(
        _smooth(knots, values, at), interpolate.PchipInterpolator(knots, values)(at), atol=1e-12
    )


@pytest.mark.parametrize("seed", range(20))
def test_rows_rise_and_are_nearest_to_what_is_wanted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=rng.integers(0, 9)).round(seed % 3)
    found = _rising(values)
    assert (np.diff(found) >= 0).all()
    assert len(found) == 0 or np.allclose(found, optimize.isotonic_regression(values).x, atol=1e-12)
