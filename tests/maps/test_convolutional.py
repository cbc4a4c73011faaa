"""Convolutional networks as plain numbers: what torch computes, number for number, in batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crlspec.inference.encoders.pictures import eyes_of
from crlspec.maps import convolutional
from crlspec.numerics.image_replicas import ImageReplicas


def replicas(shape: tuple[int, int, int]) -> ImageReplicas:
    generator = torch.Generator().manual_seed(0)
    level, spread = torch.linspace(0.1, 0.3, shape[0]), torch.linspace(0.4, 0.6, shape[0])
    made = ImageReplicas(2, shape, 3, level, spread, generator)
    with torch.no_grad():
        made.second.normal_(generator=generator)
    return made


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 17, 20), (2, 100, 70), (1, 3, 5)])
def test_numbers_are_those_of_torch(shape):
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    network = replicas(shape)
    with torch.no_grad():
        wanted = network(torch.as_tensor(images).float() / 255).numpy()
    for k in range(2):
        found = eyes_of(network, k)
        assert found.outputs == 3
        np.testing.assert_allclose(found(images), wanted[k], atol=1e-4)
        np.testing.assert_allclose(found.rows([2, 0])(images), wanted[k][:, [2, 0]], atol=1e-4)


def test_batches_change_nothing(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (7, 1, 9, 9), dtype=np.uint8)
    found = eyes_of(replicas((1, 9, 9)), 0)
    whole = found(images)
    monkeypatch.setattr(convolutional, "NUMBERS", 2 * 81)
    np.testing.assert_allclose(found(images), whole, atol=1e-6)
    np.testing.assert_allclose(found(images.astype(np.float32) / 255), whole, atol=1e-5)


def test_arrays_that_do_not_fit_are_refused():
    found = eyes_of(replicas((1, 9, 9)), 0)
    with pytest.raises(ValueError, match="do not lead from images"):
        replace(found, first=found.first[:, :-1])
