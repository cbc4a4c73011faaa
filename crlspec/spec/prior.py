"""Priors: a distribution in place of a number, e.g. ``weight: Normal(0, 1)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, WithJsonSchema

from crlspec.spec.expression import Equation, ExpressionError, parse_expression

POSITIVE = ("LogNormal", "Exponential", "Gamma", "Beta", "HalfNormal", "HalfCauchy", "Chi2")
"""Distributions of numbers above 0."""


@dataclass(frozen=True)
class Prior:
    """The distribution of a number that is not known, by its Pyro name, with numbers as arguments.

    ``text`` is in the one form that :meth:`parse` gives it, so that equal priors are equal.
    """

    text: str

    @classmethod
    def parse(cls, text: str, *, positive: bool = False) -> Prior:
        """Read ``Normal(0, 1)``; with ``positive`` only a distribution of numbers above 0.

        Raises ExpressionError with the offset of the first thing that is not allowed.
        """
        equation = parse_expression(text, ())
        prior = cls(equation.text)
        arguments = prior.arguments
        if positive and not (equation.distribution in POSITIVE or arguments.get("low", -1.0) >= 0):
            message = f"{prior.text} has numbers that are not above 0"
            raise ExpressionError(message, 0, f"use one of {', '.join(POSITIVE)}, or a Uniform above 0")
        return prior

    def __str__(self) -> str:
        return self.text

    @property
    def distribution(self) -> str:
        """The Pyro name of the distribution."""
        return self._equation.distribution

    @property
    def arguments(self) -> Mapping[str, float]:
        """Its parameters by their names in Pyro."""
        return {name: float(value.evaluate({}, {})) for name, value in self._equation.arguments.items()}

    def draw(self, rng: np.random.Generator) -> float:
        """One number from the distribution."""
        return float(_DRAWS[self.distribution](rng, **self.arguments))

    @cached_property
    def _equation(self) -> Equation:
        return parse_expression(self.text, ())


def _written(value: Any) -> Any:
    """What pydantic writes; it tries this on the other members of a union too."""
    if isinstance(value, Mapping):
        return {key: _written(entry) for key, entry in value.items()}
    return value.text if isinstance(value, Prior) else value


PriorField = Annotated[
    Prior,
    PlainSerializer(_written),
    WithJsonSchema({"type": "string", "description": "a prior: a distribution, e.g. Normal(0, 1)"}),
]
"""A Prior as a field of a declaration: a string in YAML, JSON and their schema."""

_DRAWS: Mapping[str, Callable[..., Any]] = {
    "Normal": lambda rng, loc, scale: rng.normal(loc, scale),
    "Laplace": lambda rng, loc, scale: rng.laplace(loc, scale),
    "StudentT": lambda rng, df, loc, scale: loc + scale * rng.standard_t(df),
    "Cauchy": lambda rng, loc, scale: loc + scale * rng.standard_cauchy(),
    "Gumbel": lambda rng, loc, scale: rng.gumbel(loc, scale),
    "Logistic": lambda rng, loc, scale: rng.logistic(loc, scale),
    "LogNormal": lambda rng, loc, scale: rng.lognormal(loc, scale),
    "Uniform": lambda rng, low, high: rng.uniform(low, high),
    "Exponential": lambda rng, rate: rng.exponential(1 / rate),
    "Gamma": lambda rng, concentration, rate: rng.gamma(concentration, 1 / rate),
    "Beta": lambda rng, concentration1, concentration0: rng.beta(concentration1, concentration0),
    "HalfNormal": lambda rng, scale: abs(rng.normal(0, scale)),
    "HalfCauchy": lambda rng, scale: abs(scale * rng.standard_cauchy()),
    "Chi2": lambda rng, df: rng.chisquare(df),
}
