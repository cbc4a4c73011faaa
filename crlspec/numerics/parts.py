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
    """training: (row, component), the environments one after another; sizes: how many rows each has; held_out:
    (environment, sample, component), equally many of each, at most 1000. All on the device where they are used."""

    training: Tensor
    sizes: tuple[int, ...]
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
        checks = _drawn(torch.cat(held), [len(values) for values in held], size, generator, HERE)
        training = torch.cat([values[cut:] for values, cut in zip(y, cuts)])
        sizes = tuple(len(values) - cut for values, cut in zip(y, cuts))
        return cls(training.to(context.device), sizes, checks.to(context.device))

    @property
    def checks(self) -> tuple[Tensor]:
        """What is held out, as :meth:`batch` gives it."""
        return (self.held_out,)

    def batch(self, size: int, generator: torch.Generator, context: TrainingContext = HERE) -> tuple[Tensor]:
        """:meth:`draw` as the arguments of a loss."""
        return (self.draw(size, generator, context),)

    def draw(self, size: int, generator: torch.Generator, context: TrainingContext = HERE) -> Tensor:
        """(environment, size, component): random rows of every environment, of these the part of this process. The
        generator is of the device of the rows."""
        return _drawn(self.training, self.sizes, size, generator, context)


def _drawn(
    rows: Tensor, sizes: Sequence[int], size: int, generator: torch.Generator, context: TrainingContext
) -> Tensor:
    """In one call of the generator where all environments have equally many rows, with the same numbers."""
    place = generator.device
    if len(set(sizes)) == 1:
        drawn = torch.randint(sizes[0], (len(sizes), size), generator=generator, device=place)
        starts = torch.arange(0, len(rows), sizes[0], device=place)
        return rows[context.part(drawn.T).T + starts[:, None]]
    index, start = [], 0
    for count in sizes:
        index.append(start + context.part(torch.randint(count, (size,), generator=generator, device=place)))
        start += count
    return rows[torch.stack(index)]
