"""Equations such as ``Normal(0.8*light, 0.5)``: an ast whitelist, never eval.

An equation is one call of a distribution by its Pyro name; its arguments are arithmetic over latents,
numbers and a few functions. ``Expression.evaluate`` takes the functions as an argument, so that the same
equation runs on numpy arrays, torch tensors or plain numbers.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite, nan
from threading import Lock
from typing import Any, Literal

from crlspec.spec.vocabulary import (
    BINARY,
    BOUNDED,
    CHANGES,
    CONSTANTS,
    DISTRIBUTIONS,
    FUNCTIONS,
    LARGEST,
    LOCATION_SCALE,
    ON_NUMBERS,
    SCALABLE,
    evaluate,
    impossible,
    number_functions,
    numpy_functions,
)

__all__ = [
    "BOUNDED", "DISTRIBUTIONS", "FUNCTIONS", "LOCATION_SCALE", "SCALABLE", "Equation", "Expression",
    "ExpressionError", "Replacement", "number_functions", "numpy_functions", "parse_expression", "parse_replacement",
]  # fmt: skip

_FILTERS = Lock()
"""Filters of warnings belong to the whole process: one thread at a time may put them aside."""

MAX_LENGTH = 2000
MAX_DEPTH = 100
LISTED = 100
"""Names that a remedy lists, and characters up to which a name may be a near miss."""


class ExpressionError(ValueError):
    """Raised when an equation is not admitted; ``offset`` counts characters from its start."""

    def __init__(self, message: str, offset: int, remedy: str) -> None:
        super().__init__(message)
        self.message, self.offset, self.remedy = message, offset, remedy


@dataclass(frozen=True)
class Expression:
    """One arithmetic expression over latents; ``parents`` are those it reads, in the order of the names."""

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
        return evaluate(self.tree, functions, values)

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
    """What replaces a mechanism in an environment: an equation, shift(c), scale(k) or do(v)."""

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
    read: Equation = _read(names).of("equation", text)
    return read


def parse_replacement(text: str, names: Sequence[str]) -> Replacement:
    """Read what an environment gives for a latent: an equation, ``shift(c)``, ``scale(k)`` or ``do(v)``.

    Raises ExpressionError with the offset of the first thing that is not allowed.
    """
    read: Replacement = _read(names).of("replacement", text)
    return read


class _Read:
    """What texts over some names have been read as: the rules of ``check`` ask for the same ones again and again.

    It is emptied once its texts have ``LARGEST`` characters, so that a process that reads many files stays small.
    """

    LARGEST = 500_000

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names
        self.places = {name: k for k, name in enumerate(names)}
        self.found: dict[tuple[str, str], Any] = {}
        self.characters = 0

    def of(self, method: str, text: str) -> Any:
        """The equation or replacement; an error is raised anew each time."""
        found = self.found.get((method, text))
        if found is None:
            found = self._new(method, text)
            if self.characters + len(text) > self.LARGEST:
                self.found, self.characters = {}, 0
            self.characters += len(text)
            self.found[method, text] = found
        if isinstance(found, tuple):
            raise ExpressionError(*found)
        return found

    def _new(self, method: str, text: str) -> Any:
        try:
            return getattr(_Reader(text, self.places), method)()
        except ExpressionError as error:
            return error.message, error.offset, error.remedy


_LAST = [_Read()]
"""What was read over the names that were asked for last: one entry."""


def _read(names: Sequence[str]) -> _Read:
    """What has been read over these names; nothing where the last ones were others."""
    last = _LAST[0]
    if last.names is not names and last.names != tuple(names):
        last = _LAST[0] = _Read(tuple(names))
    return last


def _degree(node: ast.expr, parents: set[str]) -> int:  # noqa: PLR0911  one return a case
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

    def __init__(self, text: str, places: Mapping[str, int]) -> None:
        self.text, self.places = text, places
        self.clean = "".join(" " if c.isspace() else c for c in text)
        self.margin = len(self.clean) - len(self.clean.lstrip())

    def equation(self) -> Equation:
        name, call = self._call(tuple(DISTRIBUTIONS))
        parameters = DISTRIBUTIONS[name]
        given = self._bind(call, name, parameters)
        arguments: dict[str, Expression] = {}
        for parameter, default in parameters.items():
            if parameter in given:
                arguments[parameter] = self._expression(given[parameter])
            elif default is not None:
                arguments[parameter] = Expression(repr(default), (), ast.Constant(default))
        self._refuse_impossible(name, arguments, given)
        read = {parent for argument in arguments.values() for parent in argument.parents}
        return Equation(name, arguments, self._in_order(read))

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
        value = self._constant(call.args[0])
        if abs(value) > LARGEST or (name == "scale" and 0 < value < 1 / LARGEST):
            least = f"from {1 / LARGEST:g} " if name == "scale" else ""
            raise self._error(
                call.args[0],
                f"{name}() takes a number {least}up to {LARGEST:g}, got {value:g}",
                "change the unit of the latent",
            )
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
            raise self._error(tree, f"unknown distribution {name[:60]!r}", _suggest(name, allowed))
        return name, tree

    def _parse(self) -> ast.expr:
        if len(self.text) > MAX_LENGTH:
            raise ExpressionError(f"the equation is longer than {MAX_LENGTH} characters", 0, "shorten it")
        try:
            with _FILTERS, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.clean.strip(), mode="eval").body
        except SyntaxError as error:
            offset = self.margin + max((error.offset or 1) - 1, 0)
            remedy = 'write e.g. Normal(0.8*z1, 0.5), and inside { } in quotes "Normal(0.8*z1, 0.5)"'
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
        read, _ = self._admit(node, 0)
        return Expression(ast.unparse(node), self._in_order(read), node)

    def _in_order(self, read: set[str]) -> tuple[str, ...]:
        return tuple(sorted(read, key=self.places.__getitem__))

    def _admit(self, node: ast.expr, depth: int) -> tuple[set[str], float]:
        """The latents read, and the value of a part that reads none, which must be a finite number; else nan."""
        if depth > MAX_DEPTH:
            remedy = "write it with fewer terms"
            raise self._error(node, f"the equation is nested deeper than {MAX_DEPTH}", remedy)
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                if not abs(number) <= LARGEST:
                    raise self._error(node, "the number is too large", f"use numbers up to {LARGEST:g}")
                return set(), float(number)
            case ast.Name(id=name):
                return self._admit_name(node, name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                read, value = self._admit(operand, depth + 1)
                return read, -value if isinstance(node.op, ast.USub) else value
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in BINARY:
                parts, apply = [left, right], BINARY[type(operator)]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                self._admit_function(node, name, len(arguments))
                parts, apply = arguments, ON_NUMBERS[name]
            case _:
                allowed = "only numbers, latents, functions and + - * / ** are allowed in an equation"
                raise self._error(node, allowed, f"functions are {', '.join(FUNCTIONS)}")
        admitted = [self._admit(part, depth + 1) for part in parts]
        read = set[str]().union(*(names for names, _ in admitted))
        return read, nan if read else self._finite(node, lambda: apply(*(value for _, value in admitted)))

    def _admit_name(self, node: ast.expr, name: str) -> tuple[set[str], float]:
        if name in self.places:
            return {name}, nan
        if name in CONSTANTS:
            return set(), CONSTANTS[name]
        raise self._error(node, f"unknown name {name[:60]!r}", _suggest(name, (*self.places, *CONSTANTS)))

    def _admit_function(self, node: ast.expr, name: str, count: int) -> None:
        if name in DISTRIBUTIONS:
            raise self._error(
                node,
                f"the distribution {name} stands where a number is meant",
                "write numbers in equations; priors on them are for scm:, e.g. mechanism: {kind: linear, weight: "
                f'"{name}(…)"}}',
            )
        if name not in FUNCTIONS:
            raise self._error(node, f"unknown function {name[:60]!r}", _suggest(name, FUNCTIONS))
        form = f"{name}(a, b)" if name in ("maximum", "minimum") else f"{name}(a)"
        if count != form.count(",") + 1:
            raise self._error(node, f"{name}() got {count} arguments", f"write {form}")

    def _constant(self, node: ast.expr) -> float:
        return self._finite(node, lambda: evaluate(node, {}, {}))

    def _finite(self, node: ast.expr, compute: Callable[[], Any]) -> float:
        """What a part computes; raises ExpressionError where that is no finite number."""
        try:
            value = compute()
        except (ArithmeticError, ValueError, TypeError):
            value = None
        if not isinstance(value, float) or not isfinite(value):
            raise self._error(node, f"{ast.unparse(node)!r} is not a finite number", "mend the arithmetic")
        return value

    def _refuse_impossible(
        self, name: str, arguments: Mapping[str, Expression], given: Mapping[str, ast.expr]
    ) -> None:
        """Raises ExpressionError where constants alone make a distribution impossible, at the argument."""
        constants = {key: one for key, one in arguments.items() if not one.parents}
        found = impossible(name, {key: self._constant(one.tree) for key, one in constants.items()})
        if found is not None:
            parameter, message, remedy = found
            raise self._error(given.get(parameter, arguments[parameter].tree), message, remedy)

    def _error(self, node: ast.expr, message: str, remedy: str) -> ExpressionError:
        clean = self.clean.strip().encode()
        offset = len(clean[: node.col_offset].decode(errors="ignore"))
        return ExpressionError(message, self.margin + offset, remedy)


def _suggest(name: str, known: Sequence[str]) -> str:
    if len(known) > LISTED:
        return f"allowed are {', '.join(known[:LISTED])}, … ({len(known)} in all)"
    close = get_close_matches(name, known, 1) if len(name) <= LISTED else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}allowed are {', '.join(known)}"
