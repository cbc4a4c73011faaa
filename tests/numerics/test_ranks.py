"""Ranks and distances of distributions are those of scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.numerics.ranks import distribution_distance, ranks, uniform_distance


def test_ranks_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 40, size=(300, 3)).astype(float)
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values, axis=0))
    values = np.concatenate([rng.normal(size=(80, 2)), [[-0.0, np.inf]]])
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values, axis=0))
    one, other, shares = rng.normal(size=200), rng.normal(0.3, 1, size=150), rng.random(250) ** 1.2
    assert distribution_distance(one, other) == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1e-15)
    assert uniform_distance(shares) == pytest.approx(stats.kstest(shares, "uniform").statistic, abs=1e-15)
