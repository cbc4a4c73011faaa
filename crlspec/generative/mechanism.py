"""Mechanisms p(z_i | parents) and what they are made of: structural functions and noise.

A mechanism is ONE method, ``distribution(parents)``. Sampling, density, score and the Pyro program all come
from it, so they agree.
"""

import abc
import copy
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.distributions.transforms import AffineTransform, Transform

from crlspec.errors import CrlspecError
from crlspec.typing import Columns, Node, Parents, Tensor

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

    @property
    def alike(self) -> Hashable:
        """What functions have in common that :meth:`stack` evaluates at once; None: this one is evaluated alone."""
        return None

    @classmethod
    def stack(
        cls, functions: Sequence["Function | None"], reads: Sequence[Sequence[int]], latents: int
    ) -> "Stack":
        """Functions that are ``alike``, evaluated at once; function k reads the latents ``reads[k]``, in this order.

        None stands for a root, and comes only where the class says ``stacks_roots``.
        """
        raise NotImplementedError(f"{cls.__name__} says what is alike, and has no stack")

    stacks_roots: ClassVar[bool] = False
    """True where 0 is a member of the family that costs nothing, so that roots may be stacked with the others."""


class Stack(abc.ABC):
    """Functions of one family, all evaluated in one operation."""

    @abc.abstractmethod
    def __call__(self, columns: Columns) -> Tensor:
        """Every function at all samples: (latent, sample) → (function, sample)."""

    def scale(self, columns: Columns) -> Tensor | None:
        """What the deviations are multiplied by: (latent, sample) → (function, sample); None for 1."""
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

    @property
    def alike(self) -> Hashable:
        """What noises have in common whose numbers may be put side by side; None: this one stays alone.

        A family that says so has a ``distribution`` in which every number may have the shape (node, 1, …), with the
        mean (node, sample).
        """
        return None

    @staticmethod
    def stack(noises: Sequence["Noise"]) -> "Noise":
        """Noises that are ``alike`` as one, for means of shape (node, sample)."""
        twin = copy.copy(noises[0])
        twin._buffers = {
            name: torch.stack([noise.get_buffer(name) for noise in noises]).unsqueeze(1)
            for name in noises[0]._buffers
        }
        twin.centred = all(noise.centred for noise in noises)
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
