"""Gaussian mixtures side by side: a flexible density of noise, and of which of two each value is drawn from.

Values, responsibilities and the derivative in the value come from one pass, and derivatives in the parameters are
products with them. Autograd would keep, and go back through, three times as many tensors as there are components.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["GaussianMixture", "either"]

LOG_ROOT = 0.5 * math.log(2 * math.pi)


class GaussianMixture(nn.Module):
    """Univariate Gaussian mixtures, one for each entry of ``shape``: a flexible noise density."""

    def __init__(self, shape: tuple[int, ...], components: int = 3) -> None:
        super().__init__()
        start = torch.zeros(*shape, components, dtype=torch.float32)
        spread = (
            torch.linspace(-0.7, 0.4, components, dtype=start.dtype) if components > 1 else start.new_zeros(1)
        )
        self.logits, self.means = nn.Parameter(start), nn.Parameter(start.clone())
        self.log_scales = nn.Parameter(spread.expand_as(start).clone())

    def forward(self, values: Tensor) -> Tensor:
        """Log density in nats of values (*shape, sample); differentiable once."""
        return either(self, self, values, torch.ones_like(values, dtype=torch.bool))


def either(one: GaussianMixture, other: GaussianMixture, values: Tensor, first: Tensor) -> Tensor:
    """Log density in nats of values (*shape, sample), under one mixture where ``first``, else under the other."""
    logits, means, log_scales = (
        torch.stack([getattr(mixture, name) for mixture in (other, one)])
        for name in ("logits", "means", "log_scales")
    )
    weights = functional.log_softmax(logits, -1) - log_scales - LOG_ROOT
    found: Tensor = _LogDensity.apply(values, first, weights, means, torch.exp(-log_scales))
    return found


class _LogDensity(torch.autograd.Function):
    """values (*shape, sample); first, likewise; weights, means, 1 / scales (2, *shape, component)."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, first: Tensor, weights: Tensor, means: Tensor, inverse: Tensor
    ) -> Tensor:
        second = first[..., None, :]

        def of_each(parameters: Tensor) -> Tensor:
            return torch.where(second, parameters[1, ..., None], parameters[0, ..., None])

        own = of_each(inverse)
        away = of_each(means).neg_().add_(values[..., None, :]).mul_(own)
        share = of_each(weights).addcmul_(away, away, value=-0.5)
        top = share.amax(-2, keepdim=True)
        total = share.sub_(top).exp_().sum(-2, keepdim=True)
        share.div_(total)
        ctx.save_for_backward(first, share, away, inverse, own.mul_(away).mul_(share).sum(-2))
        return total.log_().add_(top).squeeze(-2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_density: Tensor) -> tuple[Tensor | None, ...]:
        first, share, away, inverse, slope = ctx.saved_tensors
        (gradient,) = of_density
        of_values = -gradient * slope
        if not ctx.needs_input_grad[2]:
            return of_values, None, None, None, None
        chosen = torch.stack([~first, first], -1).to(gradient)
        of_weights = share * gradient[..., None, :]
        sums, moved = [], of_weights
        for _ in range(3):
            sums.append((moved @ chosen).movedim(-1, 0))
            moved = moved * away
        return of_values, None, sums[0], sums[1] * inverse, -sums[2] / inverse
