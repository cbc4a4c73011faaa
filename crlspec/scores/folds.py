"""Cross-fitting: disjoint halves of a sample, each with a share held out for early stopping or tuning."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["halves"]


def halves(y: Tensor, held_out: float, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    """Two disjoint random halves of samples (sample, component), each as (training, held out).

    The odd sample belongs to the second half; each held-out part has at least one sample.
    """
    shuffled = y[torch.randperm(len(y), generator=generator)]
    parts = shuffled[: len(y) // 2], shuffled[len(y) // 2 :]
    cuts = [max(1, int(held_out * len(part))) for part in parts]
    return [(part[cut:], part[:cut]) for part, cut in zip(parts, cuts, strict=True)]
