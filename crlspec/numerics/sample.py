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
        """(training, held out), each shuffled, with every environment in both, in its own proportion.

        held_out  share of each environment, of which either part keeps one row at least

        Raises ValueError where an environment has a single row.
        """
        if alone := [e for e, values in enumerate(samples) if len(values) < 2]:
            raise ValueError(f"environments {alone} have fewer than two samples, and two parts need one each")
        y = torch.as_tensor(np.concatenate(samples), dtype=torch.float32)
        counts = torch.tensor([len(s) for s in samples])
        environment = torch.repeat_interleave(torch.arange(len(samples)), counts)
        order = torch.randperm(len(y), generator=generator)
        held = torch.zeros(len(y), dtype=torch.bool)
        for e, count in enumerate(counts.tolist()):
            places = torch.nonzero(environment[order] == e).flatten()
            held[places[: min(max(1, int(held_out * count)), count - 1)]] = True
        parts = order[~held], order[held]
        return cls(y[parts[0]], environment[parts[0]]), cls(y[parts[1]], environment[parts[1]])

    def __len__(self) -> int:
        return len(self.y)

    def __add__(self, other: Sample) -> Sample:
        return Sample(torch.cat([self.y, other.y]), torch.cat([self.environment, other.environment]))

    def __getitem__(self, index: Tensor) -> Sample:
        return Sample(self.y[index], self.environment[index])

    def to(self, device: str) -> Sample:
        """The same on another device."""
        return Sample(self.y.to(device), self.environment.to(device))
