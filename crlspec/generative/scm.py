"""Structural causal models: mechanisms p(z_i | parents) put together in causal order.

A mechanism is ONE method, ``distribution(parents)``. Sampling, density, score and the Pyro program all come
from it, so they agree.
"""

import abc
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar

import torch
from torch import nn
from torch.distributions.constraints import is_dependent
from torch.distributions.transforms import AffineTransform, Transform

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import drawing_from, named_generator
from crlspec.typing import Latents, LogDensity, Node, Parents, Tensor

Distribution = Any  # a univariate Pyro or torch distribution; Pyro's classes carry no type information


class Mechanism(nn.Module, abc.ABC):
    """The conditional distribution p(z_i | parents of z_i). Numbers live in buffers, so ``to`` moves them."""

    clamped: ClassVar[bool] = False
    """True for a mechanism that gives its node a constant (do): it has no density."""

    location_scale: ClassVar[bool] = False
    """True where its distributions are of a location–scale family, so that scale(k) is defined."""

    @property
    def affine(self) -> bool:
        """True where the node is affine in its parents, plus noise that reads none of them."""
        return not self.parents

    def __init__(self, parents: tuple[str, ...]) -> None:
        super().__init__()
        self.parents = tuple(parents)

    @abc.abstractmethod
    def distribution(self, parents: Parents) -> Distribution:
        """The distribution of the node given its parents.

        Args:
            parents: shape (*sample, parent), in the order of ``self.parents``; (*sample, 0) for a root.

        Returns:
            A Pyro distribution with batch shape (*sample), an empty event shape and argument checks off.
        """

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        """The same conditional with its noise told apart: the node is ``response(noise)``.

        Returns:
            The distribution of the noise, which reads no parents, batch shape (*sample); and the response, an
            increasing function with an inverse and a derivative.

        Raises:
            CrlspecError: there is no such form.
        """
        raise CrlspecError(
            f"{type(self).__name__} has no form with explicit noise",
            remedy="use the ordinary program, or give the mechanism a method `explicit`",
        )


class Function(nn.Module, abc.ABC):
    """A structural function f(parents), the deterministic part of z_i = f(parents) + noise.

    One that overrides ``scale`` says as well how large the noise is: z_i = f(parents) + scale(parents) · noise.

    Families are built as ``Family(declaration, parents, dtype, device)``.
    """

    affine: ClassVar[bool] = False
    """True for a function that is affine in the parents."""

    @abc.abstractmethod
    def forward(self, parents: Parents) -> Node:
        """f at ``parents`` of shape (*sample, parent); the result has shape (*sample)."""

    def scale(self, parents: Parents) -> Node | None:
        """What the noise's deviation is multiplied by at ``parents``, shape (*sample), above 0; None for 1."""
        return None


