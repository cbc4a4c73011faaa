"""Structural functions f(parents), one class a family; each is built from its resolved declaration."""

from collections.abc import Sequence

import torch
from torch import nn

from crlspec.generative.scm import Function
from crlspec.models import declarations
from crlspec.models.draws import require_resolved
from crlspec.typing import Node, Parents, Tensor

Device = torch.device | str

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "silu": nn.functional.silu}


class Linear(Function):
    """f(pa) = Σ_j w_j pa_j."""

    weight: Tensor

    def __init__(
        self,
        declaration: declarations.LinearMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__()
        require_resolved(declaration)
        weight = declaration.weight
        numbers = [weight[parent] for parent in parents]
        self.register_buffer("weight", torch.tensor(numbers, dtype=dtype, device=device))

    def forward(self, parents: Parents) -> Node:
        # Not parents @ weight: this way the gradient comes out with each parent contiguous in memory.
        return torch.tensordot(self.weight, parents, dims=([0], [-1]))


class Quadratic(Function):
    """f(pa) = c √(paᵀ A pa). Positive homogeneous, with a kink at 0, where its gradient is set to 0."""

    matrix: Tensor

    def __init__(
        self,
        declaration: declarations.QuadraticMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__()
        require_resolved(declaration)
        index = positions(declaration.parents, parents)
        matrix = torch.tensor(declaration.matrix, dtype=dtype, device=device)
        self.register_buffer("matrix", matrix.reshape(len(index), len(index))[index][:, index])
        self.factor = declaration.factor

    def forward(self, parents: Parents) -> Node:
        form = ((parents @ self.matrix) * parents).sum(-1)
        return self.factor * form.clamp_min(torch.finfo(form.dtype).tiny).sqrt()


class Mlp(Function):
    """f(pa) = c (w₂ᵀ σ(W₁ pa + b₁) + b₂)."""

    inner: Tensor
    bias: Tensor
    outer: Tensor

    def __init__(
        self,
        declaration: declarations.MlpMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__()
        require_resolved(declaration)
        index = positions(declaration.parents, parents)
        inner = torch.tensor(declaration.inner, dtype=dtype, device=device)
        self.register_buffer("inner", inner.reshape(declaration.hidden, len(index))[:, index])
        self.register_buffer("bias", torch.tensor(declaration.bias, dtype=dtype, device=device))
        self.register_buffer("outer", torch.tensor(declaration.outer, dtype=dtype, device=device))
        self.offset = declaration.offset
        self.factor = declaration.factor
        self.activation = declaration.activation

    def forward(self, parents: Parents) -> Node:
        hidden = ACTIVATIONS[self.activation](parents @ self.inner.mT + self.bias)
        return self.factor * (hidden @ self.outer + self.offset)


class Sine(Function):
    """f(pa) = Σ_j a_j sin(ω_j pa_j + φ_j)."""

    amplitude: Tensor
    frequency: Tensor
    phase: Tensor

    def __init__(
        self,
        declaration: declarations.SineMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__()
        require_resolved(declaration)
        for name in ("amplitude", "frequency", "phase"):
            values = getattr(declaration, name)
            numbers = [values[parent] for parent in parents]
            self.register_buffer(name, torch.tensor(numbers, dtype=dtype, device=device))

    def forward(self, parents: Parents) -> Node:
        return torch.sin(parents * self.frequency + self.phase) @ self.amplitude


def positions(held: Sequence[str], wanted: tuple[str, ...]) -> list[int]:
    """Where the ``wanted`` parents stand among those whose numbers a declaration holds."""
    return [list(held).index(parent) for parent in wanted]
