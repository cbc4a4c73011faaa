"""Mixing maps x = g(z), one class a family; each is built from its resolved declaration."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from crlspec.generative.mixing import Mixing
from crlspec.models import declarations
from crlspec.models.draws import require_resolved
from crlspec.spec.links import LINK_LEAK
from crlspec.typing import Jacobian, Latents, Observations, Tensor

Device = torch.device | str
Elementwise = Callable[[Tensor], Tensor]


class LinearMap(Mixing):
    """x = G z + b. The inverse is the least-squares one, (GᵀG)⁻¹Gᵀ (x − b).

    Attributes:
        matrix: G, shape (observed, latent), of full column rank.
        offset: b, shape (observed); a buffer only where it is declared.
    """

    has_inverse = True
    affine = True
    matrix: Tensor
    pseudoinverse: Tensor
    offset: Tensor | None

    def __init__(
        self, declaration: Any, latents: tuple[str, ...], dtype: torch.dtype, device: Device
    ) -> None:
        super().__init__(declaration.observed_names())
        require_resolved(declaration)
        matrix = torch.tensor(declaration.matrix, dtype=torch.float64)
        pseudoinverse = torch.linalg.pinv(matrix)
        self.register_buffer("matrix", matrix.to(dtype=dtype, device=device))
        self.register_buffer("pseudoinverse", pseudoinverse.to(dtype=dtype, device=device))
        offset = getattr(declaration, "offset", None)
        given = None if offset is None else torch.tensor(offset, dtype=dtype, device=device)
        self.register_buffer("offset", given)

    def forward(self, z: Latents) -> Observations:
        x = z @ self.matrix.mT
        return x if self.offset is None else x + self.offset

    def jacobian(self, z: Latents) -> Jacobian:
        return self.matrix.expand(*z.shape[:-1], *self.matrix.shape)

    def inverse(self, x: Observations) -> Latents:
        return (x if self.offset is None else x - self.offset) @ self.pseudoinverse.mT


def _leaky_inverse(x: Tensor) -> Tensor:
    return torch.where(x < 0, x / LINK_LEAK, x)


LINKS: dict[str, tuple[Elementwise, Elementwise]] = {
    "tanh": (torch.tanh, torch.atanh),
    "leaky-relu": (lambda u: nn.functional.leaky_relu(u, LINK_LEAK), _leaky_inverse),
    "sinh": (torch.sinh, torch.asinh),
    "arcsinh": (torch.asinh, torch.sinh),
}
"""(forward, inverse) by their names in a spec, see :data:`crlspec.spec.links.LinkName`."""


class GeneralisedLinear(LinearMap):
    """x = link(G z), element-wise: injective, as G has full column rank and the link is strictly increasing.

    ``tanh`` saturates in floating point: beyond |u| = 19 (float64) or 9 (float32) the inverse is infinite.
    """

    affine = False

    def __init__(
        self,
        declaration: declarations.GlmMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__(declaration, latents, dtype, device)
        self.link = declaration.link

    def forward(self, z: Latents) -> Observations:
        return LINKS[self.link][0](super().forward(z))

    def jacobian(self, z: Latents) -> Jacobian:
        return Mixing.jacobian(self, z)

    def inverse(self, x: Observations) -> Latents:
        return super().inverse(LINKS[self.link][1](x))


# σ(u) = a(c u) + b u with these a; below, (c, b) by activation
BENDS: dict[str, Elementwise] = {
    "tanh": torch.tanh,
    "leaky-relu": torch.relu,
    "silu": nn.functional.silu,
}
MILD = {"tanh": (1.0, 0.1), "leaky-relu": (1.0, 0.25), "silu": (1.0, 0.2)}
STRONG = {"tanh": (2.0, 0.1), "leaky-relu": (1.0, 0.1), "silu": (4.0, 0.5)}


TWIST = 1.25
"""Radians that the twist of a strong network turns per unit of the radius, far from the origin."""


def twist(z: Latents, rate: float) -> Latents:
    """Turn neighbouring pairs of coordinates by the angle rate · (√(1 + |z|²) − 1): smooth, and keeps |z|.

    First the pairs (1, 2), (3, 4), …, then (2, 3), (4, 5), …. As |z| is kept the angle can be read off the
    result, and :func:`untwist` turns back: a diffeomorphism of Rⁿ. One latent alone has nothing to turn in.
    """
    angle = _angle(z, rate)
    return _turn(_turn(z, angle, 0), angle, 1)


def untwist(z: Latents, rate: float) -> Latents:
    """The inverse of :func:`twist`."""
    angle = _angle(z, -rate)
    return _turn(_turn(z, angle, 1), angle, 0)


def _angle(z: Latents, rate: float) -> Tensor:
    """rate · (√(1 + |z|²) − 1), shape (*sample)."""
    # The axis is kept meanwhile: numbers widen what has no axis to float64 under forward-mode differentiation.
    return (rate * ((1.0 + (z**2).sum(-1, keepdim=True)).sqrt() - 1.0)).squeeze(-1)


def _turn(z: Latents, angle: Tensor, first: int) -> Latents:
    """Rotations by ``angle`` in the planes of the coordinates (first, first + 1), (first + 2, first + 3), …"""
    columns = list(z.unbind(-1))
    cosine, sine = angle.cos(), angle.sin()
    for k in range(first, len(columns) - 1, 2):
        a, b = columns[k], columns[k + 1]
        columns[k], columns[k + 1] = cosine * a - sine * b, sine * a + cosine * b
    return torch.stack(columns, dim=-1)


class Mlp(Mixing):
    """x = σ(W_L … σ(W₁ z + b₁) … + b_L), a network of n → … → d units with monotone bends.

    Why it is injective: every W has full column rank (the declaration draws it so and refuses others), hence
    u ↦ W u + b is injective; σ(u) = a(c u) + b u acts element-wise and has σ' > 0 everywhere, hence is
    strictly increasing; a composition of injective maps is injective, and its Jacobian, a product of factors
    of full column rank, has full column rank. With a = tanh and relu, σ' ≥ b > 0; silu' ≥ −0.0998, so
    σ' ≥ b − 0.0998 c, which is positive for the constants used here.

    ``mild``: hidden layers of d units, c = 1. ``strong``: hidden layers of n units, steeper bends and larger
    biases; the overcomplete features of wide layers, which a linear map could combine back to z, are absent. As
    latents far from the bends would meet an almost linear network all the same, it is given :func:`twist` of z,
    a diffeomorphism that is nowhere near linear, whatever the place and scale of z.
    """

    has_inverse = True
    weights: tuple[Tensor, ...]

    def __init__(
        self,
        declaration: declarations.MlpMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: Device,
    ) -> None:
        super().__init__(declaration.observed_names())
        require_resolved(declaration)
        self.layers = declaration.layers
        self.activation = declaration.activation
        self.twist = TWIST if declaration.strength == "strong" else 0.0
        self.gain, self.slope = (STRONG if declaration.strength == "strong" else MILD)[declaration.activation]
        for level, (weight, bias) in enumerate(zip(declaration.weights or (), declaration.biases or ())):
            matrix = torch.tensor(weight, dtype=torch.float64)
            place = {"dtype": dtype, "device": device}
            self.register_buffer(f"weight{level}", matrix.to(**place))
            self.register_buffer(f"bias{level}", torch.tensor(bias, **place))
            self.register_buffer(f"inverse{level}", torch.linalg.pinv(matrix).to(**place))

    def bend(self, u: Tensor) -> Tensor:
        """σ(u), element-wise and strictly increasing."""
        return BENDS[self.activation](self.gain * u) + self.slope * u

    def unbend(self, x: Tensor) -> Tensor:
        """σ⁻¹(x), element-wise, by bisection to working precision."""
        reach = (x.abs() + 2.0) / self.least_slope
        low, high = -reach, reach
        for _ in range(60):
            middle = 0.5 * (low + high)
            above = self.bend(middle) > x
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return 0.5 * (low + high)

    @property
    def least_slope(self) -> float:
        """A lower bound of σ', above 0."""
        return self.slope - (0.0999 * self.gain if self.activation == "silu" else 0.0)

    def forward(self, z: Latents) -> Observations:
        z = twist(z, self.twist) if self.twist else z
        for level in range(self.layers):
            u = z @ getattr(self, f"weight{level}").mT + getattr(self, f"bias{level}")
            z = self.bend(u)
        return z

    def inverse(self, x: Observations) -> Latents:
        for level in reversed(range(self.layers)):
            u = self.unbend(x)
            x = (u - getattr(self, f"bias{level}")) @ getattr(self, f"inverse{level}").mT
        return untwist(x, self.twist) if self.twist else x
