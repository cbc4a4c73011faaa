"""Structural functions f(parents), one class a family; each is built from its resolved declaration."""

import abc
import copy
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from crlspec.generative.mechanism import Function, Stack, as_tensor
from crlspec.models import declarations
from crlspec.models.draws import Matrix, require_resolved
from crlspec.models.location_scale import LocationScaleMechanism
from crlspec.typing import Columns, Node, Parents, Tensor

Numbers = float | Sequence[float] | Sequence[Sequence[float]]

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "silu": nn.functional.silu}


class Numbered(Function):
    """A function whose only state are the numbers of its declaration: buffers, in one dtype on one device.

    ``axes`` says what the axes of each buffer run over: p for parents; numbers of 0 there switch a parent off.
    """

    axes: ClassVar[Mapping[str, str]]

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

    @property
    def alike(self) -> Hashable:
        """None where a Pyro program gave many numbers for one: their batch is an axis of its own."""
        if any(self.get_buffer(name).dim() != len(axes) for name, axes in self.axes.items()):
            return None
        return type(self)

    @classmethod
    def stack(
        cls, functions: Sequence[Function | None], reads: Sequence[Sequence[int]], latents: int
    ) -> Stack:
        return Gathered([one for one in functions if isinstance(one, Numbered)], reads)


class Gathered(Stack):
    """One function with the numbers of all, which reads the parents of each; those that lack are switched off."""

    def __init__(self, functions: Sequence[Numbered], reads: Sequence[Sequence[int]]) -> None:
        most = max(map(len, reads))
        like = next(functions[0].buffers())
        padded = [[*read, *[0] * (most - len(read))] for read in reads]
        self.index = torch.tensor(padded, dtype=torch.long, device=like.device).flatten()
        self.shape = (len(reads), most)
        self.function = copy.copy(functions[0])
        self.function._buffers = {
            name: _side_by_side([one.get_buffer(name) for one in functions], axes, most)
            for name, axes in functions[0].axes.items()
        }

    def __call__(self, columns: Columns) -> Tensor:
        found: Tensor = self.function(columns.index_select(0, self.index).unflatten(0, self.shape).mT)
        return found


def _side_by_side(numbers: Sequence[Tensor], axes: str, most: int) -> Tensor:
    """Numbers of many functions, (function, …) for matrices, (function, 1, …) for others; ``most`` parents each."""
    padded = []
    for one in numbers:
        pads = [most - size if axis == "p" else 0 for axis, size in zip(axes, one.shape)]
        padded.append(nn.functional.pad(one, [n for pad in reversed(pads) for n in (0, pad)]))
    stacked = torch.stack(padded)
    return stacked if len(axes) == 2 else stacked.unsqueeze(1)


class Linear(Numbered):
    """f(pa) = Σ_j w_j pa_j."""

    affine = True
    stacks_roots = True
    axes = {"weight": "p"}  # noqa: RUF012  a mapping that nobody changes
    weight: Tensor

    @staticmethod
    def numbers(declaration: declarations.LinearMechanism, parents: tuple[str, ...]) -> Mapping[str, Numbers]:
        return {"weight": [declaration.weight[parent] for parent in parents]}

    def forward(self, parents: Parents) -> Node:
        if self.weight.dim() > 1:
            return (parents * self.weight).sum(-1)
        # Not parents @ weight: this way the gradient comes out with each parent contiguous in memory.
        return torch.tensordot(self.weight, parents, dims=([0], [-1]))

    @classmethod
    def stack(
        cls, functions: Sequence[Function | None], reads: Sequence[Sequence[int]], latents: int
    ) -> Stack:
        weights = [one.weight for one in functions if isinstance(one, Linear)]
        places = [k * latents + i for k, read in enumerate(reads) for i in read]
        index = torch.tensor(places, dtype=torch.long, device=weights[0].device)
        empty = weights[0].new_zeros(len(functions) * latents)
        return Weighted(empty.index_copy(0, index, torch.cat(weights)).unflatten(0, (-1, latents)))


class Weighted(Stack):
    """Linear functions of all latents: one matrix product."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, columns: Columns) -> Tensor:
        return self.weights @ columns


class Quadratic(Numbered):
    """f(pa) = c √(paᵀ A pa). Positive homogeneous, with a kink at 0, where its gradient is set to 0."""

    axes = {"factor": "", "matrix": "pp"}  # noqa: RUF012
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

    axes = {"factor": "", "inner": "hp", "bias": "h", "outer": "h", "offset": ""}  # noqa: RUF012
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
        if self.outer.dim() == 1:
            return self.factor * (hidden @ self.outer + self.offset)
        return self.factor * ((hidden @ self.outer.mT).squeeze(-1) + self.offset)

    @property
    def alike(self) -> Hashable:
        kind = super().alike
        return kind and (kind, self.activation, len(self.outer))


class Sine(Numbered):
    """f(pa) = Σ_j a_j sin(ω_j pa_j + φ_j)."""

    axes = {"amplitude": "p", "frequency": "p", "phase": "p"}  # noqa: RUF012
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
        return _bounded(self.log_scale(parents), self.reach)

    @property
    def alike(self) -> Hashable:
        parts = (self.location.alike, self.log_scale.alike)
        return None if None in parts or self.reach.dim() else (type(self), *parts)

    @classmethod
    def stack(
        cls, functions: Sequence[Function | None], reads: Sequence[Sequence[int]], latents: int
    ) -> Stack:
        own = [one for one in functions if isinstance(one, LocationScale)]
        location, log_scale = (
            type(parts[0]).stack(parts, reads, latents)
            for parts in ([one.location for one in own], [one.log_scale for one in own])
        )
        return Located(location, log_scale, torch.stack([one.reach for one in own]).unsqueeze(1))


class Located(Stack):
    """Locations and scales of many nodes, each a stack of its own."""

    def __init__(self, location: Stack, log_scale: Stack, reach: Tensor) -> None:
        self.location, self.log_scale, self.reach = location, log_scale, reach

    def __call__(self, columns: Columns) -> Tensor:
        return self.location(columns)

    def scale(self, columns: Columns) -> Tensor:
        return _bounded(self.log_scale(columns), self.reach)


def _bounded(log_scale: Tensor, reach: Tensor) -> Tensor:
    """exp(r tanh(g / r))."""
    return torch.exp(reach * torch.tanh(log_scale / reach))


def columns_of(matrix: Matrix, held: Sequence[str], wanted: tuple[str, ...]) -> list[list[float]]:
    """The columns of ``matrix``, which belong to the parents ``held``, in the order ``wanted``."""
    index = [list(held).index(parent) for parent in wanted]
    return [[row[k] for k in index] for row in matrix]
