"""The frozen Spec: closed pydantic models, one discriminated union per slot. Nothing here reads a file."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, WithJsonSchema, model_validator
from pydantic_core.core_schema import ValidationInfo

from crlspec.registry import (
    ClosedModel,
    EstimatorDeclaration,
    MechanismDeclaration,
    MixingDeclaration,
    NoiseDeclaration,
    ScoresDeclaration,
)
from crlspec.spec.assumed import Assume, Calibrate
from crlspec.spec.edge_list import plain_edges, read_edges
from crlspec.spec.interventions import (
    INTERVENTIONS,
    MECHANISM,
    NOISE,
    AnyDesign,
    Environments,
    ReplacedMechanism,
)
from crlspec.spec.own_data import Data
from crlspec.spec.slots import SLOT_MARK, Slot, entries, fault, fixed, one_of, plain, registered, shown
from crlspec.spec.vocabulary import CHANGES, CONSTANTS, DISTRIBUTIONS, FUNCTIONS

__all__ = ["Assume", "Calibrate", "Data", "RandomGraph", "ReplacedMechanism", "Scm", "Spec"]

MAX_LATENTS = 1000
MAX_NAME = 100
"""Latents of a spec, and characters of the name of one."""
LATENTS = (
    "How many latents, their names, or the equation of each. auto: the data tell their number. from-environments: "
    "one for each environment, called after it."
)
FROM_ENVIRONMENTS = "from-environments"
RESERVED = {"x", "z", "kind", *CONSTANTS, *FUNCTIONS, *DISTRIBUTIONS, *CHANGES}
"""Words that cannot name a latent: they mean something in an equation, a trace or a data set."""


MIXING = registered("mixing", MixingDeclaration)
SCORES = registered("scores", ScoresDeclaration)
ESTIMATOR = registered("estimator", EstimatorDeclaration)


def _latents(value: Any) -> Any:
    example = 'write latents: 5, latents: [a, b], latents: {a: "Normal(0, 1)"} or latents: auto.'
    if value in ("auto", FROM_ENVIRONMENTS):
        return ()
    if isinstance(value, int) and not isinstance(value, bool):
        value = tuple(f"z{k}" for k in range(1, min(value, MAX_LATENTS + 1) + 1))
    if not isinstance(value, list | tuple):
        raise fault(f"got {shown(value)}; a number, a list of names or equations are needed", example)
    if not 1 <= len(value) <= MAX_LATENTS:
        raise fault(f"the number of latents must be from 1 to {MAX_LATENTS}", example)

    seen: set[str] = set()

    def name(entry: Any) -> str:
        if not isinstance(entry, str) or not (entry.isidentifier() and entry.isascii()) or entry[0] == "_":
            raise fault(f"{shown(entry)} is no latent name", "use letters, digits and _, a letter first.")
        if entry in RESERVED or keyword.iskeyword(entry):
            raise fault(f"{entry!r} is a reserved word and cannot name a latent", "choose another name.")
        if len(entry) > MAX_NAME:
            raise fault(f"{shown(entry)} has {len(entry)} characters", f"use at most {MAX_NAME} characters.")
        if entry in seen:
            raise fault(f"the latent {entry!r} is listed twice", "give each latent its own name.")
        seen.add(entry)
        return entry

    return tuple(entry for _, entry in entries(enumerate(value), name))


class RandomGraph(ClosedModel):
    """Erdős–Rényi: each pair of latents, in the listed order, is an edge with probability ``density``."""

    kind: Literal["random"] = "random"
    examples = ("{kind: random, density: 0.3}",)

    density: Annotated[
        float,
        Field(strict=True, ge=0, le=1, description="The probability that a pair of latents is an edge."),
    ] = 0.5


class ChainGraph(ClosedModel):
    """Each latent causes the next one in the listed order."""

    examples = ("{kind: chain}",)

    kind: Literal["chain"] = "chain"


class CompleteGraph(ClosedModel):
    """Each latent causes all later ones in the listed order."""

    examples = ("{kind: complete}",)

    kind: Literal["complete"] = "complete"


GRAPH = fixed("graph", (RandomGraph, ChainGraph, CompleteGraph), ClosedModel)


def _graph(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, list | tuple):
        return GRAPH(value, info)
    return read_edges(value)


def _plain_graph(value: Any) -> Any:
    return plain_edges(value) if isinstance(value, tuple) else plain(value)


def _one_or_each_schema(slot: str) -> dict[str, Any]:
    reference = {SLOT_MARK: slot}
    return {"anyOf": [reference, {"type": "object", "additionalProperties": reference}]}


def _one_or_each(slot: Slot) -> tuple[Any, ...]:
    schema = WithJsonSchema(_one_or_each_schema(slot.name))
    return BeforeValidator(slot.one_or_each), PlainSerializer(plain), schema


class Scm(ClosedModel):
    """The latent structural causal model. In Python a graph that is known is a tuple of pairs (source, target)."""

    examples = (
        "{graph: {kind: random, density: 0.5}, mechanism: {kind: linear}, noise: {kind: normal}}",
        "{graph: [z1 -> z2 -> z3], mechanism: {z1: {kind: linear}, z2: {kind: mlp}, z3: {kind: sine}}, "
        "noise: {z1: {kind: laplace}, z2: {kind: normal}, z3: {kind: gumbel}}}",
    )

    graph: Annotated[
        tuple[tuple[str, str], ...] | RandomGraph | ChainGraph | CompleteGraph,
        BeforeValidator(_graph),
        PlainSerializer(_plain_graph),
        WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {SLOT_MARK: "graph"}]}),
        Field(description="Which latent causes which: a list of edges, or a kind of random graph."),
    ]
    mechanism: Annotated[
        MechanismDeclaration | dict[str, MechanismDeclaration],
        *_one_or_each(MECHANISM),
        Field(
            description="How latents depend on their parents: one mechanism for all, or one for each latent."
        ),
    ]
    noise: Annotated[
        NoiseDeclaration | dict[str, NoiseDeclaration],
        *_one_or_each(NOISE),
        Field(description="What is added to each latent: one noise for all, or one for each latent."),
    ]


def _equation(value: Any) -> Any:
    if isinstance(value, str):
        return value
    raise fault(f"got {shown(value)}; an equation is needed", 'write e.g. "Normal(0, 1)".')


def _samples(value: Any) -> Any:
    def count(entry: Any) -> int:
        if not isinstance(entry, int) or isinstance(entry, bool) or not 1 <= entry <= 10**9:
            raise fault(
                f"got {shown(entry)}; a whole number from 1 to 1e9 is needed", "write samples: 10000."
            )
        return entry

    if isinstance(value, Mapping):
        return dict(entries(((str(name), entry) for name, entry in value.items()), count))
    return count(value)


class Spec(ClosedModel):
    """A frozen declaration: a distribution over problems, until ``resolve`` fixes every draw.

    ``latents`` are names in the file's order, none for ``latents: auto``, where the data tell their number, nor for
    ``latents: from-environments``, where there is one for each environment and called after it (``latents_from``);
    ``equations`` holds the text of each latent's equation where the file gives equations, None otherwise. In a file
    both stand under ``latents:``. ``estimator`` is the one that the file names, or that the verdict names where the
    file names none; None where there is none.
    """

    crlspec: Annotated[Literal[1], Field(description="The version of the language of this file.")] = 1
    name: Annotated[
        str,
        Field(
            max_length=100,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
            description="What runs and reports are called; the file's name where left out.",
        ),
    ] = "spec"
    latents: Annotated[tuple[str, ...], BeforeValidator(_latents), Field(description=LATENTS)]
    equations: dict[str, Annotated[str, BeforeValidator(_equation)]] | None = None
    latents_from: Literal["environments"] | None = None
    scm: Annotated[
        Scm | None, Field(description="The causal model of the latents, where they are not equations.")
    ] = None
    mixing: Annotated[
        Annotated[MixingDeclaration, *one_of(MIXING)] | None,
        Field(description="The map x = g(z) from latents to what is observed."),
    ] = None
    interventions: Annotated[AnyDesign | None, Field(description="A design that makes the environments.")] = (
        None
    )
    environments: Annotated[
        Environments | None,
        Field(description="The environments one by one: which latent's mechanism is replaced by what."),
    ] = None
    conceal: Annotated[
        tuple[Literal["targets", "pairs", "latents"], ...],
        Field(
            description="What of the truth the estimator may not read: targets, pairs, the number of latents."
        ),
    ] = ()
    samples: Annotated[
        int | dict[str, int],
        BeforeValidator(_samples),
        Field(description="Samples of every environment, or of each by its name."),
    ] = 10_000
    scores: Annotated[
        ScoresDeclaration,
        *one_of(SCORES),
        Field(
            default={"kind": "auto"}, validate_default=True, description="Where score differences come from."
        ),
    ]
    estimator: Annotated[
        EstimatorDeclaration | None,
        *one_of(ESTIMATOR),
        Field(description="The method of recovery; the one that the verdict names where left out."),
    ] = None
    data: Annotated[Data | None, Field(description="Where your own data are, in place of a model.")] = None
    assume: Annotated[
        Assume | None, Field(description="What you assume of the model behind your own data.")
    ] = None
    calibrate: Annotated[
        Calibrate | None, Field(description="A few labelled rows that give latents their units and signs.")
    ] = None

    _source: Any = PrivateAttr(default=None)
    _declared: Any = PrivateAttr(default=None)
    _profile: str | None = PrivateAttr(default=None)

    @property
    def profile(self) -> str | None:
        """The profile of its file that it was read under; None where the file was taken as it stands."""
        return self._profile

    @model_validator(mode="before")
    @classmethod
    def _split_equations(cls, value: Any) -> Any:
        """``latents: {a: equation}`` becomes the names and, beside them, the equations."""
        if isinstance(value, Mapping) and isinstance(value.get("latents"), Mapping):
            latents = dict(value["latents"])
            return {**value, "latents": list(latents), "equations": latents}
        if isinstance(value, Mapping) and value.get("latents") == FROM_ENVIRONMENTS:
            return {**value, "latents_from": "environments"}
        return value

    @model_validator(mode="after")
    def _equations_for_all(self) -> Self:
        if self.equations is not None and tuple(self.equations) != self.latents:
            raise fault("equations must hold one equation per latent, in their order")
        return self

    def without_labels(self) -> Self:
        """The same without ``calibrate``: what an estimate depends on."""
        return self.model_copy(update={"calibrate": None})

    def __repr__(self) -> str:
        from crlspec.spec.glance import spec_line

        return spec_line(self)

    def _repr_html_(self) -> str:
        from crlspec.spec.glance import spec_card

        return spec_card(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.name, self.latents))


SLOTS: tuple[Slot, ...] = (
    INTERVENTIONS,
    MECHANISM,
    NOISE,
    MIXING,
    GRAPH,
    SCORES,
    ESTIMATOR,
)
