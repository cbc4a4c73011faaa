"""Supervised networks: linear maps are exact, noise is not learned, parts are read in order, seeds decide all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crlspec.numerics.image_network import ImageNetwork
from crlspec.numerics.supervised import Observations, fit_supervised, white_columns


def fitted(observations, targets, rows, seed=0):
    return fit_supervised(observations, targets, rows, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def linear():
    """Columns (row, 8) that are linear in targets (row, 3)."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(600, 3))
    return Observations((), white_columns(z @ rng.normal(size=(3, 8)), np.arange(400))), z


def test_a_linear_map_is_exact_from_twenty_rows_on(linear):
    observations, z = linear
    assert observations.columns.shape == (600, 3), "components that are rounding are left out"
    found = fitted(observations, z, np.arange(20))(observations, np.arange(400, 600))
    np.testing.assert_allclose(found, z[400:], atol=0.02)


def test_a_bent_map_is_learned_and_noise_is_not():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 4))
    z = np.stack([np.tanh(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2, rng.normal(size=3000)], axis=1)
    observations = Observations((), white_columns(x, np.arange(2500)))
    found = fitted(observations, z, np.arange(2500))(observations, np.arange(2500, 3000))
    r2 = 1 - ((found - z[2500:]) ** 2).mean(axis=0) / z[2500:].var(axis=0)
    assert r2[0] > 0.98
    assert -0.05 < r2[1] < 0.05


def test_the_same_seed_is_the_same_network(linear):
    observations, z = linear
    rows = np.arange(30)
    one, same, other = (fitted(observations, z, rows, seed)(observations, rows) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_images_are_read_part_by_part_in_the_order_asked_for():
    rng = np.random.default_rng(2)
    parts = tuple(rng.integers(0, 256, (count, 1, 4, 5)).astype(np.uint8) for count in (3, 1, 6))
    observations = Observations(parts, np.zeros((10, 0), dtype=np.float32))
    rows = np.array([9, 3, 0, 4, 3])
    np.testing.assert_allclose(observations.images_at(rows), np.concatenate(parts)[rows] / 255, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 32, 20), (2, 100, 100)])
def test_images_of_any_size_and_columns_beside_them(shape):
    generator = torch.Generator().manual_seed(0)
    network = ImageNetwork(shape, 2, 5, generator)
    images, columns = torch.rand(7, *shape, generator=generator), torch.rand(7, 2, generator=generator)
    found = network(images, columns)
    assert found.shape == (7, 5)
    found.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert not torch.equal(found, network(images, columns + 1))
    counted = sum(len(group["params"]) for group in network.groups(0.1))
    assert counted == len(list(network.parameters()))
