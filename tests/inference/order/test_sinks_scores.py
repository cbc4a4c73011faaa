"""Sinks by score differences that are exact: the signature's row is found, among few environments or many."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from crlspec.inference.order.known_signature import in_known_signature
from crlspec.inference.order.sinks_scores import ScoreSinks, _Fits, _searched
from crlspec.inference.order.told import Allowed
from crlspec.numerics.linalg import ColumnSpace
from crlspec.progress import silent
from crlspec.scores.base import Coordinates, ScoreEstimate
from crlspec.scores.gaussian import GaussianScores

N = 4


def chain(seed: int, environments: int, samples: int = 2000) -> tuple[Coordinates, ScoreEstimate, np.ndarray]:
    """z0 → z1 → … with sines, hard interventions by a random signature (latent, environment) of full rank: exact
    score differences in mixed coordinates."""
    rng = np.random.default_rng(seed)
    signature = rng.random((N, environments)) < 0.5
    while np.linalg.matrix_rank(signature.astype(float)) < N or len(np.unique(signature, axis=0)) < N:
        signature = rng.random((N, environments)) < 0.5
    noise, z = rng.normal(size=(samples, N)), np.zeros((samples, N))
    changes = np.zeros((N, samples, N))
    for k in range(N):
        before = z[:, k - 1] if k else np.zeros(samples)
        z[:, k] = 2 * np.sin(before) * (k > 0) + noise[:, k]
        changes[k, :, k] = -noise[:, k] + z[:, k] / 0.25
        if k:
            changes[k, :, k - 1] = noise[:, k] * 2 * np.cos(before)
    mixing = rng.normal(size=(N, N)) + 2 * np.eye(N)
    values = np.einsum("ke,ksi->esi", signature, changes) @ np.linalg.inv(mixing)
    moments = np.einsum("esi,esj->eij", values, values) / samples
    y = z @ mixing.T
    names = tuple(f"e{k}" for k in range(environments))
    space = ColumnSpace.fit([y], N)
    coordinates = Coordinates(names, y, {name: rng.normal(size=(50, N)) for name in names}, space, y, "obs")
    return coordinates, ScoreEstimate(values, moments, exact=True), signature


def sinks(coordinates: Coordinates, estimate: ScoreEstimate) -> ScoreSinks:
    return ScoreSinks(coordinates, estimate, GaussianScores(), True, 0, silent)


@pytest.mark.parametrize("environments", [4, 12, 13, 24])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_sink_is_found_in_bounded_memory(seed: int, environments: int) -> None:
    coordinates, estimate, signature = chain(seed, environments)
    tracemalloc.start()
    best = sinks(coordinates, estimate)(np.eye(N), None, 5)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (best.targets == signature[N - 1]).all()
    np.testing.assert_allclose(best.strengths, signature[N - 1], atol=1e-6)
    assert peak < 400e6


@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_what_trying_every_row_finds(seed: int) -> None:
    _, estimate, _ = chain(seed, 14)
    moments = np.einsum("asi,bsj->abij", estimate.values, estimate.values) / estimate.values.shape[1]
    moments = (moments + moments.transpose(1, 0, 3, 2)) / 2
    found, every = _searched(moments).top(1), _Fits.of(moments, Allowed.anything(14).rows()).top(1)
    assert (found.rows == every.rows).all() and found.costs == pytest.approx(every.costs, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_known_signature_and_exact_scores_give_order_and_strengths(seed: int) -> None:
    _, estimate, signature = chain(seed, 6)
    found = in_known_signature(estimate, signature)
    assert (found.signature == signature).all()  # the chain's only causal order
    np.testing.assert_allclose(found.strengths, signature, atol=1e-6)
