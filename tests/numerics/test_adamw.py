"""The optimiser: the same numbers as the class of PyTorch that it stands in for, without its compiler."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch

from crlspec.numerics.adamw import AdamW, one_cycle
from crlspec.numerics.networks import BatchedNetwork


@pytest.mark.parametrize("steps", [2, 5, 10, 40])
def test_steps_are_those_of_torch_to_the_last_bit(steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    mine = BatchedNetwork(3, 4, 9, generator)
    theirs = copy.deepcopy(mine)
    groups = [
        [{**group, "lr": 2e-2 / (k + 1)} for k, group in enumerate(net.groups(1e-2))]
        for net in (mine, theirs)
    ]
    optimizer = AdamW(groups[0], 1.0, steps)
    expected = torch.optim.AdamW(groups[1], lr=1.0, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        expected, [2e-2, 1e-2], total_steps=steps, pct_start=0.15 if steps == 10 else 0.1
    )
    for k in range(steps):
        inputs = torch.randn(3, 20, 4, generator=generator)
        for network, one in ((mine, optimizer), (theirs, expected)):
            network.zero_grad()
            (network(inputs) - inputs[..., 0]).square().mean().backward()
            one.step()
        if k < steps - 1:
            schedule.step()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_one_kernel_of_a_gpu_takes_the_same_steps() -> None:
    one, other = (torch.nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2))
    usual, fused = (AdamW([{"params": [p], "weight_decay": 0.1}], 0.1, 8) for p in (one, other))
    usual.groups[0].fused = False
    for _ in range(8):
        for parameter, optimizer in ((one, usual), (other, fused)):
            parameter.grad = 2 * parameter.detach() + 1
            optimizer.step()
    torch.testing.assert_close(one, other)
    assert fused.groups[0].moments[0][2] == 8


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    shares = [one_cycle(step, 100)[0] for step in range(100)]
    assert shares.index(max(shares)) == 9
    assert max(shares) == pytest.approx(1)
    assert shares[-1] < 1e-5


def test_a_parameter_without_a_gradient_stays() -> None:
    one, other = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = AdamW([{"params": [one, other], "weight_decay": 0.5}], 0.1, 4)
    one.sum().backward()
    optimizer.step()
    assert (one < 1).all()
    assert torch.equal(other, torch.ones(2))


def test_a_training_loads_no_compiler() -> None:
    program = (
        "import sys, torch; from crlspec.numerics.adamw import AdamW; p = torch.nn.Parameter(torch.ones(2)); "
        "optimizer = AdamW([{'params': [p]}], 0.1, 4); p.sum().backward(); optimizer.step(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"torch._dynamo", "sympy"} & set(done.stdout.split())
