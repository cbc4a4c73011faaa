"""Orders by likelihood: a reversed start is put right, and moves reach every order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from crlspec.inference.likelihood.order_search import _near, order_by_likelihood
from crlspec.numerics.sample import Sample
from crlspec.progress import silent


def chain(seed: int, samples: int = 1500) -> list[np.ndarray]:
    """0 → 1 → 2 by smooth mechanisms, observed and with each latent cut off and shrunk in turn."""
    rng = np.random.default_rng(seed)
    environments = []
    for target in (None, 0, 1, 2):
        z = rng.normal(size=(samples, 3))
        for k in range(3):
            if k == target:
                z[:, k] *= 0.5
            elif k:
                z[:, k] += 2 * np.sqrt(1 + z[:, k - 1] ** 2)
        environments.append(z - z.mean(0))
    return environments


@pytest.mark.parametrize("start", [(2, 1, 0), pytest.param((1, 2, 0), marks=pytest.mark.slow)])
def test_a_wrong_start_is_put_right(start: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    training, held_out = Sample.split(chain(1), generator)
    targeted = np.concatenate([np.zeros((3, 1), dtype=bool), np.eye(3, dtype=bool)], 1)
    found = order_by_likelihood(
        [start], lambda order: np.eye(3)[list(order)], targeted, training, held_out, generator, silent
    )
    assert found.order == (0, 1, 2) and found.model.shape == (1, 3) and 2 <= found.tried <= 6
    assert found.order not in found.rivals and all(np.isfinite(z) for z in found.rivals.values())


@pytest.mark.parametrize("latents", [1, 2, 4])
def test_moves_are_orders_and_reach_all_of_them(latents: int) -> None:
    everything = set(itertools.permutations(range(latents)))
    reached, fresh = set(), {tuple(range(latents))}
    while fresh:
        reached |= fresh
        near = {moved for order in fresh for moved in _near(order)}
        assert near <= everything and not near & {tuple(range(latents))} - reached
        fresh = near - reached
    assert reached == everything
