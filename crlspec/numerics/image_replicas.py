"""Small convolutional networks side by side, one a replica: all of them see the same images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from crlspec.numerics.image_network import CHANNELS, HIDDEN, SIDE

__all__ = ["ImageReplicas"]


class ImageReplicas(nn.Module):
    """f(image) = W₂ a(W₁ a(c₄ … a(c₁ (image − level) / spread)) + b₁) with SiLU a, c strided convolutions, W₂ = 0 at
    the start; one network a replica, their convolutions grouped.

    Parameters are float32, drawn where the generator is; ``to`` moves them.

    shape          (channel, row, column) of an image
    outputs        how many numbers each gives
    level, spread  (channel,) of the brightness
    """

    level: Tensor
    spread: Tensor

    def __init__(
        self,
        replicas: int,
        shape: tuple[int, int, int],
        outputs: int,
        level: Tensor,
        spread: Tensor,
        generator: torch.Generator,
    ) -> None:
        super().__init__()

        def draw(gain: float, *size: int) -> nn.Parameter:
            start = torch.randn(*size, generator=generator, device=generator.device, dtype=torch.float32)
            return nn.Parameter(gain * start)

        self.replicas, self.shape = replicas, shape
        self.register_buffer("level", level.float().reshape(-1, 1, 1))
        self.register_buffer("spread", spread.float().reshape(-1, 1, 1))
        inputs = (shape[0], *CHANNELS[:-1])
        self.kernels = nn.ParameterList(
            draw(math.sqrt(2 / (9 * into)), replicas * out, into, 3, 3) for into, out in zip(inputs, CHANNELS)
        )
        self.shifts = nn.ParameterList(nn.Parameter(kernel.new_zeros(len(kernel))) for kernel in self.kernels)
        rows, width = shape[1:]
        for _ in CHANNELS:
            rows, width = -(-rows // 2), -(-width // 2)
        self.side = (min(rows, SIDE), min(width, SIDE))
        features = CHANNELS[-1] * math.prod(self.side)
        self.first = draw(math.sqrt(2 / features), replicas, features, HIDDEN)
        self.bias = nn.Parameter(self.first.new_zeros(replicas, 1, HIDDEN))
        self.second = nn.Parameter(self.first.new_zeros(replicas, HIDDEN, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """(sample, channel, row, column) from 0 to 1 → (replica, sample, output)."""
        return self._seen(images, self.replicas, list(self.kernels), list(self.shifts), slice(None))

    def of(self, images: Tensor, replica: int) -> Tensor:
        """One replica alone: (sample, channel, row, column) → (sample, output)."""
        kernels = [kernel.chunk(self.replicas)[replica] for kernel in self.kernels]
        shifts = [shift.chunk(self.replicas)[replica] for shift in self.shifts]
        return self._seen(images, 1, kernels, shifts, slice(replica, replica + 1))[0]

    def _seen(
        self, images: Tensor, replicas: int, kernels: list[Tensor], shifts: list[Tensor], which: slice
    ) -> Tensor:
        seen = (images - self.level) / self.spread
        for k, (kernel, shift) in enumerate(zip(kernels, shifts, strict=True)):
            groups = replicas if k else 1  # the first layer of all sees the one image
            seen = functional.silu(functional.conv2d(seen, kernel, shift, stride=2, padding=1, groups=groups))
        if seen.shape[2:] != self.side:
            seen = functional.adaptive_avg_pool2d(seen, self.side)
        flat = seen.reshape(len(images), replicas, -1).transpose(0, 1)
        hidden = functional.silu(torch.baddbmm(self.bias[which], flat, self.first[which]))
        return torch.bmm(hidden, self.second[which])

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weights alone."""
        weights = [*self.kernels, self.first, self.second]
        return [
            {"params": weights, "weight_decay": decay},
            {"params": [*self.shifts, self.bias], "weight_decay": 0.0},
        ]
