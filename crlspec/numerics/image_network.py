"""A small convolutional network from images, and columns beside them, to numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ImageNetwork"]

CHANNELS = (16, 32, 64, 64)
"""Of the four convolutions, each 3 × 3 with stride 2."""

SIDE = 4
"""Places a side, at most, that are left of an image: larger maps are averaged down."""

HIDDEN = 128


class ImageNetwork(nn.Module):
    """f(image, column) = W₂ a(W₁ (a(c₄ … a(c₁ image)), column) + b₁) + b₂ with SiLU a, c strided convolutions.

    Parameters are float32, drawn where the generator is; ``to`` moves them.

    shape    (channel, row, column) of an image
    columns  how many numbers stand beside it
    outputs  how many numbers it gives
    """

    def __init__(
        self, shape: tuple[int, int, int], columns: int, outputs: int, generator: torch.Generator
    ) -> None:
        super().__init__()

        def draw(*size: int) -> nn.Parameter:
            gain = math.sqrt(2.0 / math.prod(size[1:]))
            start = torch.randn(*size, generator=generator, device=generator.device, dtype=torch.float32)
            return nn.Parameter(gain * start)

        inputs = (shape[0], *CHANNELS[:-1])
        self.kernels = nn.ParameterList(draw(out, into, 3, 3) for into, out in zip(inputs, CHANNELS))
        self.shifts = nn.ParameterList(nn.Parameter(kernel.new_zeros(len(kernel))) for kernel in self.kernels)
        rows, width = shape[1:]
        for _ in CHANNELS:
            rows, width = -(-rows // 2), -(-width // 2)
        self.side = (min(rows, SIDE), min(width, SIDE))
        self.first = draw(HIDDEN, CHANNELS[-1] * math.prod(self.side) + columns)
        self.second = nn.Parameter(0.1 * draw(outputs, HIDDEN).detach())
        self.bias_first = nn.Parameter(self.first.new_zeros(HIDDEN))
        self.bias_second = nn.Parameter(self.first.new_zeros(outputs))

    def forward(self, images: Tensor, columns: Tensor) -> Tensor:
        """(sample, channel, row, column) and (sample, number) → (sample, output)."""
        seen = images
        for kernel, shift in zip(self.kernels, self.shifts, strict=True):
            seen = functional.silu(functional.conv2d(seen, kernel, shift, stride=2, padding=1))
        if seen.shape[2:] != self.side:
            seen = functional.adaptive_avg_pool2d(seen, self.side)
        together = torch.cat([seen.flatten(1), columns], dim=1)
        hidden = functional.silu(functional.linear(together, self.first, self.bias_first))
        return functional.linear(hidden, self.second, self.bias_second)

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weights alone."""
        weights = [*self.kernels, self.first, self.second]
        shifts = [*self.shifts, self.bias_first, self.bias_second]
        return [{"params": weights, "weight_decay": decay}, {"params": shifts, "weight_decay": 0.0}]
