"""What the interventions of a spec are: designs that make the environments, and explicit replacements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core.core_schema import ValidationInfo

from crlspec.registry import (
    Amount,
    ClosedModel,
    MechanismDeclaration,
    NoiseDeclaration,
    PositiveAmount,
)
from crlspec.spec.slots import SLOT_MARK, Slot, entries, fault, fixed, one_of, plain, registered, shown

MECHANISM: Slot = registered("mechanism", MechanismDeclaration)
NOISE: Slot = registered("noise", NoiseDeclaration)

MAX_ENVIRONMENTS = 2000
MAX_REPLACED = 10_000
"""Environments of a spec, and mechanisms that they replace, together."""


class _OneOfTwo(ClosedModel):
    """Two keys, exactly one of which is given."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        first, second = type(self).model_fields
        given = [name for name in (first, second) if getattr(self, name) is not None]
        if len(given) != 1:
            got = "both" if given else "neither"
            raise fault(
                f"exactly one of {first} and {second} is needed, got {got}", f"write {{{first}: 0.25}}."
            )
        return self


class VarianceChange(_OneOfTwo):
    """The noise variance times a factor, or a new value; an interval is drawn from for each intervention."""

    times: PositiveAmount | None = None
    value: PositiveAmount | None = None


class MeanChange(_OneOfTwo):
    """The noise mean plus a number, or a new value; an interval is drawn from for each intervention."""

    plus: Amount | None = None
    value: Amount | None = None


class NoiseChange(ClosedModel):
    """What an intervention does to the noise of its target."""

    variance: VarianceChange | None = None
    mean: MeanChange | None = None


class MechanismChange(ClosedModel):
    """What a soft intervention does to the mechanism f of its target: ``times``·f."""

    times: Amount


class Change(ClosedModel):
    """What one intervention changes."""

    noise: NoiseChange | None = None
    mechanism: MechanismChange | None = None


class Interventions(ClosedModel):
    """A design: how the environments come about. Made explicit by ``resolve``."""

    design: str


class Observational(Interventions):
    """No interventions."""

    design: Literal["observational"] = "observational"


class _Designed(Interventions):
    kind: Literal["hard", "soft"]
    noise: NoiseChange | None = None
    mechanism: MechanismChange | None = None


class SingleNode(_Designed):
    """One environment per latent (or per latent of ``targets``)."""

    design: Literal["single-node"] = "single-node"
    targets: tuple[str, ...] | None = None


class Coupled(_Designed):
    """Two environments per latent; which two belong together is known; one makes the change ``second``."""

    design: Literal["coupled"] = "coupled"
    second: Change | None = None
    targets: tuple[str, ...] | None = None


class Uncoupled(_Designed):
    """Two environments per latent; which two belong together is not known."""

    design: Literal["uncoupled"] = "uncoupled"
    second: Change | None = None
    targets: tuple[str, ...] | None = None


class MultiNode(_Designed):
    """Environments with several targets each: given, or drawn with a signature matrix of full rank.

    ``signature: random``: each latent is a target with probability ``density``. ``triangular``: as many environments
    as latents, in random order; one for each latent, which targets it and, with probability ``density``, each of the
    latents listed before it.
    """

    design: Literal["multi-node"] = "multi-node"
    environments: Annotated[int, Field(strict=True, ge=1, le=MAX_ENVIRONMENTS)] | None = None
    density: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5
    signature: Literal["random", "triangular"] = "random"
    targets: dict[str, tuple[str, ...]] | None = None


DESIGNS: tuple[type[Interventions], ...] = (Observational, SingleNode, Coupled, Uncoupled, MultiNode)
INTERVENTIONS = fixed("interventions", DESIGNS, Interventions, key="design")
AnyDesign = Annotated[Observational | SingleNode | Coupled | Uncoupled | MultiNode, *one_of(INTERVENTIONS)]


class ReplacedMechanism(ClosedModel):
    """What one environment puts in place of a latent's mechanism.

    ``hard`` cuts the parents and keeps or replaces the noise; ``soft`` replaces mechanism, noise or both.
    """

    kind: Literal["hard", "soft"]
    mechanism: Annotated[MechanismDeclaration, *one_of(MECHANISM)] | None = None
    noise: Annotated[NoiseDeclaration, *one_of(NOISE)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "hard" and self.mechanism is not None:
            raise fault("a hard intervention cuts the parents and takes no mechanism", "remove mechanism.")
        if self.mechanism is None and self.noise is None:
            example = "write {kind: hard, noise: {kind: normal, variance: 2}}."
            raise fault("the intervention replaces nothing", example)
        return self


Replacements = dict[str, str | ReplacedMechanism]


def _replacement(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str | ReplacedMechanism):
        return value
    if isinstance(value, Mapping):
        return ReplacedMechanism.model_validate(dict(value), context=info.context)
    remedy = 'write dose: "Normal(0, 2)", shift(2), scale(0.5), do(1) or {kind: hard, noise: …}.'
    raise fault(f"got {shown(value)}; what replaces the mechanism is needed", remedy)


def _environments(value: Any, info: ValidationInfo) -> Any:
    def environment(replaced: Any) -> Replacements:
        if not isinstance(replaced, Mapping):
            remedy = "write {latent: what replaces its mechanism}, or {} for the observational environment."
            raise fault(f"got {shown(replaced)}; an environment must be a mapping", remedy)
        return dict(entries(replaced.items(), lambda entry: _replacement(entry, info)))

    if not isinstance(value, Mapping) or not value:
        remedy = 'write {control: {}, cut: {dose: "Normal(0, 2)"}}.'
        raise fault(f"got {shown(value)}; a mapping name: environment is needed", remedy)
    if len(value) > MAX_ENVIRONMENTS:
        raise fault(f"got {len(value)} environments", f"at most {MAX_ENVIRONMENTS} are allowed.")
    replaced = sum(len(entry) for entry in value.values() if isinstance(entry, Mapping))
    if replaced > MAX_REPLACED:
        raise fault(f"the environments replace {replaced} mechanisms", f"at most {MAX_REPLACED} are allowed.")
    return dict(entries(((str(name), entry) for name, entry in value.items()), environment))


_REPLACED_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "string"}, {SLOT_MARK: "ReplacedMechanism"}]}
Environments = Annotated[
    dict[str, Replacements],
    BeforeValidator(_environments),
    PlainSerializer(plain),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": _REPLACED_SCHEMA},
        }
    ),
]
