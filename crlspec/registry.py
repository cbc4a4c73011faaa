"""The registry of families: (slot, kind) → declaration class, from entry points ``crlspec.families``.

A declaration is what a spec says about one family member, e.g. ``{kind: linear, weight: [0.5, 1.5]}``. It
is frozen, knows its implementation only by name, and imports no torch. ``draw`` returns the same declaration
with no randomness left: every interval replaced by a number.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isabstract
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from crlspec.errors import Issue, SpecError
from crlspec.spec.expression import ExpressionError
from crlspec.spec.prior import Prior, PriorField

Slot = Literal["mechanism", "noise", "mixing"]


_EXAMPLE = {"remedy": "write a number, e.g. 0.5, or an interval, e.g. [0.5, 1.5]."}


def _amount(value: object) -> object:
    pair = value if isinstance(value, list | tuple) else (value, value)
    numbers = [v for v in pair if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e300]
    if len(pair) != 2 or len(numbers) != 2:
        raise PydanticCustomError(
            "amount", "a finite number or an interval [lo, hi] of numbers is needed", _EXAMPLE
        )
    if numbers[0] > numbers[1]:
        raise PydanticCustomError("amount", "the interval [lo, hi] must have lo ≤ hi", _EXAMPLE)
    return (float(numbers[0]), float(numbers[1])) if isinstance(value, list | tuple) else float(numbers[0])


def _positive(value: object) -> object:
    value = _amount(value)
    if (value[0] if isinstance(value, tuple) else value) <= 0:  # type: ignore[operator]
        raise PydanticCustomError("amount", "a number or an interval [lo, hi] above 0 is needed", _EXAMPLE)
    return value


Amount = Annotated[float | tuple[float, float], BeforeValidator(_amount)]
"""A number, or an interval ``[lo, hi]`` from which a number is drawn uniformly."""

PositiveAmount = Annotated[float | tuple[float, float], BeforeValidator(_positive)]
"""An Amount above 0."""


def _uncertain(value: object) -> object:
    return _prior(value, positive=False) if isinstance(value, str | Prior) else _amount(value)


def _positive_uncertain(value: object) -> object:
    return _prior(value, positive=True) if isinstance(value, str | Prior) else _positive(value)


def _prior(value: str | Prior, positive: bool) -> Prior:
    try:
        return Prior.parse(str(value), positive=positive)
    except ExpressionError as error:
        context = {
            "message": error.message,
            "remedy": f"{error.remedy}, or a number.",
            "offset": error.offset,
        }
        raise PydanticCustomError("fault", "{message}", context) from None


Uncertain = Annotated[float | tuple[float, float] | PriorField, BeforeValidator(_uncertain)]
"""An Amount, or a prior such as ``Normal(0, 1)``, which ``draw`` leaves in place."""

PositiveUncertain = Annotated[float | tuple[float, float] | PriorField, BeforeValidator(_positive_uncertain)]
"""An Uncertain above 0."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; strings and booleans are refused."""


def _number_or_prior(value: object) -> object:
    if isinstance(value, str | Prior):
        return _prior(value, positive=False)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("float_type", "a number is needed")
    if not abs(value) < float("inf"):
        raise PydanticCustomError("finite_number", "a finite number is needed")
    return float(value)


NumberOrPrior = Annotated[float | PriorField, BeforeValidator(_number_or_prior)]
"""A finite number, or a prior."""

Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
"""A whole number of at least 1; strings, booleans and 3.0 are refused."""


def draw_amount(rng: np.random.Generator, amount: float | tuple[float, float]) -> float:
    """A number drawn uniformly from an interval; a number is returned as it is and draws nothing."""
    return float(rng.uniform(*amount)) if isinstance(amount, tuple) else float(amount)


def draw_uncertain(rng: np.random.Generator, amount: float | tuple[float, float] | Prior) -> float | Prior:
    """As :func:`draw_amount`; a prior is returned as it is, for :meth:`Declaration.settled` to put a number there."""
    return amount if isinstance(amount, Prior) else draw_amount(rng, amount)


class ClosedModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys and names the keys that are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_allowed_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            allowed = ", ".join(cls.model_fields)
            raise _with_allowed_keys(error, cls.__name__, allowed) from None


