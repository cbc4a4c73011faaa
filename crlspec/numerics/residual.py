"""Networks from vectors to vectors as one batched module: a linear map beside a perceptron that starts at 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ResidualNetwork"]


class ResidualNetwork(nn.Module):
    """f(u) = u S + b + a(a(u W₁ + b₁) W₂ + b₂) W₃ with SiLU a, W₃ = 0 at the start; one network a replica.

    ``depth`` hidden layers, two as above or more.

    start   (replica, input, output): S, where each network begins; with ``width`` 0 nothing else is trained.
            Parameters are float32, on its device
    """

    def __init__(self, start: Tensor, width: int, generator: torch.Generator, depth: int = 2) -> None:
        super().__init__()
        replicas, inputs, outputs = start.shape
        self.skip = nn.Parameter(start.float().contiguous().clone())
        self.bias = nn.Parameter(self.skip.new_zeros(replicas, 1, outputs))
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        if not width:
            return
        for rows in (inputs, *(width,) * (depth - 1)):
            self.weights.append(nn.Parameter(self._drawn(generator, replicas, rows, width) / math.sqrt(rows)))
            self.biases.append(nn.Parameter(0.5 * self._drawn(generator, replicas, 1, width)))
        self.weights.append(nn.Parameter(self.skip.new_zeros(replicas, width, outputs)))

    def _drawn(self, generator: torch.Generator, *shape: int) -> Tensor:
        """Standard normal numbers, drawn where the generator is and put where the network is."""
        drawn = torch.randn(*shape, generator=generator, device=generator.device, dtype=self.skip.dtype)
        return drawn.to(self.skip.device)

    def forward(self, u: Tensor) -> Tensor:
        """(replica, sample, input) → (replica, sample, output)."""
        value = torch.baddbmm(self.bias, u, self.skip)
        if not len(self.weights):
            return value
        hidden = u
        for weight, bias in zip(self.weights, self.biases, strict=False):
            hidden = functional.silu(torch.baddbmm(bias, hidden, weight))
        return value + torch.bmm(hidden, self.weights[-1])

    def with_log_volume(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """f(u), and log|det ∂f/∂u| (replica, sample); for as many outputs as inputs."""
        replicas, samples, inputs = u.shape
        hidden, rows = u, torch.eye(inputs, dtype=u.dtype, device=u.device).expand(replicas, samples, -1, -1)
        for weight, bias in zip(self.weights, self.biases, strict=False):
            before = torch.baddbmm(bias, hidden, weight)
            gate = torch.sigmoid(before)
            hidden, slope = before * gate, gate * (1 + before * (1 - gate))
            rows = _through(rows, weight) * slope[:, :, None, :]  # of the Jacobian's transpose, one an input
        value = torch.baddbmm(self.bias, u, self.skip)
        if not len(self.weights):
            return value, torch.linalg.slogdet(self.skip)[1][:, None].expand(-1, samples)
        jacobian = _through(rows, self.weights[-1]) + self.skip[:, None]
        return value + torch.bmm(hidden, self.weights[-1]), torch.linalg.slogdet(jacobian)[1]

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weights of the perceptron alone."""
        others = [self.skip, self.bias, *self.biases]
        decayed = [{"params": list(self.weights), "weight_decay": decay}] if len(self.weights) else []
        return [*decayed, {"params": others, "weight_decay": 0.0}]


def _through(rows: Tensor, weight: Tensor) -> Tensor:
    """(replica, sample, row, unit) times (replica, unit, next unit)."""
    replicas, samples, count, _ = rows.shape
    return torch.bmm(rows.reshape(replicas, samples * count, -1), weight).reshape(
        replicas, samples, count, -1
    )
