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
from crlspec.spec.edge_list import plain_edges, read_edges
from crlspec.spec.interventions import (
    INTERVENTIONS,
    MECHANISM,
    NOISE,
    AnyDesign,
    Environments,
    ReplacedMechanism,
)
from crlspec.spec.known import KnownFacts
from crlspec.spec.links import LinkName
from crlspec.spec.own_data import Data
from crlspec.spec.slots import SLOT_MARK, Slot, entries, fault, fixed, one_of, plain, registered, shown
from crlspec.spec.vocabulary import CHANGES, CONSTANTS, DISTRIBUTIONS, FUNCTIONS

__all__ = ["Assume", "Calibrate", "Data", "RandomGraph", "ReplacedMechanism", "Scm", "Spec"]

MAX_LATENTS = 1000
MAX_NAME = 100
"""Latents of a spec, and characters of the name of one."""
FEWEST_LABELS = 5
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
    density: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.5


class ChainGraph(ClosedModel):
    """Each latent causes the next one in the listed order."""

    kind: Literal["chain"] = "chain"


class CompleteGraph(ClosedModel):
    """Each latent causes all later ones in the listed order."""

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
    """The latent structural causal model; the graph is a tuple of (source, target) pairs once it is known."""

    graph: Annotated[
        tuple[tuple[str, str], ...] | RandomGraph | ChainGraph | CompleteGraph,
        BeforeValidator(_graph),
        PlainSerializer(_plain_graph),
        WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {SLOT_MARK: "graph"}]}),
    ]
    mechanism: Annotated[MechanismDeclaration | dict[str, MechanismDeclaration], *_one_or_each(MECHANISM)]
    noise: Annotated[NoiseDeclaration | dict[str, NoiseDeclaration], *_one_or_each(NOISE)]


def _targets(value: Any) -> Any:
    if value == "concealed" or isinstance(value, Mapping):
        return value
    remedy = "write targets: concealed, or targets: {environment: [latent]}."
    raise fault(f"got {shown(value)}; the targets of each environment are needed", remedy)


class AssumedInterventions(ClosedModel):
    """What is assumed of the interventions behind one's own data. ``changes`` says what soft ones change: how a
    latent depends on its parents (``mechanism``), or only where it lies (``shift``) or how much it varies
    (``scale``)."""

    design: Literal["observational", "single-node", "coupled", "uncoupled", "multi-node"]
    kind: Literal["hard", "soft"] | None = None
    changes: Literal["mechanism", "shift", "scale"] = "mechanism"
    targets: Annotated[Literal["concealed"] | dict[str, tuple[str, ...]], BeforeValidator(_targets)] = (
        "concealed"
    )
    pairs: tuple[tuple[str, str], ...] | None = None


class Assume(ClosedModel):
    """What is assumed of the model behind one's own data; ``noise`` and ``function`` speak of the latents, ``link``
    is that of a glm mixing, x = link(G z). ``observation_noise`` says what noise of unknown size is on x: the same on
    every variable, or each its own. ``beyond_theory`` lets an estimator that the file names run though no
    theorem covers it there; its status is ``undecided`` at best. ``known`` says what of graph and targets is known
    already."""

    mixing: Literal["linear", "glm", "general"]
    link: LinkName | None = None
    interventions: AssumedInterventions
    noise: Literal["gaussian", "other", "unknown"] = "unknown"
    function: Literal["linear", "nonlinear", "unknown"] = "unknown"
    observation_noise: Literal["none", "isotropic", "per-variable"] = "none"
    beyond_theory: bool = False
    known: KnownFacts | None = None


def _labels(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= FEWEST_LABELS:
        return value
    raise fault(
        f"got {shown(value)}; a file of labels, or a number of rows from {FEWEST_LABELS} on, is needed",
        "write labels: labels.csv, or labels: 20 where the truth is known.",
    )


class Calibrate(ClosedModel):
    """A few labelled rows that give latents their units and signs, once the estimate is complete.

    ``labels`` is a table (.csv, .parquet): ``environment``, ``row`` (from 0), and a column of true values for each
    labelled latent; or, where the truth is known, how many rows of the observational environment are drawn.
    ``latents`` says the latent of each column; left out, columns go by the latents' names, or by rank correlation
    where targets are concealed. ``unit`` is named in texts.
    """

    labels: Annotated[
        str | int,
        BeforeValidator(_labels),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": FEWEST_LABELS}]}),
    ]
    latents: dict[str, str] | None = None
    unit: str | None = None


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

    crlspec: Literal[1] = 1
    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "spec"
    latents: Annotated[tuple[str, ...], BeforeValidator(_latents)]
    equations: dict[str, Annotated[str, BeforeValidator(_equation)]] | None = None
    latents_from: Literal["environments"] | None = None
    scm: Scm | None = None
    mixing: Annotated[MixingDeclaration, *one_of(MIXING)] | None = None
    interventions: AnyDesign | None = None
    environments: Environments | None = None
    conceal: tuple[Literal["targets", "pairs", "latents"], ...] = ()
    samples: Annotated[int | dict[str, int], BeforeValidator(_samples)] = 10_000
    scores: Annotated[
        ScoresDeclaration, *one_of(SCORES), Field(default={"kind": "auto"}, validate_default=True)
    ]
    estimator: Annotated[EstimatorDeclaration | None, *one_of(ESTIMATOR)] = None
    data: Data | None = None
    assume: Assume | None = None
    calibrate: Calibrate | None = None

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
