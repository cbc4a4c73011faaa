"""Closures by reversals of orders: known answers of an oracle, and of a pair of latents."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crlspec.inference.order.reversals import Order, closure_by_reversals
from crlspec.inference.soft.held_out import closure_by_orders
from crlspec.inference.step import Step
from crlspec.inference.thresholds import UmniThresholds
from crlspec.numerics.graphs import transitive_closure
from crlspec.progress import silent


@given(st.data(), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_an_oracle_of_orders_gives_the_closure(data: st.DataObject, n: int) -> None:
    """An order is refused exactly where it puts a descendant first: what comes out is the transitive closure."""
    graph = np.zeros((n, n), dtype=bool)
    for j, i in itertools.combinations(range(n), 2):
        graph[j, i] = data.draw(st.booleans())
    closure = transitive_closure(graph)

    def ask(asked: Sequence[tuple[Order, int]]) -> list[tuple[float, float]]:
        answers = []
        for order, place in asked:
            assert sorted(order) == list(range(n))
            i, j = order[place], order[place + 1]
            backward = [(a, b) for b, a in itertools.combinations(order, 2) if closure[a, b]]
            assert set(backward) <= {(j, i)}  # that pair alone is asked
            answers.append((1.0, 0.0) if backward else (0.0, 1.0))
        return answers

    sizes, p_values = closure_by_reversals(tuple(range(n)), ask, alpha=0.05)
    assert (closure == (p_values.T < 0.05)).all() and (closure == (sizes.T > 0)).all()


@pytest.mark.parametrize("effect", [pytest.param(0.0, marks=pytest.mark.slow), 1.5])
def test_of_two_latents_the_cause_is_found(effect: float) -> None:
    """z0 → z1 by a smooth mechanism, changed softly; targets {z1} and {z0, z1}."""
    rng = np.random.default_rng(3)
    samples = []
    for first, second in ((1.0, 1.0), (1.0, 0.4), (0.4, 0.4)):
        z0 = first * rng.normal(size=2000)
        z1 = effect * second * np.sqrt(1 + z0**2) + second * rng.normal(size=2000)
        samples.append(np.stack([z0, z1 - z1.mean()], 1))
    signature = np.array([[False, True], [True, True]])
    first_answer = Step("scores", (1, 0), np.eye(2)[[1, 0]], np.zeros((2, 2)), np.ones((2, 2)), 0.0, "")
    found = closure_by_orders(
        samples,
        [(1, 0)],
        lambda order: np.eye(2)[list(order)],
        first_answer,
        ("a", "b"),
        0.01,
        UmniThresholds(),
        0,
        silent,
        signature,
    )
    if effect:
        assert found.order == (0, 1) and found.p_values[1, 0] < 1e-4
        assert (found.rows == np.eye(2)).all()
    else:
        assert found.p_values[1, 0] > 0.01
