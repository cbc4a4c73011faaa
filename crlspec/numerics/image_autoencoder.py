"""A small convolutional autoencoder: images to a few numbers and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ImageAutoencoder"]

CHANNELS = (16, 32, 64, 64)
"""Of the convolutions, each 3 × 3 with stride 2, and backwards of those that enlarge."""


class ImageAutoencoder(nn.Module):
    """What :class:`crlspec.maps.convolutional_code.ConvolutionalCode` says, less the mean image.

    Parameters are float32, drawn where the generator is; ``to`` moves them.

    shape    (channel, row, column) of an image
    outputs  how many numbers the code has
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, generator: torch.Generator) -> None:
        super().__init__()

        def draw(gain: float, *size: int) -> nn.Parameter:
            scale = gain / math.sqrt(math.prod(size[1:]))
            start = torch.randn(*size, generator=generator, device=generator.device, dtype=torch.float32)
            return nn.Parameter(scale * start)

        def zeros(count: int) -> nn.Parameter:
            return nn.Parameter(self.dense.new_zeros(count))

        before = (shape[0], *CHANNELS[:-1])
        self.sides = [shape]
        for count in CHANNELS:
            _, rows, columns = self.sides[-1]
            self.sides.append((count, -(-rows // 2), -(-columns // 2)))
        flat = math.prod(self.sides[-1])
        gain = math.sqrt(2.0)
        self.dense, self.opening = draw(1.0, outputs, flat), draw(gain, flat, outputs)
        self.bias, self.level = zeros(outputs), zeros(flat)
        self.kernels = nn.ParameterList(draw(gain, out, into, 3, 3) for into, out in zip(before, CHANNELS))
        self.shifts = nn.ParameterList(zeros(count) for count in CHANNELS)
        backwards = list(zip(CHANNELS[::-1], before[::-1]))
        self.enlarging = nn.ParameterList(
            draw(gain if k < len(backwards) - 1 else 0.1, out, into, 3, 3)
            for k, (into, out) in enumerate(backwards)
        )
        self.levels = nn.ParameterList(zeros(out) for _, out in backwards)

    def encode(self, images: Tensor) -> Tensor:
        """Images less their mean (sample, channel, row, column) → (sample, component)."""
        seen = images
        for kernel, shift in zip(self.kernels, self.shifts, strict=True):
            seen = functional.silu(functional.conv2d(seen, kernel, shift, stride=2, padding=1))
        return functional.linear(seen.flatten(1), self.dense, self.bias)

    def decode(self, code: Tensor) -> Tensor:
        """(sample, component) → images less their mean (sample, channel, row, column)."""
        maps = functional.silu(functional.linear(code, self.opening, self.level)).unflatten(1, self.sides[-1])
        sides = self.sides[-2::-1]
        for k, (_, rows, columns) in enumerate(sides):
            large = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :rows, :columns]
            maps = functional.conv2d(large, self.enlarging[k], self.levels[k], padding=1)
            maps = maps if k == len(sides) - 1 else functional.silu(maps)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Images less their mean as they come back."""
        return self.decode(self.encode(images))

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weights alone."""
        weights = [*self.kernels, *self.enlarging, self.dense, self.opening]
        others = [*self.shifts, *self.levels, self.bias, self.level]
        return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
