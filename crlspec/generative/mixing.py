"""Mixing maps x = g(z): how the latents become what is observed."""

import abc
from typing import ClassVar

import torch
from torch import nn

from crlspec.errors import CrlspecError
from crlspec.numerics.forward_mode import jacobians
from crlspec.typing import Jacobian, Latents, Observations


class Mixing(nn.Module, abc.ABC):
    """A differentiable, injective map from n latents to d >= n observed variables.

    A family writes ``forward`` and, where it is known in closed form, ``inverse`` with ``has_inverse = True``
    (and ``jacobian`` where a closed form is quicker than the default). Families are built as
    ``Family(declaration, latents, dtype, device)`` and keep their numbers in buffers.

    Attributes:
        affine: True for a map x = G z + b.
        observed: names, in the order of the last axis of every x.
        image_shape: (channel, y, x) where x is images and nothing else, flattened in this order; else None.
        cameras: their names where x is images; camera k has the channels 3k, 3k + 1 and 3k + 2.
    """

    has_inverse: ClassVar[bool] = False
    affine: ClassVar[bool] = False
    image_shape: tuple[int, int, int] | None = None
    cameras: tuple[str, ...] = ()

    def __init__(self, observed: tuple[str, ...]) -> None:
        super().__init__()
        self.observed = tuple(observed)

    @abc.abstractmethod
    def forward(self, z: Latents) -> Observations:
        """x = g(z): shape (*sample, latent) → (*sample, observed)."""

    def observe(self, z: Latents, generator: torch.Generator) -> Observations:
        """One observation of every sample, (*sample, latent) → (*sample, observed): g(z), unless something beside the
        latents differs from one to the next (light, background). That is drawn from ``generator``; noise is left
        out."""
        return self(z)

    def jacobian(self, z: Latents) -> Jacobian:
        """∂g/∂z at every sample, shape (*sample, observed, latent); by forward-mode differentiation."""
        flat = z.reshape(-1, z.shape[-1])
        return jacobians(self.forward, flat).reshape(*z.shape[:-1], -1, z.shape[-1])

    def inverse(self, x: Observations) -> Latents:
        """z with g(z) = x: shape (*sample, observed) → (*sample, latent).

        Raises:
            CrlspecError: the family has no closed-form inverse (``has_inverse`` is False).
        """
        raise CrlspecError(
            f"{type(self).__name__} has no inverse in closed form",
            remedy="ask `has_inverse` first; an estimator learns an encoder from data",
        )

    def encode(self, x: Observations) -> Latents:
        """Latents for observations that noise, or an error of the map, may keep off its image: the inverse, unless a
        family has an encoder of its own. Raises CrlspecError as :meth:`inverse` does."""
        return self.inverse(x)
