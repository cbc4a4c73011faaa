"""The registry of families: (slot, kind) → declaration class, from entry points ``crlspec.families``.

A declaration is what a spec says about one family member, e.g. ``{kind: linear, weight: [0.5, 1.5]}``. It is frozen,
knows its implementation only by name, and imports no torch. ``draw`` leaves no randomness: each interval is a number.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, entry_points
from inspect import isabstract
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.closed import ClosedModel
from crlspec.errors import CrlspecError, Issue, SpecError
from crlspec.quantities import (
    Amount,
    Count,
    Number,
    NumberOrPrior,
    PositiveAmount,
    PositiveUncertain,
    Uncertain,
    draw_amount,
    draw_uncertain,
)  # fmt: skip
from crlspec.spec.prior import Prior

if TYPE_CHECKING:
    from crlspec.spec.setting import Setting

__all__ = [
    "Amount", "ClosedModel", "Count", "Declaration", "EstimatorDeclaration", "MechanismDeclaration",
    "MixingDeclaration", "NoiseDeclaration", "Number", "NumberOrPrior", "PositiveAmount", "PositiveUncertain",
    "Prior", "Refusal", "Registry", "ScoresDeclaration", "Uncertain", "draw_amount", "draw_uncertain", "kind_of",
    "pixel_names",
]  # fmt: skip

Slot = Literal["mechanism", "noise", "mixing", "estimator", "scores"]


class Declaration(ClosedModel, ABC):
    """What a spec says about one member of a family.

    A concrete class sets ``kind: Literal["name"] = "name"`` and ``implementation = "package.module:Class"``.
    """

    slot: ClassVar[Slot]
    implementation: ClassVar[str]

    kind: Annotated[str, Field(description="The member of the family.")]

    @classmethod
    def implement(cls) -> type:
        """The class that carries this declaration out, imported now and not before. Raises SpecError."""
        module, _, name = cls.implementation.partition(":")
        try:
            implementation = getattr(import_module(module), name)
        except CrlspecError:
            raise
        except Exception as error:
            raise cls._unusable(f"cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(implementation, type):
            raise cls._unusable("is no class")
        return implementation

    def built(self, base: type, **offered: Any) -> Any:
        """The implementation, a dataclass and a ``base``, made of what is declared; and of what is offered as much as
        it takes. Raises SpecError where it is none, or takes something else."""
        found = self.implement()
        if not (issubclass(found, base) and is_dataclass(found)):
            raise self._unusable(f"is no dataclass that inherits {base.__module__}.{base.__qualname__}")
        implementation: Any = found
        taken = {one.name for one in fields(implementation) if one.init}
        given = {name: getattr(self, name) for name in type(self).model_fields} | offered
        try:
            return implementation(**{name: one for name, one in given.items() if name in taken})
        except TypeError as error:
            raise self._unusable(f"cannot be built: {error}") from error

    @classmethod
    def _unusable(cls, what: str) -> SpecError:
        remedy = f"mend the package of {cls.__module__}, which declares it, or choose another kind."
        told = f"the class {cls.implementation} of {cls.slot} {kind_of(cls)!r} {what}."
        return SpecError([Issue("error", told, remedy, field=cls.slot)])

    @property
    def is_resolved(self) -> bool:
        """True when nothing is left to draw, priors left aside; families with something to draw override it."""
        return True

    @property
    def priors(self) -> Mapping[tuple[str, ...], Prior]:
        """(field,) or (field, parent) → prior, for every number that is declared as a distribution."""
        found: dict[tuple[str, ...], Prior] = {}
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Prior):
                found[(name,)] = value
            elif isinstance(value, dict):
                found |= {(name, key): entry for key, entry in value.items() if isinstance(entry, Prior)}
        return found

    def settled(self, choose: Callable[[tuple[str, ...], Prior], Any]) -> Self:
        """The declaration with ``choose(place, prior)`` in place of every prior."""
        updates: dict[str, Any] = {}
        for place, prior in self.priors.items():
            whole, number = updates.get(place[0], getattr(self, place[0])), choose(place, prior)
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

    def numbers(self, parents: int) -> int:
        """About how many numbers ``draw`` makes for a node with so many parents."""
        return parents

    def slopes(self) -> Mapping[str, float] | None:
        """parent → weight of a linear mechanism that is drawn; None where it is not linear."""
        return None


_OPEN = ": a number, an interval [lo, hi] to draw from, or a prior such as LogNormal(0, 1)."


class NoiseDeclaration(Declaration):
    """A location–scale family of given mean and variance (not location and scale)."""

    slot = "noise"
    gaussian: ClassVar[bool] = False
    bounded: ClassVar[bool] = False
    """True where the density is not positive on the whole real line."""

    mean: Annotated[Uncertain, Field(description=f"Its mean{_OPEN}")] = 0.0
    variance: Annotated[PositiveUncertain, Field(description=f"Its variance, above 0{_OPEN}")] = 1.0

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


_OBSERVATION_NOISE = (
    "Standard deviation, in the units of x, of independent normal noise on every observed variable."
)


class MixingDeclaration(Declaration):
    """The map x = g(z) from latents to observed variables, and with noise x = g(z) + noise · ε."""

    slot = "mixing"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]]

    observed: Annotated[
        int, Field(strict=True, ge=1, le=10**6, description="How many variables are observed.")
    ]
    names: Annotated[
        tuple[str, ...] | None,
        Field(description="Names of the observed variables; x1, x2, … where left out."),
    ] = None
    noise: Annotated[Number, Field(ge=0, le=1e6, description=_OBSERVATION_NOISE)] = 0.0

    @abstractmethod
    def draw(self, rng: np.random.Generator, latents: tuple[str, ...]) -> Self:
        """The same mixing with no randomness left; a resolved one returns itself."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(row, column, channel) where the first observed variables are the pixels of an image, in this order."""
        return None

    def numbers(self, latents: int) -> int:
        """About how many numbers ``draw`` makes for so many latents."""
        return self.observed * latents

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


