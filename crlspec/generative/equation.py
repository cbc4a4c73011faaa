"""Mechanisms given by an equation, such as ``Normal(0.8*light, 0.5)``, evaluated in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import nn
from torch.distributions.transforms import AffineTransform, ComposeTransform, ExpTransform, Transform

from crlspec.errors import CrlspecError
from crlspec.generative.scm import Distribution, Mechanism
from crlspec.typing import Parents, Tensor

if TYPE_CHECKING:
    from crlspec.spec.expression import Equation

LOCATION_SCALE = frozenset({"Normal", "Laplace", "StudentT", "Cauchy", "Gumbel", "Logistic", "Uniform"})


class EquationMechanism(Mechanism):
    """p(z_i | parents) = the distribution that an equation names, its arguments computed from the parents.

    The distribution is Pyro's of that name. Constant arguments are kept as buffers.
    """

    def __init__(self, equation: Equation, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__(equation.parents)
        self.family = equation.distribution
        self.arguments = {name: value for name, value in equation.arguments.items() if value.parents}
        self.names = tuple(equation.arguments)
        self.linear = equation.is_linear
        for name, value in equation.arguments.items():
            if not value.parents:
                number = float(value.evaluate({}, {}))
                self.register_buffer(f"_{name}", torch.tensor(number, dtype=dtype, device=device))

    @property
    def location_scale(self) -> bool:  # type: ignore[override]
        return self.family in LOCATION_SCALE

    @property
    def affine(self) -> bool:
        return self.linear

    def distribution(self, parents: Parents) -> Distribution:
        return getattr(dist, self.family)(**self._values(parents), validate_args=False)

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        values = self._values(parents)
        shape = {name: values.pop(name) for name in SHAPES if name in values}
        read = [name for name in shape if name in self.arguments]
        if read:
            raise CrlspecError(
                f"the {read[0]} of {self.family} reads latents, so there is no form with explicit noise",
                remedy="use the ordinary program, or an equation whose shape parameters are numbers",
            )
        standard, response = _standardised(self.family, values)
        zero = parents.new_zeros(parents.shape[:-1])
        constants: dict[str, Tensor | float] = {**shape, **standard}
        arguments = {name: zero + value for name, value in constants.items()}
        family = "Normal" if self.family == "LogNormal" else self.family
        return getattr(dist, family)(**arguments, validate_args=False), response

    def _values(self, parents: Parents) -> dict[str, Tensor]:
        """The arguments at ``parents``, the first of them in full shape (*sample)."""
        values = dict(zip(self.parents, parents.unbind(-1), strict=True))
        arguments = {
            name: self.arguments[name].evaluate(FUNCTIONS, values)
            if name in self.arguments
            else getattr(self, f"_{name}")
            for name in self.names
        }
        first = self.names[0]
        arguments[first] = arguments[first].expand(parents.shape[:-1])
        return arguments


SHAPES = ("df", "concentration", "concentration1", "concentration0")
"""Arguments that change the shape of a distribution, not only its place and width."""


def _standardised(family: str, values: dict[str, Tensor]) -> tuple[dict[str, float], Transform]:
    """The arguments other than shapes of the standard member, and what makes any other member of it."""
    match family:
        case "Uniform":
            return {"low": 0.0, "high": 1.0}, AffineTransform(values["low"], values["high"] - values["low"])
        case "LogNormal":
            parts = [AffineTransform(values["loc"], values["scale"]), ExpTransform()]
            return {"loc": 0.0, "scale": 1.0}, ComposeTransform(parts)
    if "loc" in values:
        return {"loc": 0.0, "scale": 1.0}, AffineTransform(values["loc"], values["scale"])
    if "scale" in values:
        return {"scale": 1.0}, AffineTransform(0.0, values["scale"])
    if "rate" in values:
        return {"rate": 1.0}, AffineTransform(0.0, 1.0 / values["rate"])
    return {}, ComposeTransform([])


def _with_numbers(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A function of two tensors that also takes a number for one of them."""

    def apply(a: Tensor | float, b: Tensor | float) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        assert isinstance(like, Tensor)
        pair = [v if isinstance(v, Tensor) else torch.full_like(like, v) for v in (a, b)]
        return function(*pair)

    return apply


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "abs": torch.abs,
    "arctan": torch.arctan,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "maximum": _with_numbers(torch.maximum),
    "minimum": _with_numbers(torch.minimum),
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softplus": nn.functional.softplus,
    "sqrt": torch.sqrt,
    "tan": torch.tan,
    "tanh": torch.tanh,
}
"""The functions that an equation may use, on tensors."""
