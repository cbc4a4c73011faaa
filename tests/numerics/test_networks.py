"""A batch of networks is the same as its networks one by one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from crlspec.numerics.networks import BatchedNetwork


def batched(*, quadratic: bool = False, common: bool = False) -> BatchedNetwork:
    """Four networks of three inputs with all parameters away from zero, in float64."""
    generator = torch.Generator().manual_seed(0)
    network = BatchedNetwork(4, 3, 8, generator, quadratic=quadratic, common=common).double()
    if not common:
        with torch.no_grad():
            for parameter in network.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.add_(0.3 * noise)
    return network


def points(sample: int = 20) -> torch.Tensor:
    return torch.randn(4, sample, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("quadratic", [False, True])
def test_a_batch_equals_its_networks_one_by_one(quadratic: bool) -> None:
    network, x = batched(quadratic=quadratic), points()
    found = network(x)
    assert found.shape == (4, 20)
    for k in range(4):
        hidden = functional.silu(x[k] @ network.first[k] + network.bias_first[k])
        hidden = functional.silu(hidden @ network.second[k] + network.bias_second[k])
        expected = (hidden @ network.third[k] + x[k] @ network.linear[k] + network.constant[k])[:, 0]
        if network.quadratic is not None:
            expected = expected + torch.einsum("si,ij,sj->s", x[k], network.quadratic[k], x[k])
        torch.testing.assert_close(found[k], expected)


def test_networks_do_not_touch_each_other() -> None:
    network, x = batched(), points().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(x)[2].sum(), x)
    assert bool(gradient[2].abs().min() > 0)
    assert not gradient[[0, 1, 3]].any()


def test_common_networks_start_alike_and_the_generator_alone_decides() -> None:
    network, x = batched(common=True), points()[:1].expand(4, -1, -1)
    values = network(x)
    torch.testing.assert_close(values, values[:1].expand(4, -1), rtol=0, atol=0)
    torch.testing.assert_close(batched(common=True)(x), values, rtol=0, atol=0)


def test_weight_decay_falls_on_hidden_weights_alone_and_no_parameter_is_lost() -> None:
    network = batched(quadratic=True)
    hidden, others = network.groups(0.1)
    assert (hidden["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    grouped = [*hidden["params"], *others["params"]]  # type: ignore[misc]
    assert {id(p) for p in grouped} == {id(p) for p in network.parameters()}
    assert len(grouped) == len(list(network.parameters()))
    assert {id(p) for p in hidden["params"]} == {  # type: ignore[attr-defined]
        id(p) for p in (network.first, network.second, network.third)
    }


@pytest.mark.parametrize("quadratic", [False, True])
def test_what_is_differentiable_once_is_the_same(quadratic: bool) -> None:
    network, x = batched(quadratic=quadratic), points().requires_grad_(True)
    parameters, weights = [x, *network.parameters()], torch.linspace(-1, 1, x.shape[1], dtype=x.dtype)
    one, other = network(x), network.once(x)
    torch.testing.assert_close(one, other)
    found = [torch.autograd.grad((value * weights).sum(), parameters) for value in (one, other)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("index", [[2, 0], []])
def test_some_networks_are_those_of_the_batch(index: list[int]) -> None:
    network, x, some = batched(), points(), torch.tensor(index, dtype=torch.long)
    skips = torch.bmm(x, network.linear)[some, :, 0] + network.constant[some, :, 0]
    torch.testing.assert_close(network.some(some, x[some]) + skips, network(x)[some])
    torch.testing.assert_close(network.some_hidden(some, x[some]), network.hidden(x)[some])
    seen = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], dtype=x.dtype)[: len(some)]
    shown = x[some] * seen[:, None]
    torch.testing.assert_close(network.some(some, x[some], seen), network.some(some, shown))
