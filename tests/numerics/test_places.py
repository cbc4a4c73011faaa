"""Networks and their training stay on their device and in their dtype, on a device without numbers too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from crlspec.numerics.checkpoints import TrainingContext
from crlspec.numerics.image_replicas import ImageReplicas
from crlspec.numerics.mixtures import GaussianMixture
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.parts import Parts
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, train
from crlspec.testing.places import all_in


def modules() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Name → a fresh module, float32 on the CPU, and the shape of its inputs."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(2, 3, 3, generator=generator, dtype=torch.float32)
    return {
        "batched": (BatchedNetwork(2, 3, 8, generator, quadratic=True), (2, 30, 3)),
        "common": (BatchedNetwork(2, 3, 8, generator, common=True), (2, 30, 3)),
        "residual": (ResidualNetwork(start, 8, generator), (2, 30, 3)),
        "linear": (ResidualNetwork(start, 0, generator), (2, 30, 3)),
        "mixture": (GaussianMixture((2,), 3), (2, 30)),
        "images": (
            ImageReplicas(2, (2, 9, 11), 3, torch.full((2,), 0.4), torch.full((2,), 0.2), generator),
            (5, 2, 9, 11),
        ),
    }


def outputs(module: nn.Module, u: torch.Tensor) -> list[torch.Tensor]:
    found = [module(u)]
    return found if not isinstance(module, ResidualNetwork) else [*found, *module.with_log_volume(u)]


@pytest.mark.parametrize("name", modules())
def test_parameters_are_float32_whatever_the_default(name):
    assert {p.dtype for p in modules()[name][0].parameters()} == {torch.float32}


@pytest.mark.parametrize("name", modules())
def test_networks(name, device, dtype):
    module, shape = modules()[name]
    module = module.to(device=device, dtype=dtype)
    u = torch.linspace(-1, 1, int(np.prod(shape)), dtype=dtype, device=device).reshape(shape)
    with all_in(dtype, device):
        found = outputs(module, u)
        torch.stack([value.sum() for value in found]).sum().backward()
    assert all(p.grad is None or p.grad.dtype == dtype for p in module.parameters())


@pytest.mark.parametrize("name", modules())
def test_networks_without_numbers(name, dtype):
    module, shape = modules()[name]
    expected = [value.shape for value in outputs(module, torch.zeros(shape, dtype=torch.float32))]
    there = module.to(device="meta", dtype=dtype)
    with all_in(dtype, "meta"):
        found = outputs(there, torch.empty(shape, dtype=dtype, device="meta"))
    assert [value.shape for value in found] == expected
    with pytest.raises(AssertionError, match="is on cpu, not meta"), all_in(dtype, "meta"):
        there(torch.zeros(shape, dtype=dtype))


def test_training(device, dtype):
    generator = torch.Generator().manual_seed(0)
    network = BatchedNetwork(3, 1, 8, generator).to(device=device, dtype=dtype)
    x = torch.linspace(-2, 2, 64, dtype=dtype, device=device)[:, None]

    def loss(rows: torch.Tensor) -> torch.Tensor:
        with all_in(dtype, device):
            return ((network(rows.expand(3, -1, -1)) - rows[:, 0] ** 2) ** 2).mean(1)

    found = train(
        network,
        loss,
        lambda g: x[torch.randint(64, (32,), generator=g).to(device)],
        generator,
        Plan(steps=40, rate=1e-2, look=10),
        held_out=lambda: loss(x),
    )
    assert {(p.dtype, p.device.type) for p in network.parameters()} == {(dtype, torch.device(device).type)}
    assert (found.history.shape, found.history.device.type) == ((4, 3), "cpu")
    assert bool((found.losses < found.history[0]).all())
    torch.testing.assert_close(loss(x).detach().double().cpu(), found.losses, rtol=1e-4, atol=1e-5)


def test_parts_are_drawn_on_their_place(device):
    samples = [np.random.default_rng(k).normal(size=(200, 3)) for k in range(2)]
    generator = torch.Generator().manual_seed(0)
    parts = Parts.split(samples, generator, context=TrainingContext(device))
    batch = parts.draw(16, generator, TrainingContext(device))
    for tensor in (batch, parts.held_out):
        assert (tensor.dtype, tensor.device.type) == (torch.float32, torch.device(device).type)