class Refusal(NamedTuple):
    """Why a setting cannot be taken, and what would mend it: two sentences."""

    reason: str
    remedy: str


class ScoresDeclaration(Declaration):
    """Where score differences come from. Its class is a :class:`~crlspec.scores.base.ScoreDifference`, a dataclass
    whose fields are those declared, and of ``device`` (as torch names it), ``oracle`` and ``gaussian`` (the
    p-value above which the estimator takes latents as Gaussian) those that it asks for."""

    slot = "scores"
    needs_truth: ClassVar[bool] = False
    """Whether the scores are those of a compiled model, given as ``oracle``."""

    def refusal(self, setting: "Setting") -> Refusal | None:
        """Why these scores are not right in a setting, and what would be; None where they are."""
        return None


class EstimatorDeclaration(Declaration):
    """A method that recovers latents and graph. Its class is an :class:`~crlspec.inference.base.Estimator`, a
    dataclass whose fields are those declared, and ``context`` where it trains networks."""

    slot = "estimator"
    takes: ClassVar[str]
    """The settings that it takes, in a few words."""
    citation: ClassVar[str] = ""
    """BibTeX of the method."""
    baseline: ClassVar[bool] = False
    """Whether it claims nothing of causal latents, and gives no graph."""

    @abstractmethod
    def refusal(self, setting: "Setting") -> Refusal | None:
        """Why the estimator cannot take a setting, and what would mend it; None where it can."""

    def knowledge(self, setting: "Setting") -> Refusal | None:
        """Why what is known of graph and targets (``setting.known``) cannot enter; None where it does. A method that
        says nothing here uses none of it, and refuses."""
        assert setting.known is not None
        what, remedy = setting.known.unused
        return Refusal(f"{kind_of(type(self))} cannot use {what}", remedy)

    def refused(self, setting: "Setting") -> Refusal | None:
        """:meth:`refusal`, or that of :meth:`knowledge` where something is known that has to enter."""
        found = self.refusal(setting)
        if found is None and setting.known_enters:
            found = self.knowledge(setting)
        return found

    def covers(self, setting: "Setting") -> bool:
        """Whether a theorem says that this method recovers the latents in a setting that it takes."""
        return False


