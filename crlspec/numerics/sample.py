"""Samples of all environments in one table, each with the number of its environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Sample"]


@dataclass(frozen=True)
class Sample:
    """Samples of all environments pooled: y (sample, component) float32, environment (sample,) int."""

    y: Tensor
    environment: Tensor

    @classmethod
    def split(
        cls, samples: Sequence[np.ndarray], generator: torch.Generator, held_out: float = 0.1
    ) -> tuple[Sample, Sample]:
        """(training, held out), each environment in its own proportion, shuffled."""
        y = torch.as_tensor(np.concatenate(samples), dtype=torch.float32)
        counts = torch.tensor([len(s) for s in samples])
        environment = torch.repeat_interleave(torch.arange(len(samples)), counts)
        order = torch.randperm(len(y), generator=generator)
        cut = max(1, int(held_out * len(y)))
        held, kept = order[:cut], order[cut:]
        return cls(y[kept], environment[kept]), cls(y[held], environment[held])

    def __len__(self) -> int:
        return len(self.y)

    def __add__(self, other: Sample) -> Sample:
        return Sample(torch.cat([self.y, other.y]), torch.cat([self.environment, other.environment]))

    def __getitem__(self, index: Tensor) -> Sample:
        return Sample(self.y[index], self.environment[index])

    def to(self, device: str) -> Sample:
        """The same on another device."""
        return Sample(self.y.to(device), self.environment.to(device))
