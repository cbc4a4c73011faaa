"""Cross-fitting: disjoint halves of a sample, each with a share held out for early stopping or tuning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from crlspec.errors import DataError
from crlspec.scores.base import Coordinates

__all__ = ["Folds", "check_halves", "folds_of"]


def check_halves(coordinates: Coordinates, held_out: float) -> None:
    """Raises DataError unless what is left to train on of every half of an environment spans the components.

    held_out  share of each half that is not trained on; 0 for none
    """
    n = coordinates.observational.shape[1]
    for name, y in zip((coordinates.reference, *coordinates.environments), coordinates.all, strict=True):
        half = len(y) // 2
        left = half - (max(1, int(held_out * half)) if held_out else 0)
        if left <= n:
            raise DataError(
                f"Environment '{name}' has {len(y)} samples. Scores are fitted on halves, which leaves {left} to "
                f"train on. {n} latents need more than {n}.",
                f"Give at least {_fewest(n, held_out)} samples of each environment. Hundreds are needed to learn "
                "from them.",
            )


def _fewest(components: int, held_out: float) -> int:
    """The least number of samples that passes."""
    half = components + 1
    while half - (max(1, int(held_out * half)) if held_out else 0) <= components:
        half += 1
    return 2 * half


@dataclass(frozen=True)
class Folds:
    """Samples of every environment, the reference first, each in two disjoint random halves.

    samples    (sample, component) of each environment
    halves     environment → half → (training, held out)
    generator  that drew them, for what is drawn next
    """

    samples: list[Tensor]
    halves: list[list[tuple[Tensor, Tensor]]]
    generator: torch.Generator

    @property
    def parts(self) -> list[tuple[Tensor, Tensor]]:
        """(training, held out) of all halves, those of an environment next to each other."""
        return [part for both in self.halves for part in both]


def folds_of(
    coordinates: Coordinates, held_out: float, seed: int, dtype: torch.dtype, device: str = "cpu"
) -> Folds:
    """The folds of all environments. Raises DataError as :func:`check_halves` does."""
    check_halves(coordinates, held_out)
    generator = torch.Generator().manual_seed(seed)
    samples = [torch.as_tensor(y, dtype=dtype).to(device) for y in coordinates.all]
    return Folds(samples, [_halves(y, held_out, generator) for y in samples], generator)


def _halves(y: Tensor, held_out: float, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    """Two disjoint random halves of samples (sample, component), each as (training, held out).

    The odd sample belongs to the second half; each held-out part has at least one sample.
    """
    shuffled = y[torch.randperm(len(y), generator=generator)]
    parts = shuffled[: len(y) // 2], shuffled[len(y) // 2 :]
    cuts = [max(1, int(held_out * len(part))) for part in parts]
    return [(part[cut:], part[:cut]) for part, cut in zip(parts, cuts, strict=True)]
