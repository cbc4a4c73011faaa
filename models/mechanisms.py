"""Structural functions f(parents), one class a family; each is built from its resolved declaration."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from crlspec.generative.scm import Function, as_tensor
from crlspec.models import declarations
from crlspec.models.draws import Matrix, require_resolved
from crlspec.models.location_scale import LocationScaleMechanism
from crlspec.typing import Node, Parents, Tensor

Numbers = float | Sequence[float] | Sequence[Sequence[float]]

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "silu": nn.functional.silu}


class Numbered(Function):
    """A function whose only state are the numbers of its declaration: buffers, in one dtype on one device."""

    def __init__(
        self, declaration: Any, parents: tuple[str, ...], dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__()
        require_resolved(declaration)
        for name, numbers in self.numbers(declaration, parents).items():
            self.register_buffer(name, as_tensor(numbers, dtype, device))

    @staticmethod
    @abc.abstractmethod
    def numbers(declaration: Any, parents: tuple[str, ...]) -> Mapping[str, Numbers]:
        """Buffer → its numbers, those of the parents in the order of ``parents``."""


class Linear(Numbered):
    """f(pa) = Σ_j w_j pa_j."""

    affine = True
    weight: Tensor

    @staticmethod
    def numbers(declaration: declarations.LinearMechanism, parents: tuple[str, ...]) -> Mapping[str, Numbers]:
        return {"weight": [declaration.weight[parent] for parent in parents]}

    def forward(self, parents: Parents) -> Node:
        if self.weight.dim() > 1:
            return (parents * self.weight).sum(-1)
        # Not parents @ weight: this way the gradient comes out with each parent contiguous in memory.
        return torch.tensordot(self.weight, parents, dims=([0], [-1]))


class Quadratic(Numbered):
    """f(pa) = c √(paᵀ A pa). Positive homogeneous, with a kink at 0, where its gradient is set to 0."""

    factor: Tensor
    matrix: Tensor

    @staticmethod
    def numbers(
        declaration: declarations.QuadraticMechanism, parents: tuple[str, ...]
    ) -> Mapping[str, Numbers]:
        columns = columns_of(declaration.matrix, declaration.parents, parents)
        rows = [list(declaration.parents).index(parent) for parent in parents]
        return {"factor": declaration.factor, "matrix": [columns[row] for row in rows]}

    def forward(self, parents: Parents) -> Node:
        form = ((parents @ self.matrix) * parents).sum(-1)
        return self.factor * form.clamp_min(torch.finfo(form.dtype).tiny).sqrt()


class Mlp(Numbered):
    """f(pa) = c (w₂ᵀ σ(W₁ pa + b₁) + b₂)."""

    factor: Tensor
    inner: Tensor
    bias: Tensor
    outer: Tensor
    offset: Tensor

    def __init__(
        self,
        declaration: declarations.MlpMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__(declaration, parents, dtype, device)
        self.activation = declaration.activation

    @staticmethod
    def numbers(declaration: declarations.MlpMechanism, parents: tuple[str, ...]) -> Mapping[str, Numbers]:
        plain = {name: getattr(declaration, name) for name in ("factor", "bias", "outer", "offset")}
        return {**plain, "inner": columns_of(declaration.inner, declaration.parents, parents)}

    def forward(self, parents: Parents) -> Node:
        hidden = ACTIVATIONS[self.activation](parents @ self.inner.mT + self.bias)
        return self.factor * (hidden @ self.outer + self.offset)


class Sine(Numbered):
    """f(pa) = Σ_j a_j sin(ω_j pa_j + φ_j)."""

    amplitude: Tensor
    frequency: Tensor
    phase: Tensor

    @staticmethod
    def numbers(declaration: declarations.SineMechanism, parents: tuple[str, ...]) -> Mapping[str, Numbers]:
        by_parent = {name: getattr(declaration, name) for name in ("amplitude", "frequency", "phase")}
        return {name: [values[parent] for parent in parents] for name, values in by_parent.items()}

    def forward(self, parents: Parents) -> Node:
        return (torch.sin(parents * self.frequency + self.phase) * self.amplitude).sum(-1)


class LocationScale(Function):
    """f(pa) + s(pa) · noise, with s = exp(r tanh(g(pa) / r)); f and g are functions of other families."""

    reach: Tensor

    def __init__(
        self,
        declaration: LocationScaleMechanism,
        parents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__()
        self.location, self.log_scale = (
            part.implement()(part, parents, dtype, device)
            for part in (declaration.location, declaration.log_scale)
        )
        self.register_buffer("reach", as_tensor(declaration.reach, dtype, device))

    def forward(self, parents: Parents) -> Node:
        location: Node = self.location(parents)
        return location

    def scale(self, parents: Parents) -> Node:
        return torch.exp(self.reach * torch.tanh(self.log_scale(parents) / self.reach))


def columns_of(matrix: Matrix, held: Sequence[str], wanted: tuple[str, ...]) -> list[list[float]]:
    """The columns of ``matrix``, which belong to the parents ``held``, in the order ``wanted``."""
    index = [list(held).index(parent) for parent in wanted]
    return [[row[k] for k in index] for row in matrix]
