"""Many small smooth networks as one batched module: one ``bmm`` a layer instead of a Python loop."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from crlspec.numerics.layers import two_layers

__all__ = ["BatchedNetwork"]


class BatchedNetwork(nn.Module):
    """``batch`` independent scalar networks: two SiLU layers plus a linear skip, and a quadratic one on request.

    The skips make Gaussian log ratios (quadratic) and linear mechanisms exact. Parameters are float32, on the
    generator's device; ``to`` moves them.

    inputs   number of inputs of each network
    width    hidden units a layer
    common   all networks start from the same weights, so that paired losses differ by their data alone
    """

    def __init__(
        self,
        batch: int,
        inputs: int,
        width: int,
        generator: torch.Generator,
        *,
        quadratic: bool = False,
        common: bool = False,
    ) -> None:
        super().__init__()

        def draw(rows: int, columns: int, gain: float) -> nn.Parameter:
            size = (1 if common else batch, rows, columns)
            start = torch.randn(*size, generator=generator, device=generator.device, dtype=torch.float32)
            return nn.Parameter((gain / math.sqrt(max(rows, 1)) * start).expand(batch, -1, -1).clone())

        def zeros(*shape: int) -> nn.Parameter:
            return nn.Parameter(self.first.new_zeros(batch, *shape))

        self.first, self.second, self.third = (
            draw(inputs, width, 1.0),
            draw(width, width, 1.0),
            draw(width, 1, 0.1),
        )
        self.bias_first, self.bias_second, self.constant = zeros(1, width), zeros(1, width), zeros(1, 1)
        self.linear = zeros(inputs, 1)
        self.quadratic = zeros(inputs, inputs) if quadratic else None

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, sample, input) → (batch, sample)."""
        return torch.bmm(self.hidden(inputs), self.third).squeeze(-1) + self._skips(inputs)

    def once(self, inputs: Tensor) -> Tensor:
        """The same, faster, and differentiable once."""
        layers = self.first, self.bias_first, self.second, self.bias_second, self.third
        return two_layers(inputs, *layers) + self._skips(inputs)

    def _skips(self, inputs: Tensor) -> Tensor:
        value = (torch.bmm(inputs, self.linear) + self.constant).squeeze(-1)
        if self.quadratic is not None:
            value = value + (torch.bmm(inputs, self.quadratic) * inputs).sum(-1)
        return value

    def hidden(self, inputs: Tensor) -> Tensor:
        """What the last layer sees: (batch, sample, input) → (batch, sample, unit)."""
        hidden = functional.silu(torch.baddbmm(self.bias_first, inputs, self.first))
        return functional.silu(torch.baddbmm(self.bias_second, hidden, self.second))

    def some(self, index: Tensor, inputs: Tensor, seen: Tensor | None = None) -> Tensor:
        """The networks at an index alone, without their skips: inputs (some, sample, input) → (some, sample);
        differentiable once.

        seen  (some, input): 0 where an input does not count, else 1
        """
        return two_layers(inputs, *self._layers(index, seen), self.third.index_select(0, index))

    def some_hidden(self, index: Tensor, inputs: Tensor, seen: Tensor | None = None) -> Tensor:
        """What the last layer of the networks at an index sees: (some, sample, input) → (some, sample, unit)."""
        first, bias_first, second, bias_second = self._layers(index, seen)
        hidden = functional.silu(torch.baddbmm(bias_first, inputs, first))
        return functional.silu(torch.baddbmm(bias_second, hidden, second))

    def _layers(self, index: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        parameters = self.first, self.bias_first, self.second, self.bias_second
        first, bias_first, second, bias_second = (p.index_select(0, index) for p in parameters)
        return first if seen is None else first * seen[..., None], bias_first, second, bias_second

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weight matrices of the hidden layers alone."""
        weights = [self.first, self.second, self.third]
        others = [p for p in self.parameters() if all(p is not w for w in weights)]
        return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
