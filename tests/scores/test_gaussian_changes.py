"""Derivatives of Gaussian facts and of the rows that come from them, against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crlspec.inference.order.peeling import image_rows, rows_in_order, unmix
from crlspec.inference.order.peeling_changes import image_rows_changes, rows_in_order_changes, unmix_changes
from crlspec.scores.gaussian_changes import GaussianChanges, gathered, sampling_errors
from crlspec.scores.gaussian_facts import GaussianFacts

ORDER = (2, 0, 3, 1)
STEP = 1e-6


def facts() -> GaussianFacts:
    """Four latents, mixed, with a hard intervention on each."""
    rng = np.random.default_rng(0)
    weights = np.tril(rng.normal(size=(4, 4)), -1)[np.argsort(ORDER)][:, np.argsort(ORDER)]
    means, covariances = [np.zeros(4)], []
    for e in range(5):
        kept, sizes = weights.copy(), np.ones(4)
        if e:
            kept[e - 1], sizes[e - 1] = 0, 4.0
            means.append(np.linalg.solve(np.eye(4) - kept, np.eye(4)[e - 1]))
        turn = np.linalg.inv(np.eye(4) - kept)
        covariances.append(turn @ np.diag(sizes) @ turn.T)
    mixing = rng.normal(size=(4, 4))
    return GaussianFacts(np.stack(means) @ mixing.T, mixing @ np.stack(covariances) @ mixing.T, (900,) * 5)


def moved(change: GaussianChanges, size: float) -> list[GaussianFacts]:
    """The facts a small step along each direction."""
    found = []
    for mean, covariance in zip(change.mean, change.covariance, strict=True):
        means, covariances = change.facts.means.copy(), change.facts.covariances.copy()
        means[change.environment] += size * mean
        covariances[change.environment] += size * covariance
        found.append(replace(change.facts, means=means, covariances=covariances))
    return found


def leading(of: GaussianFacts) -> np.ndarray:
    return rows_in_order(of.moments, ORDER)


def clean(of: GaussianFacts) -> np.ndarray:
    return unmix(leading(of), of.covariances[1:], ORDER)


def clean_changes(change: GaussianChanges) -> np.ndarray:
    moments = change.facts.moments
    rows = rows_in_order(moments, ORDER)
    changes = rows_in_order_changes(moments, ORDER, change.moments)
    return unmix_changes(rows, change.facts.covariances[1:], ORDER, changes, change.covariances)


PAIRS: dict[str, tuple[Callable[[GaussianFacts], np.ndarray], Callable[[GaussianChanges], np.ndarray]]] = {
    "slopes": (lambda f: f.slopes, lambda c: c.slopes),
    "shifts": (lambda f: f.shifts, lambda c: c.shifts),
    "moments": (lambda f: f.moments, lambda c: c.moments),
    "image rows": (
        lambda f: image_rows(f.moments),
        lambda c: image_rows_changes(c.facts.moments, c.moments),
    ),
    "rows in order": (leading, lambda c: rows_in_order_changes(c.facts.moments, ORDER, c.moments)),
    "unmixed rows": (clean, clean_changes),
}


@pytest.mark.parametrize("name", PAIRS)
def test_changes_are_derivatives(name: str) -> None:
    """Of rows up to their sign, which an eigenvector does not have."""
    value, derivative = PAIRS[name]
    at = facts()
    here = value(at)
    for change in sampling_errors(at):
        up, down = (np.stack([value(one) for one in moved(change, size)]) for size in (STEP, -STEP))
        if "rows" in name:
            up, down = (found * np.sign((found * here).sum(-1, keepdims=True)) for found in (up, down))
        numerical, found = (up - down) / (2 * STEP), derivative(change)
        np.testing.assert_allclose(found, numerical, rtol=1e-5, atol=1e-8 + 1e-6 * np.abs(numerical).max())


@pytest.mark.parametrize("name", ["covariances", "slopes", "shifts", "moments"])
def test_gathered_changes_are_those_of_their_parts_one_after_another(name: str) -> None:
    parts, several = list(sampling_errors(facts())), list(gathered(sampling_errors(facts()), 30))
    assert [len(one.parts) for one in several] == [2, 2, 1]
    found = np.concatenate([getattr(one, name) for one in several])
    assert np.array_equal(found, np.concatenate([getattr(one, name) for one in parts]))


def test_directions_make_up_the_sampling_covariances() -> None:
    """Of a mean Σ/N, and of entries of a covariance (σ_ik σ_jl + σ_il σ_jk)/N; few directions at a time change
    nothing."""
    at = facts()
    parts = list(sampling_errors(at, at_once=3))
    for e, second in enumerate(at.covariances):
        mine = [one for one in parts if one.environment == e]
        means, entries = (
            np.concatenate([getattr(one, name) for one in mine]) for name in ("mean", "covariance")
        )
        np.testing.assert_allclose(means.T @ means, second / at.counts[e], rtol=1e-10)
        expected = np.einsum("ik,jl->ijkl", second, second) + np.einsum("il,jk->ijkl", second, second)
        np.testing.assert_allclose(
            np.einsum("dij,dkl->ijkl", entries, entries), expected / at.counts[e], rtol=1e-8
        )
