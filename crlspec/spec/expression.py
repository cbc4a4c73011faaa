"""Equations such as ``Normal(0.8*light, 0.5)``: an ast whitelist, never eval.

An equation is one call of a distribution by its Pyro name; its arguments are arithmetic over latents, numbers
and a few functions. ``Expression.evaluate`` takes the functions as an argument, so that the same equation runs
on numpy arrays, torch tensors or plain numbers.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import e, isfinite, pi
from typing import Any, Literal

MAX_LENGTH = 2000
MAX_DEPTH = 100

FUNCTIONS = (
    "abs", "arctan", "cos", "cosh", "erf", "exp", "log", "log1p", "maximum", "minimum", "relu", "sigmoid", "sign",
    "sin", "sinh", "softplus", "sqrt", "tan", "tanh",
)  # fmt: skip
"""Names of the functions that an equation may use; each takes one argument, maximum and minimum take two."""

CONSTANTS = {"pi": pi, "e": e}

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
POSITIVE = ("scale", "rate", "df", "concentration", "concentration1", "concentration0")
BOUNDED = ("LogNormal", "Uniform", "Exponential", "Gamma", "Beta", "HalfNormal", "HalfCauchy", "Chi2")
"""Distributions whose density is not positive on the whole real line."""

CHANGES = ("shift", "scale", "do")


class ExpressionError(ValueError):
    """Raised when an equation is not in the whitelist; ``offset`` counts characters from the start of the text."""

    def __init__(self, message: str, offset: int, remedy: str) -> None:
        super().__init__(message)
        self.message, self.offset, self.remedy = message, offset, remedy


@dataclass(frozen=True)
class Expression:
    """One arithmetic expression over latents; ``parents`` are the latents it reads, in the order of the names."""

    text: str
    parents: tuple[str, ...]
    tree: ast.expr

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def evaluate(self, functions: Mapping[str, Callable[..., Any]], values: Mapping[str, Any]) -> Any:
        """The value with ``values`` for the latents (arrays, tensors or numbers) and ``functions`` by name.

        An expression without parents gives a plain float.
        """
        return _evaluate(self.tree, functions if self.parents else number_functions(), values)

    @property
    def is_affine(self) -> bool:
        """True when the expression is a constant plus constants times latents."""
        return _degree(self.tree, set(self.parents)) <= 1


@dataclass(frozen=True)
class Equation:
    """A distribution by its Pyro name, its arguments by their parameter names, and the latents they read."""

    distribution: str
    arguments: Mapping[str, Expression]
    parents: tuple[str, ...]

    @property
    def text(self) -> str:
        """The equation as text again, arguments in the order of the parameters."""
        return f"{self.distribution}({', '.join(a.text for a in self.arguments.values())})"

    @property
    def is_gaussian(self) -> bool:
        """True for a Normal whose scale reads no latent."""
        return self.distribution == "Normal" and not self.arguments["scale"].parents

    @property
    def is_linear(self) -> bool:
        """True when the location is affine in the parents and no other argument reads a latent."""
        if not self.parents:
            return True
        if self.distribution not in LOCATION_SCALE or not self.arguments["loc"].is_affine:
            return False
        return all(not a.parents for name, a in self.arguments.items() if name != "loc")


@dataclass(frozen=True)
class Replacement:
    """What an environment puts in place of a mechanism: an equation, ``shift(c)``, ``scale(k)`` or ``do(v)``."""

    kind: Literal["equation", "shift", "scale", "do"]
    equation: Equation | None = None
    value: float | None = None

    @property
    def is_hard(self) -> bool:
        """True when no parent is left."""
        return self.kind == "do" or (self.equation is not None and not self.equation.parents)


def parse_expression(text: str, names: Sequence[str]) -> Equation:
    """Read ``Distribution(arguments)`` over the latents ``names``.

    Raises ExpressionError with the offset of the first thing that is not allowed.
    """
    return _Reader(text, names).equation()


def parse_replacement(text: str, names: Sequence[str]) -> Replacement:
    """Read what an environment gives for a latent: an equation, ``shift(c)``, ``scale(k)`` or ``do(v)``.

    Raises ExpressionError with the offset of the first thing that is not allowed.
    """
    return _Reader(text, names).replacement()


def number_functions() -> dict[str, Callable[..., float]]:
    """The functions of equations on plain numbers."""
    import math

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


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def _evaluate(node: ast.expr, functions: Mapping[str, Callable[..., Any]], values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name] if name in values else CONSTANTS[name]
        case ast.UnaryOp(op=operator, operand=operand):
            inner = _evaluate(operand, functions, values)
            return -inner if isinstance(operator, ast.USub) else inner
        case ast.BinOp(left=left, op=operator, right=right):
            return _BINARY[type(operator)](
                _evaluate(left, functions, values), _evaluate(right, functions, values)
            )
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return functions[name](*(_evaluate(argument, functions, values) for argument in arguments))
    raise AssertionError("unreachable: the reader admits no other node")


def _degree(node: ast.expr, parents: set[str]) -> int:
    """0 constant, 1 affine, 2 anything else."""
    match node:
        case ast.Name(id=name):
            return int(name in parents)
        case ast.UnaryOp(operand=operand):
            return _degree(operand, parents)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return max(_degree(left, parents), _degree(right, parents))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return min(2, _degree(left, parents) + _degree(right, parents))
        case ast.BinOp(left=left, op=ast.Div(), right=right) if not _degree(right, parents):
            return _degree(left, parents)
        case ast.BinOp(left=left, right=right):
            return 2 if _degree(left, parents) or _degree(right, parents) else 0
        case ast.Call(args=arguments):
            return 2 if any(_degree(argument, parents) for argument in arguments) else 0
    return 0


class _Reader:
    """Reads one equation; every node that is not in the whitelist is refused with its offset."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names = text, tuple(names)
        self.clean = "".join(" " if c.isspace() else c for c in text)
        self.margin = len(self.clean) - len(self.clean.lstrip())

    def equation(self) -> Equation:
        name, call = self._call((*DISTRIBUTIONS, *()))
        parameters = DISTRIBUTIONS[name]
        given = self._bind(call, name, parameters)
        arguments: dict[str, Expression] = {}
        for parameter, default in parameters.items():
            if parameter in given:
                arguments[parameter] = self._expression(given[parameter])
                self._check_constant(name, parameter, arguments[parameter], given[parameter])
            elif default is not None:
                arguments[parameter] = Expression(repr(default), (), ast.Constant(default))
        read = {parent for argument in arguments.values() for parent in argument.parents}
        return Equation(name, arguments, tuple(n for n in self.names if n in read))

    def replacement(self) -> Replacement:
        name, call = self._call((*DISTRIBUTIONS, *CHANGES))
        if name in DISTRIBUTIONS:
            return Replacement("equation", equation=self.equation())
        if len(call.args) != 1 or call.keywords:
            raise self._error(call, f"{name}() takes exactly one number", f"write {name}(2.0)")
        argument = self._expression(call.args[0])
        if argument.parents:
            raise self._error(
                call.args[0],
                f"{name}() takes a number, but {argument.text!r} reads {', '.join(argument.parents)}",
                "write the whole equation, e.g. Normal(0.5*z1, 1)",
            )
        value = self._constant(argument, call.args[0])
        if name == "scale" and value <= 0:
            raise self._error(
                call.args[0], f"scale() takes a number above 0, got {value:g}", "write scale(0.5)"
            )
        kind: Literal["shift", "scale", "do"] = (
            "do" if name == "do" else "scale" if name == "scale" else "shift"
        )
        return Replacement(kind, value=value)

    def _call(self, allowed: tuple[str, ...]) -> tuple[str, ast.Call]:
        tree = self._parse()
        example = "write e.g. Normal(0.8*z1, 0.5)"
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            raise self._error(tree, "an equation must be one call of a distribution", example)
        name = tree.func.id
        if name not in allowed:
            raise self._error(tree, f"unknown distribution {name!r}", *_suggest(name, allowed))
        return name, tree

    def _parse(self) -> ast.expr:
        if len(self.text) > MAX_LENGTH:
            raise ExpressionError(f"the equation is longer than {MAX_LENGTH} characters", 0, "shorten it")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.clean.strip(), mode="eval").body
        except SyntaxError as error:
            offset = self.margin + max((error.offset or 1) - 1, 0)
            remedy = "write e.g. Normal(0.8*z1, 0.5); operators are + - * / **"
            raise ExpressionError(f"the equation cannot be read: {error.msg}", offset, remedy) from None
        except (ValueError, RecursionError, MemoryError):
            raise ExpressionError(
                "the equation cannot be read", 0, "write e.g. Normal(0.8*z1, 0.5)"
            ) from None

    def _bind(self, call: ast.Call, name: str, parameters: Mapping[str, float | None]) -> dict[str, ast.expr]:
        signature = f"{name}({', '.join(parameters)})"
        if len(call.args) > len(parameters):
            raise self._error(
                call.args[len(parameters)], f"too many arguments for {signature}", "remove the last ones"
            )
        given = dict(zip(parameters, call.args, strict=False))
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg not in parameters:
                raise self._error(
                    keyword.value, f"{signature} has no parameter {keyword.arg or '**'!r}", f"use {signature}"
                )
            if keyword.arg in given:
                raise self._error(
                    keyword.value, f"parameter {keyword.arg!r} is given twice", f"use {signature}"
                )
            given[keyword.arg] = keyword.value
        absent = [p for p, default in parameters.items() if p not in given and default is None]
        if absent:
            raise self._error(call, f"{signature} lacks {', '.join(absent)}", f"use {signature}")
        return given

    def _expression(self, node: ast.expr) -> Expression:
        read: set[str] = set()
        self._admit(node, read, 0)
        return Expression(ast.unparse(node), tuple(n for n in self.names if n in read), node)

    def _admit(self, node: ast.expr, read: set[str], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._error(
                node, f"the equation is nested deeper than {MAX_DEPTH}", "write it with fewer terms"
            )
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                if not abs(number) < 1e300:
                    raise self._error(node, "the number is too large", "use numbers below 1e300")
            case ast.Name(id=name):
                if name in self.names:
                    read.add(name)
                elif name not in CONSTANTS:
                    known = (*self.names, *CONSTANTS)
                    raise self._error(node, f"unknown name {name!r}", *_suggest(name, known))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._admit(operand, read, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
                self._admit(left, read, depth + 1)
                self._admit(right, read, depth + 1)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name not in FUNCTIONS:
                    raise self._error(node, f"unknown function {name!r}", *_suggest(name, FUNCTIONS))
                wanted = 2 if name in ("maximum", "minimum") else 1
                if len(arguments) != wanted:
                    raise self._error(
                        node, f"{name}() takes {wanted} argument(s), got {len(arguments)}", "mend it"
                    )
                for argument in arguments:
                    self._admit(argument, read, depth + 1)
            case _:
                raise self._error(
                    node,
                    "only numbers, latents, functions and + - * / ** are allowed in an equation",
                    f"functions are {', '.join(FUNCTIONS)}",
                )

    def _constant(self, expression: Expression, node: ast.expr) -> float:
        try:
            value = expression.evaluate({}, {})
        except (ArithmeticError, ValueError, TypeError):
            value = None
        if not isinstance(value, float) or not isfinite(value):
            raise self._error(node, f"{expression.text!r} is not a finite number", "mend the arithmetic")
        return value

    def _check_constant(self, name: str, parameter: str, expression: Expression, node: ast.expr) -> None:
        if expression.parents:
            return
        value = self._constant(expression, node)
        if parameter in POSITIVE and value <= 0:
            raise self._error(
                node,
                f"{parameter} of {name} must be above 0, got {value:g}",
                f"the parameters are {name}({', '.join(DISTRIBUTIONS[name])})",
            )

    def _error(self, node: ast.expr, message: str, remedy: str) -> ExpressionError:
        clean = self.clean.strip().encode()
        offset = len(clean[: node.col_offset].decode(errors="ignore"))
        return ExpressionError(message, self.margin + offset, remedy)


def _suggest(name: str, known: Sequence[str]) -> tuple[str]:
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return (f"{hint}allowed are {', '.join(known)}",)