def _with_allowed_keys(error: ValidationError, title: str, allowed: str) -> ValidationError:
    lines: list[InitErrorDetails] = []
    for line in error.errors(include_url=False):
        context: dict[str, Any] = dict(line.get("ctx", {}))
        if line["type"] == "extra_forbidden":
            context.setdefault("allowed", allowed)
        context["message"] = line["msg"]
        kind: Any = PydanticCustomError(line["type"], "{message}", context)
        lines.append(InitErrorDetails(type=kind, loc=line["loc"], input=line["input"]))
    return ValidationError.from_exception_data(title, lines)


class Declaration(ClosedModel, ABC):
    """What a spec says about one member of a family.

    A concrete class sets ``kind: Literal["name"] = "name"`` and ``implementation = "package.module:Class"``.
    """

    slot: ClassVar[Slot]
    implementation: ClassVar[str]

    kind: str

    @classmethod
    def implement(cls) -> type:
        """The class that carries this declaration out, imported now and not before."""
        module, _, name = cls.implementation.partition(":")
        implementation = getattr(import_module(module), name)
        assert isinstance(implementation, type)
        return implementation

    @property
    def is_resolved(self) -> bool:
        """True when nothing is left to draw, priors left aside; families with something to draw override it."""
        return True

    @property
    def priors(self) -> Mapping[tuple[str, ...], Prior]:
        """(field,) or (field, parent) → prior, for every number that is declared as a distribution."""
        found: dict[tuple[str, ...], Prior] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Prior):
                found[(name,)] = value
            elif isinstance(value, dict):
                found |= {(name, key): entry for key, entry in value.items() if isinstance(entry, Prior)}
        return found

    def settled(self, choose: Callable[[tuple[str, ...], Prior], Any]) -> Self:
        """The declaration with ``choose(place, prior)`` in place of every prior."""
        updates: dict[str, Any] = {}
        for place, prior in self.priors.items():
            number = choose(place, prior)
            whole = updates.get(place[0], getattr(self, place[0]))
            updates[place[0]] = number if len(place) == 1 else {**whole, place[1]: number}
        return self.model_copy(update=updates) if updates else self


class MechanismDeclaration(Declaration):
    """How the location of a latent depends on its parents: f in z = f(parents) + noise."""

    slot = "mechanism"
    function: ClassVar[Literal["linear", "nonlinear"]]

    @abstractmethod
    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        """The same mechanism for one node with no randomness left but priors; a resolved one returns itself."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The mechanism factor·f, as used by soft interventions."""

    def slopes(self) -> Mapping[str, float] | None:
        """parent → weight of a linear mechanism that is drawn; None where it is not linear."""
        return None


class NoiseDeclaration(Declaration):
    """A location–scale family of given mean and variance (not location and scale)."""

    slot = "noise"
    gaussian: ClassVar[bool] = False
    bounded: ClassVar[bool] = False
    """True where the density is not positive on the whole real line."""

    mean: Uncertain = 0.0
    variance: PositiveUncertain = 1.0

    @property
    def is_resolved(self) -> bool:
        return not (isinstance(self.mean, tuple) or isinstance(self.variance, tuple))

    def draw(self, rng: np.random.Generator, node: str) -> Self:
        """The same noise with mean and variance drawn, in this order."""
        if self.is_resolved:
            return self
        mean = draw_uncertain(rng, self.mean)
        return self.with_mean(mean).with_variance(draw_uncertain(rng, self.variance))

    def with_mean(self, mean: Any) -> Self:
        """The same family with another mean: a number, a prior, or a tensor while a Pyro program runs."""
        return self.model_copy(update={"mean": float(mean) if isinstance(mean, int) else mean})

    def with_variance(self, variance: Any) -> Self:
        """The same family with another variance, given as in :meth:`with_mean`."""
        return self.model_copy(
            update={"variance": float(variance) if isinstance(variance, int) else variance}
        )


class MixingDeclaration(Declaration):
    """The map x = g(z) from latents to observed variables.

    ``noise`` is the standard deviation, in the units of x, of independent normal noise on every observed variable:
    x = g(z) + noise · ε.
    """

    slot = "mixing"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]]

    observed: Annotated[int, Field(strict=True, ge=1, le=10**6)]
    names: tuple[str, ...] | None = None
    noise: Annotated[Number, Field(ge=0, le=1e6)] = 0.0

    @abstractmethod
    def draw(self, rng: np.random.Generator, latents: tuple[str, ...]) -> Self:
        """The same mixing with no randomness left; a resolved one returns itself."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(row, column, channel) where the first observed variables are the pixels of an image, in this order."""
        return None

    def calibrated(self, mean: Mapping[str, float], deviation: Mapping[str, float]) -> Self:
        """The mixing set to latents of this mean and deviation (by name); most take them as they come."""
        return self

    @model_validator(mode="after")
    def _names_match(self) -> Self:
        if self.names is not None and not len(self.names) == len(set(self.names)) == self.observed:
            raise PydanticCustomError("names", "names must hold one distinct name per observed variable")
        return self

    def observed_names(self) -> tuple[str, ...]:
        """Names of the observed variables, length ``observed``: own names, or x1, x2, …"""
        return self.names or tuple(f"x{k}" for k in range(1, self.observed + 1))


