"""Peeling by sinks on moments that are exact: the signature is found without error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crlspec.inference.order.signature import Partial, in_order, peel_sinks, peel_targets
from crlspec.inference.order.sinks_gaussian import GaussianSinks
from crlspec.inference.order.told import Told
from tests.reference.generator import generate

SAMPLES = 1e6


def population(
    seed: int, n: int, environments: int, hard: bool, everywhere: bool = False
) -> tuple[GaussianSinks, np.ndarray, np.ndarray]:
    """Sinks of a random linear-Gaussian model, its signature (latent, environment), its graph [cause, effect].

    everywhere  whether the last latent in causal order is targeted in every environment, to another variance in each
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    graph = np.triu(rng.random((n, n)) < 0.6, 1)[np.ix_(np.argsort(order), np.argsort(order))]
    weights = graph.T * rng.choice([-1, 1], (n, n)) * rng.uniform(0.5, 1.5, (n, n))
    variances = rng.uniform(0.5, 1.5, n)
    signature = np.zeros((n, environments), dtype=bool)
    while np.linalg.matrix_rank(signature.astype(float)) < n or not signature.any(0).all():
        signature = rng.random((n, environments)) < 0.5
        signature[order[-1]] |= everywhere
    mixing = rng.normal(size=(n, n))
    moments = []
    for e in range(environments + 1):
        hit = np.zeros(n, dtype=bool) if e == 0 else signature[:, e - 1]
        changed = np.where(hit[:, None], weights * (0.0 if hard else 0.5), weights)
        spread = np.where(hit, variances / (4 + e * everywhere), variances)
        back = mixing @ np.linalg.inv(np.eye(n) - changed)
        second = np.eye(n + 1)
        second[1:, 1:] = back @ np.diag(spread) @ back.T
        moments.append(second)
    return GaussianSinks(np.stack(moments), np.full(environments + 1, SAMPLES), hard), signature, graph


@given(seed=st.integers(0, 2**31), n=st.integers(2, 4), more=st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_hard_signature_and_order_are_found_from_exact_moments(seed: int, n: int, more: int) -> None:
    sinks, signature, graph = population(seed, n, n + more, hard=True)
    found = peel_sinks(sinks, n, width=4)[0]
    assert {row.tobytes() for row in found.signature} == {row.tobytes() for row in signature}
    node = [next(k for k in range(n) if (signature[k] == row).all()) for row in found.signature]
    place = {k: position for position, k in enumerate(node)}
    assert all(place[cause] < place[effect] for cause, effect in np.argwhere(graph))


def test_orders_that_end_alike_share_their_ends_to_the_last_bit() -> None:
    sinks, signature, _ = population(3, 4, 5, hard=False)
    ends: dict[bytes, Partial] = {}
    for order in ([0, 1, 2, 3], [1, 0, 2, 3], [3, 2, 1, 0]):
        one, other = in_order(sinks, signature[order]), in_order(sinks, signature[order], ends)
        assert np.array_equal(one.rows, other.rows) and one.cost == other.cost
    assert len(ends) == 4 + 2 + 4


@pytest.mark.parametrize("seed", range(8))
def test_a_latent_that_every_environment_targets_is_found(seed: int) -> None:
    """Nothing but the control leaves it alone, so that the direction comes from the environments that cut it off."""
    sinks, signature, _ = population(seed, 3, 3, hard=True, everywhere=True)
    found = peel_sinks(sinks, 3, width=4)[0]
    assert {row.tobytes() for row in found.signature} == {row.tobytes() for row in signature}


@pytest.mark.parametrize("seed", range(5))
def test_soft_signature_is_found_from_exact_moments(seed: int) -> None:
    sinks, signature, _ = population(seed, 4, 4, hard=False)
    found = peel_sinks(sinks, 4, width=4)[0]
    assert {row.tobytes() for row in found.signature} == {row.tobytes() for row in signature}


@pytest.mark.parametrize("hard", [True, False])
def test_a_known_signature_leaves_the_order_to_be_found(hard: bool) -> None:
    sinks, signature, graph = population(11, 4, 5, hard)
    found = peel_sinks(sinks, 4, told=Told.all(signature))[0]
    again = in_order(sinks, found.signature)
    np.testing.assert_allclose(again.cost, found.cost, rtol=1e-6)
    place = {row.tobytes(): k for k, row in enumerate(found.signature)}
    position = [place[row.tobytes()] for row in signature]
    if hard:
        assert all(position[cause] < position[effect] for cause, effect in np.argwhere(graph))


def test_the_true_order_costs_no_more_than_any_other() -> None:
    sinks, signature, graph = population(3, 3, 3, hard=True)
    best = peel_sinks(sinks, 3, width=8)
    assert best == sorted(best, key=lambda peeled: peeled.cost)
    assert all(np.linalg.matrix_rank(peeled.signature.astype(float)) == 3 for peeled in best)


def test_signatures_are_found_where_rows_are_too_many_to_list() -> None:
    sinks, signature, _ = population(5, 4, 26, hard=True)
    found = peel_sinks(sinks, 4, width=4)[0]
    assert {row.tobytes() for row in found.signature} == {row.tobytes() for row in signature}


@pytest.mark.parametrize("samples", [1000, 10_000])
def test_ten_latents_are_peeled_in_a_causal_order_by_their_targets(samples: int) -> None:
    """A dense graph of ten latents, one hard intervention each: on four of four seeds every edge points forward."""
    for seed in range(4):
        reference = generate(
            seed, latents=10, observed=10, samples=samples, targets={f"e{k}": (k,) for k in range(10)},
            variance_factor=0.25,
        )  # fmt: skip
        order, rows = peel_targets(GaussianSinks.of(list(reference.x.values()), hard=True), 10)
        place = np.argsort(order)
        assert all(place[j] < place[i] for j, i in np.argwhere(reference.adjacency))
        latents = reference.x["obs"] @ rows.T
        assert np.abs(np.corrcoef(latents.T, reference.z["obs"][:, order].T)).diagonal(10).min() > 0.9
