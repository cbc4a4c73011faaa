"""Two SiLU layers and a weighted sum as one differentiable step, whose tensors are few and are written over.

A fresh tensor of some megabytes costs more than what is computed into it: every page of it is first cleared. Autograd
takes a dozen of them for a batch of small networks; six are enough.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["two_layers"]

SILU, OF_SILU = torch.ops.aten.silu.out, torch.ops.aten.silu_backward.grad_input


def two_layers(
    inputs: Tensor, first: Tensor, bias_first: Tensor, second: Tensor, bias_second: Tensor, third: Tensor
) -> Tensor:
    """(network, sample, input) → (network, sample); differentiable once.

    first        (network, input, unit), second (network, unit, unit): weights
    bias_first   (network, 1, unit), as bias_second
    third        (network, unit, 1): weights of the sum
    """
    found: Tensor = _TwoLayers.apply(inputs, first, bias_first, second, bias_second, third)
    return found


class _TwoLayers(torch.autograd.Function):
    """Derivatives in the weights are left out where none of them is asked for."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        inputs, first, bias_first, second, bias_second, third = given
        below = torch.baddbmm(bias_first, inputs, first)
        hidden = torch.empty_like(below)
        SILU(below, out=hidden)
        above = torch.baddbmm(bias_second, hidden, second)
        last = torch.empty_like(above)
        SILU(above, out=last)
        scratch = last * third.transpose(1, 2)
        ctx.save_for_backward(inputs, first, second, third, below, hidden, above, last)
        ctx.scratch = scratch
        return scratch.sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_sum: Tensor) -> tuple[Tensor | None, ...]:
        inputs, first, second, third, below, hidden, above, last = ctx.saved_tensors
        scratch = ctx.scratch
        gradient, weighed = of_sum[0][..., None], any(ctx.needs_input_grad[1:])
        of: list[Tensor | None] = [None] * 6
        if weighed:
            of[5] = torch.mul(last, gradient, out=scratch).sum(1)[..., None]
        torch.mul(third.transpose(1, 2), gradient, out=scratch)
        OF_SILU(scratch, above, grad_input=scratch)
        below_it = torch.bmm(scratch, second.transpose(1, 2))
        if weighed:
            of[3], of[4] = torch.bmm(hidden.transpose(1, 2), scratch), scratch.sum(1, keepdim=True)
        OF_SILU(below_it, below, grad_input=below_it)
        if weighed:
            of[1], of[2] = torch.bmm(inputs.transpose(1, 2), below_it), below_it.sum(1, keepdim=True)
        if ctx.needs_input_grad[0]:
            of[0] = torch.bmm(below_it, first.transpose(1, 2))
        return tuple(of)