def pixel_names(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """p<row>_<column>_<channel> of an image (row, column, channel), channels r, g, b; in C order."""
    rows, columns, channels = shape
    return tuple(f"p{i}_{j}_{'rgb'[k]}" for i in range(rows) for j in range(columns) for k in range(channels))


_BASES: dict[str, type[Declaration]] = {
    "mechanism": MechanismDeclaration,
    "noise": NoiseDeclaration,
    "mixing": MixingDeclaration,
    "estimator": EstimatorDeclaration,
    "scores": ScoresDeclaration,
}


def kind_of(declaration: type[Declaration]) -> str:
    """The ``kind:`` word under which a declaration class is chosen."""
    return str(declaration.model_fields["kind"].default)


@dataclass(frozen=True)
class Registry:
    """A frozen set of declaration classes per slot.

    broken    (slot, kind) → why an installed one is missing
    packages  class → (name, version) of the installed package that registers it
    """

    families: Mapping[str, tuple[type[Declaration], ...]] = field(default_factory=dict)
    broken: Mapping[tuple[str, str], str] = field(default_factory=dict)
    packages: Mapping[type[Declaration], tuple[str, str]] = field(default_factory=dict)

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

    @classmethod
    def with_plugins(cls, names: Iterable[str]) -> "Registry":
        """The families of all installed packages, and those of the modules named. Raises SpecError."""
        registry = cls.installed()
        for name in names:
            registry = registry.with_plugin(name)
        return registry

    def declarations(self, slot: str) -> tuple[type[Declaration], ...]:
        """The declaration classes of a slot: mechanism, noise, mixing, estimator or scores."""
        return self.families.get(slot, ())

    def kinds(self, slot: str) -> dict[str, type[Declaration]]:
        """The classes of a slot by their ``kind:`` word."""
        return self._kinds.get(slot, {})

    @cached_property
    def _kinds(self) -> dict[str, dict[str, type[Declaration]]]:
        return {slot: {kind_of(one): one for one in found} for slot, found in self.families.items()}

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
            slots = ", ".join(list(_BASES)[:-1])
            raise _plugin_error(module_name, f"holds no declaration of {slots} or {list(_BASES)[-1]}")
        known = [declaration for slot in _BASES for declaration in self.declarations(slot)] + found
        return replace(Registry.of(known), broken=self.broken, packages=self.packages)


def _plugin_error(name: str, what: str) -> SpecError:
    bases = ", ".join(base.__name__ for base in _BASES.values())
    remedy = f"name an importable module with concrete subclasses of one of {bases}."
    return SpecError([Issue("error", f"plug-in {name!r} {what}.", remedy, path=f"--plugin {name}")])


def _is_concrete(value: Any) -> bool:
    known = isinstance(value, type) and issubclass(value, tuple(_BASES.values())) and not isabstract(value)
    return known and isinstance(value.model_fields["kind"].default, str)


@cache
def _installed() -> Registry:
    found, broken = list[type[Declaration]](), dict[tuple[str, str], str]()
    packages: dict[type[Declaration], tuple[str, str]] = {}
    read: dict[Distribution, tuple[str, str]] = {}
    for point in entry_points(group="crlspec.families"):
        slot, _, kind = point.name.partition(".")
        try:
            declaration = point.load()
        except Exception as error:
            broken[slot, kind] = f"{point.value}{_of_package(point)}: {type(error).__name__}: {error}"
            continue
        if not (_is_concrete(declaration) and (declaration.slot, kind_of(declaration)) == (slot, kind)):
            broken[slot, kind] = (
                f"{point.value}{_of_package(point)} is no {slot} declaration with kind {kind!r}"
            )
            continue
        found.append(declaration)
        if (dist := point.dist) is not None:  # whose name and version are parsed anew at each asking
            packages[declaration] = read[dist] = read.get(dist) or (dist.name, dist.version)
    return replace(Registry.of(found), broken=MappingProxyType(broken), packages=MappingProxyType(packages))


def _of_package(point: EntryPoint) -> str:
    return "" if point.dist is None else f" of the package {point.dist.name} {point.dist.version}"
