"""Mechanisms whose noise grows or shrinks with the parents: z_i = f(parents) + s(parents) · noise. No torch here."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from crlspec.models.declarations import LinearMechanism, MlpMechanism, QuadraticMechanism, SineMechanism
from crlspec.registry import MechanismDeclaration, Number, Prior, kind_of

FUNCTIONS = {kind_of(one): one for one in (LinearMechanism, QuadraticMechanism, MlpMechanism, SineMechanism)}


def _chosen(value: Any, info: ValidationInfo) -> Any:
    """The function that ``kind`` chooses, so that an error names the very key that is wrong."""
    if isinstance(value, MechanismDeclaration):
        return value
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in FUNCTIONS:
        context = {
            "message": "a function of the parents is needed",
            "remedy": f"write {{kind: linear, …}}; allowed: {', '.join(FUNCTIONS)}.",
        }
        raise PydanticCustomError("fault", "{message}", context)
    return FUNCTIONS[kind].model_validate(dict(value), context=info.context)


AnyFunction = Annotated[
    LinearMechanism | QuadraticMechanism | MlpMechanism | SineMechanism,
    Field(discriminator="kind"),
    BeforeValidator(_chosen),
]
PARTS = ("location", "log_scale")


class LocationScaleMechanism(MechanismDeclaration):
    """z = f(pa) + s(pa) · noise, with s = exp(r tanh(g(pa) / r)) between e^−r and e^r.

    The noise's deviation is times s; its mean is added as it is, whatever the parents.

    Source: A. Immer, C. Schultheiss, J. E. Vogt, B. Schölkopf, P. Bühlmann, A. Marx, "On the identifiability and
    estimation of causal location-scale noise models", ICML 2023.
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:LocationScale"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    examples = (
        "{kind: location-scale, location: {kind: sine}, log_scale: {kind: linear, weight: 0.4}, reach: 1.5}",
    )

    kind: Literal["location-scale"] = "location-scale"
    location: Annotated[AnyFunction, Field(description="f, any other mechanism.")] = LinearMechanism()
    log_scale: Annotated[
        AnyFunction,
        Field(description="g, any other mechanism: log s near 0, bent where it comes near the reach."),
    ] = LinearMechanism(weight=(0.2, 0.6))
    reach: Annotated[Number, Field(gt=0, le=10, description="r, the largest |log s|.")] = 2.0

    @property
    def is_resolved(self) -> bool:
        return self.location.is_resolved and self.log_scale.is_resolved

    def numbers(self, parents: int) -> int:
        return self.location.numbers(parents) + self.log_scale.numbers(parents)

    @property
    def priors(self) -> Mapping[tuple[str, ...], Prior]:
        return {
            (part, *place): prior for part in PARTS for place, prior in getattr(self, part).priors.items()
        }

    def settled(self, choose: Callable[[tuple[str, ...], Prior], Any]) -> Self:
        if not self.priors:
            return self

        def part(name: str) -> MechanismDeclaration:
            found: MechanismDeclaration = getattr(self, name)
            return found.settled(lambda place, prior: choose((name, *place), prior))

        return self.model_copy(update={name: part(name) for name in PARTS})

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        return self.model_copy(update={name: getattr(self, name).draw(rng, node, parents) for name in PARTS})

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"location": self.location.scaled(factor)})
