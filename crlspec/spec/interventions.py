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

    times: Annotated[PositiveAmount | None, Field(description="A factor on the variance, above 0.")] = None
    value: Annotated[PositiveAmount | None, Field(description="The new variance, above 0.")] = None


class MeanChange(_OneOfTwo):
    """The noise mean plus a number, or a new value; an interval is drawn from for each intervention."""

    plus: Annotated[Amount | None, Field(description="What is added to the mean.")] = None
    value: Annotated[Amount | None, Field(description="The new mean.")] = None


class NoiseChange(ClosedModel):
    """What an intervention does to the noise of its target."""

    variance: Annotated[VarianceChange | None, Field(description="What becomes of its variance.")] = None
    mean: Annotated[MeanChange | None, Field(description="What becomes of its mean.")] = None


class MechanismChange(ClosedModel):
    """What a soft intervention does to the mechanism f of its target: ``times``·f."""

    times: Annotated[Amount, Field(description="A factor on f: a number, or an interval to draw from.")]


ChangedNoise = Annotated[
    NoiseChange | None, Field(description="What an intervention does to the noise of its target.")
]
ChangedMechanism = Annotated[
    MechanismChange | None, Field(description="What a soft intervention does to the mechanism of its target.")
]


class Change(ClosedModel):
    """What one intervention changes."""

    noise: ChangedNoise = None
    mechanism: ChangedMechanism = None


class Interventions(ClosedModel):
    """A design: how the environments come about. Made explicit by ``resolve``."""

    design: Annotated[str, Field(description="Who is targeted in which environment.")]


class Observational(Interventions):
    """No interventions."""

    examples = ("{design: observational}",)

    design: Literal["observational"] = "observational"


class _Designed(Interventions):
    kind: Annotated[
        Literal["hard", "soft"],
        Field(
            description="hard: the target is cut off from its parents; soft: its mechanism or noise changes."
        ),
    ]
    noise: ChangedNoise = None
    mechanism: ChangedMechanism = None


Targets = Annotated[
    tuple[str, ...] | None, Field(description="The latents that are targeted; all of them where left out.")
]
Second = Annotated[
    Change | None,
    Field(
        description="The change of the second environment of each latent; that of the first where left out."
    ),
]


class SingleNode(_Designed):
    """One environment per latent (or per latent of ``targets``)."""

    examples = (
        "{design: single-node, kind: hard, noise: {variance: {times: 4}}}",
        "{design: single-node, kind: soft, mechanism: {times: 0.3}, noise: {mean: {plus: 1}}, targets: [z2, z3]}",
    )

    design: Literal["single-node"] = "single-node"
    targets: Targets = None


class Coupled(_Designed):
    """Two environments per latent; which two belong together is known; one makes the change ``second``."""

    examples = (
        "{design: coupled, kind: hard, noise: {variance: {value: 0.25}}, second: {noise: {variance: {value: 4}}}}",
        "{design: coupled, kind: soft, mechanism: {times: [0.2, 0.5]}, noise: {mean: {plus: 1}}, "
        "second: {mechanism: {times: -1}, noise: {mean: {value: 3}}}, targets: [z2, z3]}",
    )

    design: Literal["coupled"] = "coupled"
    second: Second = None
    targets: Targets = None


class Uncoupled(_Designed):
    """Two environments per latent; which two belong together is not known."""

    examples = (
        "{design: uncoupled, kind: hard, noise: {mean: {plus: 2}}, second: {noise: {mean: {plus: -2}}}}",
        "{design: uncoupled, kind: soft, mechanism: {times: 0.3}, noise: {variance: {times: 2}}, "
        "second: {noise: {variance: {times: 0.5}}}, targets: [z2, z3]}",
    )

    design: Literal["uncoupled"] = "uncoupled"
    second: Second = None
    targets: Targets = None


class MultiNode(_Designed):
    """Environments with several targets each: given, or drawn with a signature matrix of full rank.

    ``signature: random``: each latent is a target with probability ``density``. ``triangular``: as many environments
    as latents, in random order; one for each latent, which targets it and, with probability ``density``, each of the
    latents listed before it.
    """

    examples = (
        "{design: multi-node, kind: hard, noise: {variance: {times: 0.25}}, environments: 5, density: 0.4}",
        "{design: multi-node, kind: soft, mechanism: {times: 0.3}, noise: {variance: {times: 4}}, "
        "signature: triangular}",
        "{design: multi-node, kind: hard, noise: {variance: {value: 2}}, "
        "targets: {e1: [z1, z2], e2: [z2], e3: [z3]}}",
    )

    design: Literal["multi-node"] = "multi-node"
    environments: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=MAX_ENVIRONMENTS)] | None,
        Field(description="How many environments are drawn; as many as latents where left out."),
    ] = None
    density: Annotated[
        float, Field(strict=True, gt=0, le=1, description="The probability that a latent is a target.")
    ] = 0.5
    signature: Annotated[
        Literal["random", "triangular"], Field(description="How targets are drawn; see above.")
    ] = "random"
    targets: Annotated[
        dict[str, tuple[str, ...]] | None,
        Field(description="The targets of each environment by its name, in place of drawn ones."),
    ] = None


DESIGNS: tuple[type[Interventions], ...] = (Observational, SingleNode, Coupled, Uncoupled, MultiNode)
INTERVENTIONS = fixed("interventions", DESIGNS, Interventions, key="design")
AnyDesign = Annotated[Observational | SingleNode | Coupled | Uncoupled | MultiNode, *one_of(INTERVENTIONS)]


class ReplacedMechanism(ClosedModel):
    """What one environment puts in place of a latent's mechanism.

    ``hard`` cuts the parents and keeps or replaces the noise; ``soft`` replaces mechanism, noise or both.
    """

    examples = (
        "{kind: hard, noise: {kind: normal, variance: 2}}",
        "{kind: soft, mechanism: {kind: linear, weight: 0.1}, noise: {kind: laplace}}",
    )

    kind: Annotated[Literal["hard", "soft"], Field(description="Whether the parents are cut.")]
    mechanism: Annotated[
        Annotated[MechanismDeclaration, *one_of(MECHANISM)] | None,
        Field(description="The new mechanism of a soft intervention."),
    ] = None
    noise: Annotated[
        Annotated[NoiseDeclaration, *one_of(NOISE)] | None, Field(description="The new noise of the latent.")
    ] = None

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
