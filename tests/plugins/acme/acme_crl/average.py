"""The mechanism ``average``."""

from typing import Any

import torch

from crlspec.generative.scm import Function, as_tensor


class Average(Function):
    """f(pa) = gain · mean(pa), 0 for a root."""

    affine = True

    def __init__(
        self, declaration: Any, parents: tuple[str, ...], dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__()
        self.register_buffer("weight", as_tensor(declaration.gain / max(1, len(parents)), dtype, device))

    def forward(self, parents: torch.Tensor) -> torch.Tensor:
        """(…, parent) → (…)."""
        return self.weight * parents.sum(-1)
