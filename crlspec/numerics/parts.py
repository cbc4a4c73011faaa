"""What a classifier of environments is trained on and what is held out, environment by environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.numerics.checkpoints import HERE, TrainingContext

__all__ = ["Parts"]

CHECKED = 1000


@dataclass(frozen=True)
class Parts:
    """training: (sample, component) of every environment; held_out: (environment, sample, component), equally many
    of each, at most 1000."""

    training: list[Tensor]
    held_out: Tensor

    @classmethod
    def split(
        cls,
        samples: Sequence[np.ndarray],
        generator: torch.Generator,
        share: float = 0.1,
        context: TrainingContext = HERE,
    ) -> Parts:
        """A random share of each environment (sample, component) is held out."""
        y = [torch.as_tensor(values, dtype=torch.float32) for values in samples]
        y = [values[torch.randperm(len(values), generator=generator)] for values in y]
        cuts = [max(1, int(share * len(values))) for values in y]
        held = [values[:cut] for values, cut in zip(y, cuts)]
        size = min(CHECKED, max(len(values) for values in held))
        checks = _drawn(held, size, generator, HERE)
        return cls([values[cut:] for values, cut in zip(y, cuts)], checks.to(context.device))

    @property
    def checks(self) -> tuple[Tensor]:
        """What is held out, as :meth:`batch` gives it."""
        return (self.held_out,)

    def batch(self, size: int, generator: torch.Generator, context: TrainingContext = HERE) -> tuple[Tensor]:
        """:meth:`draw` as the arguments of a loss."""
        return (self.draw(size, generator, context),)

    def draw(self, size: int, generator: torch.Generator, context: TrainingContext = HERE) -> Tensor:
        """(environment, size, component): random rows of every environment, of these the part of this process."""
        return _drawn(self.training, size, generator, context).to(context.device)


def _drawn(
    samples: Sequence[Tensor], size: int, generator: torch.Generator, context: TrainingContext
) -> Tensor:
    return torch.stack(
        [y[context.part(torch.randint(len(y), (size,), generator=generator))] for y in samples]
    )
