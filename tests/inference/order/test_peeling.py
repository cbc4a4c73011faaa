"""Peeling of moments that are known exactly."""

from __future__ import annotations

import numpy as np

from crlspec.inference.order.peeling import peel, rows_in_order


def test_peeling_is_exact_on_exact_moments() -> None:
    # z1 -> z2 -> z3, unit noise, hard interventions with variance 5: score differences are known in closed form.
    weights = np.array([[0, 0, 0], [1.0, 0, 0], [0, -0.8, 0]])
    covariance = np.linalg.inv(np.eye(3) - weights) @ np.linalg.inv(np.eye(3) - weights).T
    moments = []
    for k in range(3):
        own, cut = np.eye(3)[k] - weights[k], np.eye(3)[k]
        difference = np.outer(cut, cut) / 5 - np.outer(own, own)
        moments.append(difference @ covariance @ difference)
    best = peel(np.stack(moments))[0]
    assert best.order == (0, 1, 2)
    assert best.cost < 1e-12
    rows = rows_in_order(np.stack(moments), best.order)
    np.testing.assert_allclose(np.abs(rows), np.eye(3), atol=1e-9)