def as_tensor(numbers: Any, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Declared numbers, nested or not, as a tensor.

    Where a Pyro program put tensors for some numbers of a list, gradients pass; their batch comes first.
    """
    if isinstance(numbers, Tensor):
        return numbers.to(dtype=dtype, device=device)
    if isinstance(numbers, list | tuple) and any(isinstance(entry, Tensor) for entry in numbers):
        entries = [as_tensor(entry, dtype, device) for entry in numbers]
        return torch.stack(torch.broadcast_tensors(*entries), dim=-1)
    return torch.tensor(numbers, dtype=dtype, device=device)


class Noise(nn.Module, abc.ABC):
    """A location–scale family, standardised: it is parametrised by its mean and standard deviation.

    Families are built as ``Family(declaration, dtype, device)`` from a declaration with the numbers ``mean``
    and ``variance``.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, declaration: Any, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        if not all(isinstance(n, float | int | Tensor) for n in (declaration.mean, declaration.variance)):
            raise CrlspecError(f"{declaration!r} still holds randomness.", remedy="call its `draw` first")
        self.register_buffer("mean", as_tensor(declaration.mean, dtype, device))
        self.centred = not isinstance(declaration.mean, Tensor) and declaration.mean == 0.0
        self.register_buffer("deviation", as_tensor(declaration.variance**0.5, dtype, device))

    @abc.abstractmethod
    def distribution(self, mean: Node) -> Distribution:
        """The member of the family with the given mean, shape (*sample), and deviation ``self.deviation``."""

    def scaled(self, factor: float | Tensor) -> "Noise":
        """The same noise with its standard deviation times ``factor``; the mean is kept."""
        twin = copy.copy(self)
        twin._buffers = dict(self._buffers)  # all numbers are shared, but for the one that changes
        twin.deviation = self.deviation * factor
        return twin

    def standard(self, sample: torch.Size) -> Distribution:
        """The member of the family with mean 0 and deviation 1, batch shape ``sample``."""
        return self.scaled(1.0 / self.deviation).distribution(self.mean.new_zeros(sample))


class AdditiveMechanism(Mechanism):
    """z_i = f(parents) + noise; without a function (a root, or a hard intervention) z_i = noise.

    Where the function has a scale, z_i = f(parents) + mean + scale(parents) · (noise − mean).
    """

    location_scale = True

    def __init__(self, function: Function | None, noise: Noise, parents: tuple[str, ...]) -> None:
        super().__init__(parents)
        self.function = function
        self.noise = noise

    @property
    def affine(self) -> bool:
        return self.function is None or self.function.affine

    def distribution(self, parents: Parents) -> Distribution:
        if self.function is None:
            return self.noise.distribution(self.noise.mean + parents.new_zeros(parents.shape[:-1]))
        location, scale = self.function(parents), self.function.scale(parents)
        noise = self.noise if scale is None else self.noise.scaled(scale)
        return noise.distribution(location if noise.centred else location + noise.mean)

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        sample = parents.shape[:-1]
        location, deviation = self.noise.mean.expand(sample), self.noise.deviation
        if self.function is not None:
            scale = self.function.scale(parents)
            location = location + self.function(parents)
            deviation = deviation if scale is None else deviation * scale
        return self.noise.standard(sample), AffineTransform(location, deviation)


@dataclass(frozen=True, eq=False)
class SCM:
    """A structural causal model: one mechanism for each latent, together acyclic.

    Attributes:
        latents: names, in the order of the last axis of every z.
        mechanisms: latent name → its mechanism.
        order: the names in causal order (parents first), derived.

    Raises:
        CrlspecError: a latent without mechanism, an unknown parent, or a cycle.
    """

    latents: tuple[str, ...]
    mechanisms: Mapping[str, Mechanism]
    order: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if set(self.mechanisms) != set(self.latents):
            raise CrlspecError(
                f"the mechanisms are for {sorted(self.mechanisms)}, the latents are {list(self.latents)}",
                remedy="give exactly one mechanism for each latent",
            )
        for name, mechanism in self.mechanisms.items():
            unknown = [parent for parent in mechanism.parents if parent not in self.mechanisms]
            if unknown:
                raise CrlspecError(
                    f"the mechanism of {name} has the unknown parents {unknown}",
                    remedy=f"choose parents among {list(self.latents)}",
                )
        try:
            order = tuple(
                TopologicalSorter({n: self.mechanisms[n].parents for n in self.latents}).static_order()
            )
        except CycleError as error:
            raise CrlspecError(
                f"the graph has the cycle {' -> '.join(error.args[1])}", remedy="remove one of these edges"
            ) from None
        object.__setattr__(self, "order", order)

    def replace(self, mechanisms: Mapping[str, Mechanism]) -> "SCM":
        """The SCM in which the given mechanisms stand in place of the old ones: an intervention."""
        return SCM(self.latents, {**self.mechanisms, **mechanisms})

    def to(self, dtype: torch.dtype, device: torch.device | str) -> "SCM":
        """A copy with all its numbers in the given dtype and on the given device."""
        moved = {n: copy.deepcopy(m).to(device=device, dtype=dtype) for n, m in self.mechanisms.items()}
        return SCM(self.latents, moved)

    def log_density(self, z: Latents) -> LogDensity:
        """log p(z), shape (*sample). Clamped nodes have no density: the result is that of the others.

        Works under ``torch.func`` transforms (grad, vmap, jacrev).
        """
        total = self._total(self._columns(z))
        return z.new_zeros(z.shape[:-1]) if total is None else total

    def score(self, z: Latents) -> Latents:
        """∇ log p(z), shape (*sample, latent), by reverse-mode differentiation of :meth:`log_density`.

        The coordinate of a clamped node is 0: the score is that of the others' density.
        """
        with torch.enable_grad():
            leaves = {name: column.requires_grad_(True) for name, column in self._columns(z.detach()).items()}
            total = self._total(leaves)
            if total is None or not total.requires_grad:
                return torch.zeros_like(z)
            free = [name for name in self.latents if not self.mechanisms[name].clamped]
            found = torch.autograd.grad(total.sum(), [leaves[name] for name in free], allow_unused=True)
        parts = dict(zip(free, found))
        score = torch.empty_like(z, memory_format=torch.contiguous_format)
        for k, name in enumerate(self.latents):
            part = parts.get(name)
            score[..., k] = 0.0 if part is None else part
        return score

    def sample(self, n: int, seed: int = 0) -> Latents:
        """``n`` independent draws, shape (n, latent), on the device and in the dtype of the mechanisms.

        Every node has its own stream of random numbers, derived from ``seed`` and its name and drawn on the
        CPU in float64: the draws are the same on every device and in every thread, and the global generators are
        left alone.
        """
        buffer = next((b for m in self.mechanisms.values() for b in m.buffers()), None)
        dtype, device = (
            (torch.float64, torch.device("cpu")) if buffer is None else (buffer.dtype, buffer.device)
        )
        source = self if (dtype, device.type) == (torch.float64, "cpu") else self.to(torch.float64, "cpu")
        columns: dict[str, Tensor] = {}
        with torch.no_grad():
            for name in source.order:
                mechanism = source.mechanisms[name]
                parents = gather(columns, mechanism.parents, like=torch.empty(n, dtype=torch.float64))
                with drawing_from(named_generator(seed, name)):
                    columns[name] = _drawn(name, mechanism, parents)
        return torch.stack([columns[name] for name in self.latents], dim=-1).to(device=device, dtype=dtype)

    def _columns(self, z: Latents) -> dict[str, Tensor]:
        if z.dim() == 0 or z.shape[-1] != len(self.latents):
            raise CrlspecError(
                f"z has shape {tuple(z.shape)}, but there are {len(self.latents)} latents",
                remedy=f"the last axis of z holds {', '.join(self.latents)}, in this order",
            )
        # Each node contiguous in memory, so that every later step streams through it.
        return dict(zip(self.latents, (column.contiguous() for column in z.unbind(-1))))

    def _total(self, columns: Mapping[str, Tensor]) -> LogDensity | None:
        """The sum of the log densities of all nodes that have one."""
        total: Tensor | None = None
        for name in self.latents:
            mechanism = self.mechanisms[name]
            if not mechanism.clamped:
                conditional = mechanism.distribution(gather(columns, mechanism.parents))
                term = conditional.log_prob(columns[name])
                total = term if total is None else total + term
        return total


def gather(columns: Mapping[str, Tensor], parents: tuple[str, ...], like: Tensor | None = None) -> Parents:
    """The columns of ``parents`` put side by side, shape (*sample, parent), each parent contiguous in memory.

    For no parents the shape is (*sample, 0) after ``like`` (by default any of the columns).
    """
    if parents:
        return torch.stack([columns[parent] for parent in parents], dim=0).movedim(0, -1)
    like = next(iter(columns.values())) if like is None else like
    return like.new_empty((*like.shape, 0))


class DrawError(CrlspecError):
    """Raised where a latent cannot be drawn: no distribution for some of its parents, or an infinite draw."""

    def __init__(self, latent: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.latent = latent

    def __reduce__(self) -> tuple[type["DrawError"], tuple[str, str, str]]:
        return type(self), (self.latent, self.message, str(self.remedy))


def _drawn(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    """A draw, refused where the parents lead to arguments (a negative scale) that give no distribution."""
    try:
        distribution = mechanism.distribution(parents)
        _refuse_arguments(name, distribution)
        drawn: Node = distribution.sample()
        finite = bool(torch.isfinite(drawn).all()) and not bool(
            torch.isnan(distribution.log_prob(drawn)).any()
        )
    except (ValueError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "memory" in str(error):
            raise
        finite = False  # a part of the distribution refuses its arguments
    if not finite:
        raise DrawError(
            name,
            f"the draws of {name} are not all finite, or its distribution is not valid for some of its parents",
            remedy="write arguments that are valid everywhere, and functions that grow less",
        )
    return drawn


def _refuse_arguments(name: str, distribution: Distribution) -> None:
    """Raises DrawError where an argument is outside of what its distribution allows."""
    for argument, constraint in distribution.arg_constraints.items():
        value = getattr(distribution, argument, None)
        if not isinstance(value, Tensor) or is_dependent(constraint):
            continue
        if not bool((valid := constraint.check(value)).all()):
            wrong = value[~valid].flatten()[0].item()
            raise DrawError(
                name,
                f"the {argument} of {name} is {wrong:g} at some value of its parents, which is not allowed there.",
                remedy=f"write a {argument} that is valid everywhere, e.g. by exp(…) or softplus(…)",
            )
