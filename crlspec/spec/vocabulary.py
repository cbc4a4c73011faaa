"""The words of equations: functions, constants, distributions by their Pyro names, and their arithmetic."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS = (
    "abs", "arctan", "cos", "cosh", "erf", "exp", "log", "log1p", "maximum", "minimum", "relu", "sigmoid",
    "sign", "sin", "sinh", "softplus", "sqrt", "tan", "tanh",
)  # fmt: skip
"""Names of the functions that an equation may use; each takes one argument, maximum and minimum take two."""

CONSTANTS = {"pi": math.pi, "e": math.e}

DISTRIBUTIONS: Mapping[str, Mapping[str, float | None]] = {
    "Normal": {"loc": None, "scale": None},
    "Laplace": {"loc": None, "scale": None},
    "StudentT": {"df": None, "loc": 0.0, "scale": 1.0},
    "Cauchy": {"loc": None, "scale": None},
    "Gumbel": {"loc": None, "scale": None},
    "Logistic": {"loc": None, "scale": None},
    "LogNormal": {"loc": None, "scale": None},
    "Uniform": {"low": None, "high": None},
    "Exponential": {"rate": None},
    "Gamma": {"concentration": None, "rate": None},
    "Beta": {"concentration1": None, "concentration0": None},
    "HalfNormal": {"scale": None},
    "HalfCauchy": {"scale": None},
    "Chi2": {"df": None},
}
"""Distributions by their Pyro names, with their parameters in order; a parameter without default is None."""

LOCATION_SCALE = ("Normal", "Laplace", "StudentT", "Cauchy", "Gumbel", "Logistic")
"""Distributions with the parameters loc and scale."""
SCALABLE = (*LOCATION_SCALE, "Uniform")
"""Distributions that scale(k) can widen about their location; that of a Uniform is its middle."""
POSITIVE = ("scale", "rate", "df", "concentration", "concentration1", "concentration0")
BOUNDED = ("LogNormal", "Uniform", "Exponential", "Gamma", "Beta", "HalfNormal", "HalfCauchy", "Chi2")
"""Distributions whose density is not positive on the whole real line."""

CHANGES = ("shift", "scale", "do")

LARGEST = 1e30
"""Of a number in a spec, either sign; a number that must be above 0 is at least 1 / LARGEST."""
SHAPES = ("df", "concentration", "concentration1", "concentration0")
"""Parameters that change the form of a distribution; they lie between 0.01 and a million."""
_EXPONENT = 600.0
"""Of draws of a LogNormal: exp of more leaves floating-point numbers."""


def impossible(distribution: str, constants: Mapping[str, float]) -> tuple[str, str, str] | None:
    """Why a distribution with these constant arguments cannot be: (parameter, what is wrong, remedy); None if it can.

    Arguments that read latents are left out of ``constants``: they are looked at when they are drawn.
    """
    signature = f"the parameters are {distribution}({', '.join(DISTRIBUTIONS[distribution])})"
    for name, value in constants.items():
        shown = f"{name} of {distribution} must be"
        if name in POSITIVE and value <= 0:
            return name, f"{shown} above 0, got {value:g}", signature
        low, high = (0.01, 1e6) if name in SHAPES else (1 / LARGEST, LARGEST)
        if name in POSITIVE and not low <= value <= high:
            remedy = "choose one in between" if name in SHAPES else "change the unit of the latent"
            return name, f"{shown} from {low:g} to {high:g}, got {value:g}", remedy
        if abs(value) > LARGEST:
            return (
                name,
                f"{shown} at most {LARGEST:g} in size, got {value:g}",
                "change the unit of the latent",
            )
    if distribution == "Uniform" and len(constants) == 2 and constants["low"] >= constants["high"]:
        return "low", "low of Uniform must be below high", "write Uniform(0.5, 1.5)"
    if distribution == "LogNormal":
        reach = abs(constants.get("loc", 0.0)) + 10 * constants.get("scale", 0.0)
        if reach > _EXPONENT:
            return (
                "loc",
                f"draws of LogNormal reach exp({reach:g}), which is no number",
                "use a smaller loc and scale",
            )
    return None


def number_functions() -> dict[str, Callable[..., float]]:
    """The functions of equations on plain numbers."""
    table: dict[str, Callable[..., float]] = {
        name: getattr(math, name) for name in FUNCTIONS if hasattr(math, name)
    }
    return table | {
        "abs": abs,
        "arctan": math.atan,
        "maximum": max,
        "minimum": min,
        "relu": lambda v: max(v, 0.0),
        "sigmoid": lambda v: 0.5 * (1 + math.tanh(v / 2)),
        "sign": lambda v: float((v > 0) - (v < 0)),
        "softplus": lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))),
    }


def numpy_functions() -> dict[str, Callable[..., Any]]:
    """The functions of equations on numpy arrays."""
    import numpy as np

    table: dict[str, Callable[..., Any]] = {
        name: getattr(np, name) for name in FUNCTIONS if hasattr(np, name)
    }
    return table | {
        "erf": np.vectorize(number_functions()["erf"], otypes=[float]),
        "relu": lambda v: np.maximum(v, 0.0),
        "sigmoid": lambda v: 0.5 * (1 + np.tanh(v / 2)),
        "softplus": lambda v: np.logaddexp(v, 0.0),
    }


BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def evaluate(node: ast.expr, functions: Mapping[str, Callable[..., Any]], values: Mapping[str, Any]) -> Any:
    """The value of an admitted tree; calls on plain numbers use ``number_functions``."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name] if name in values else CONSTANTS[name]
        case ast.UnaryOp(op=operator, operand=operand):
            inner = evaluate(operand, functions, values)
            return -inner if isinstance(operator, ast.USub) else inner
        case ast.BinOp(left=left, op=operator, right=right):
            return BINARY[type(operator)](
                evaluate(left, functions, values), evaluate(right, functions, values)
            )
        case ast.Call(func=ast.Name(id=name), args=arguments):
            inner_values = [evaluate(argument, functions, values) for argument in arguments]
            plain = all(isinstance(value, float) for value in inner_values)
            return (ON_NUMBERS if plain else functions)[name](*inner_values)
    raise AssertionError("unreachable: the reader admits no other node")


ON_NUMBERS = number_functions()