def pixel_names(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """p<row>_<column>_<channel> of an image (row, column, channel), channels r, g, b; in C order."""
    rows, columns, channels = shape
    return tuple(f"p{i}_{j}_{'rgb'[k]}" for i in range(rows) for j in range(columns) for k in range(channels))


_BASES: dict[str, type[Declaration]] = {
    "mechanism": MechanismDeclaration,
    "noise": NoiseDeclaration,
    "mixing": MixingDeclaration,
}


def kind_of(declaration: type[Declaration]) -> str:
    """The ``kind:`` word under which a declaration class is chosen."""
    return str(declaration.model_fields["kind"].default)


@dataclass(frozen=True)
class Registry:
    """A frozen set of declaration classes per slot; ``broken`` says why an installed one is missing."""

    families: Mapping[str, tuple[type[Declaration], ...]] = field(default_factory=dict)
    broken: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, declarations: Iterable[type[Declaration]]) -> "Registry":
        """A registry of the given classes; a later class replaces an earlier one of its kind."""
        table: dict[str, dict[str, type[Declaration]]] = {slot: {} for slot in _BASES}
        for declaration in declarations:
            table[declaration.slot][kind_of(declaration)] = declaration
        return cls(MappingProxyType({slot: tuple(kinds.values()) for slot, kinds in table.items()}))

    @classmethod
    def installed(cls) -> "Registry":
        """The families of all installed packages; one that cannot be imported is put in ``broken``."""
        return _installed()

    def declarations(self, slot: str) -> tuple[type[Declaration], ...]:
        """The declaration classes of a slot: mechanism, noise or mixing."""
        return self.families.get(slot, ())

    def kinds(self, slot: str) -> dict[str, type[Declaration]]:
        """The classes of a slot by their ``kind:`` word."""
        return {kind_of(declaration): declaration for declaration in self.declarations(slot)}

    def with_plugin(self, module_name: str) -> "Registry":
        """This registry with every concrete declaration that a module defines.

        Raises SpecError when the module cannot be imported or declares no family.
        """
        try:
            module = import_module(module_name)
        except Exception as error:
            raise _plugin_error(module_name, f"cannot be imported: {error}") from error
        found = [value for value in vars(module).values() if _is_concrete(value)]
        if not found:
            raise _plugin_error(module_name, "holds no declaration of a mechanism, noise or mixing")
        known = [declaration for slot in _BASES for declaration in self.declarations(slot)]
        return replace(Registry.of([*known, *found]), broken=self.broken)


def _plugin_error(name: str, what: str) -> SpecError:
    bases = ", ".join(base.__name__ for base in _BASES.values())
    remedy = f"name an importable module with concrete subclasses of one of {bases}."
    return SpecError([Issue("error", f"plug-in {name!r} {what}.", remedy, path=f"--plugin {name}")])


def _is_concrete(value: Any) -> bool:
    if not isinstance(value, type) or not issubclass(value, Declaration) or isabstract(value):
        return False
    return issubclass(value, tuple(_BASES.values())) and isinstance(value.model_fields["kind"].default, str)


@cache
def _installed() -> Registry:
    found: list[type[Declaration]] = []
    broken: dict[tuple[str, str], str] = {}
    for point in entry_points(group="crlspec.families"):
        slot, _, kind = point.name.partition(".")
        try:
            declaration = point.load()
        except Exception as error:
            broken[slot, kind] = f"{type(error).__name__}: {error}"
            continue
        if _is_concrete(declaration) and (declaration.slot, kind_of(declaration)) == (slot, kind):
            found.append(declaration)
        else:
            broken[slot, kind] = f"{point.value} is not a {slot} declaration with kind {kind!r}"
    return replace(Registry.of(found), broken=MappingProxyType(broken))
