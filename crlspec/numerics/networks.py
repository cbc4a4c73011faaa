"""Many small smooth networks as one batched module: one ``bmm`` a layer instead of a Python loop."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BatchedNetwork", "GaussianMixture"]


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
        hidden = self.hidden(inputs)
        value = (torch.bmm(hidden, self.third) + torch.bmm(inputs, self.linear) + self.constant).squeeze(-1)
        if self.quadratic is not None:
            value = value + (torch.bmm(inputs, self.quadratic) * inputs).sum(-1)
        return value

    def hidden(self, inputs: Tensor) -> Tensor:
        """What the last layer sees: (batch, sample, input) → (batch, sample, unit)."""
        hidden = functional.silu(torch.baddbmm(self.bias_first, inputs, self.first))
        return functional.silu(torch.baddbmm(self.bias_second, hidden, self.second))

    def some(self, index: Tensor, inputs: Tensor, linear: bool = True) -> Tensor:
        """The networks at an index alone: inputs (some, sample, input) → (some, sample), without the quadratic skip.

        linear  whether the linear skip counts
        """
        third, constant, skip = (p.index_select(0, index) for p in (self.third, self.constant, self.linear))
        value = (self.some_hidden(index, inputs) * third.transpose(1, 2)).sum(-1) + constant[..., 0]
        return value + (inputs * skip.transpose(1, 2)).sum(-1) if linear else value

    def some_hidden(self, index: Tensor, inputs: Tensor) -> Tensor:
        """What the last layer of the networks at an index sees: (some, sample, input) → (some, sample, unit)."""
        parameters = self.first, self.bias_first, self.second, self.bias_second
        first, bias_first, second, bias_second = (p.index_select(0, index) for p in parameters)
        hidden = functional.silu(torch.baddbmm(bias_first, inputs, first))
        return functional.silu(torch.baddbmm(bias_second, hidden, second))

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW: weight decay on the weight matrices of the hidden layers alone."""
        weights = [self.first, self.second, self.third]
        others = [p for p in self.parameters() if all(p is not w for w in weights)]
        return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


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
        """Log density in nats of values (*shape, sample)."""
        means, log_scales, logits = (  # components first: sums over few last entries are slow
            p.movedim(-1, 0)[..., None] for p in (self.means, self.log_scales, self.logits)
        )
        weights = functional.log_softmax(logits, 0) - log_scales - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(weights - 0.5 * ((values - means) * torch.exp(-log_scales)) ** 2, 0)
