"""``mixing: {kind: light-tunnel}``: the sensors of a real optical bench, declared. No torch here.

Source: J. L. Gamella, S. Bing, J. Runge, "Sanity checking causal representation learning on a simple
real-world system", ICML 2025 (arXiv:2502.20099); the bench itself: Gamella, Peters, Bühlmann, Nature Machine
Intelligence 2025.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.errors import Issue, SpecError
from crlspec.registry import MixingDeclaration, Number

ACTUATORS = ("red", "green", "blue", "pol_1", "pol_2")
LINEAR_SENSORS = ("ir_1", "vis_1", "ir_2", "vis_2", "current", "angle_1", "angle_2")
Actuator = Literal["red", "green", "blue", "pol_1", "pol_2"]
Sensor = Literal["ir_1", "vis_1", "ir_2", "vis_2", "ir_3", "vis_3", "current", "angle_1", "angle_2"]

# Observational deviations of the published SCM, the square roots of the diagonal of (I − A)⁻¹ Ω (I − A)⁻ᵀ:
# its edges and noise variances stand in specs/light-tunnel/sensors.yaml, its means are zero.
PUBLISHED_DEVIATION = {
    "red": 1.9524848496350118,
    "green": 1.4020622791991353,
    "blue": 1.002507740618495,
    "pol_1": 1.3987381992352965,
    "pol_2": 2.085709396559344,
}


class LightTunnelMixing(MixingDeclaration):
    """Five latents set the actuators of the light tunnel; its sensors are what is observed.

    Each latent is standardised by ``mean`` and ``deviation`` (those of the observational environment),
    clipped to ±``clip``, and drives one actuator over its whole range: the colours red, green, blue over
    0–255 (127.5 at zero), the polarisers pol_1, pol_2 over ±90 degrees. Latents named as the actuators drive
    those; other names in this order.

    sensors    what is observed, out of ir_1, vis_1, ir_2, vis_2, ir_3, vis_3 (light), current, angle_1 and
               angle_2; by default all but the third pair of light sensors, which sits behind both polarisers
               (Malus' law); both angles and three others are needed, or latents could not be told apart
    mean, deviation   by actuator; those of the published SCM where left out
    """

    implementation: ClassVar[str] = "crlspec.models.light_tunnel:LightTunnel"

    kind: Literal["light-tunnel"] = "light-tunnel"
    observed: Annotated[int, Field(strict=True, ge=1, le=9)] = len(LINEAR_SENSORS)
    sensors: Annotated[tuple[Sensor, ...], Field(min_length=1)] = LINEAR_SENSORS
    mean: dict[Actuator, Number] = Field(default_factory=dict)
    deviation: dict[Actuator, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)
    clip: Annotated[Number, Field(gt=0)] = 5.0
    actuators: tuple[Actuator, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _count_sensors(cls, value: Any) -> Any:
        if (
            isinstance(value, dict)
            and "observed" not in value
            and isinstance(value.get("sensors"), list | tuple)
        ):
            return {**value, "observed": max(1, min(len(value["sensors"]), 9))}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.sensors)) != len(self.sensors):
            raise PydanticCustomError("sensors", "each sensor may be listed once")
        if self.observed != len(self.sensors):
            raise PydanticCustomError("sensors", "observed must be the number of sensors; leave it out")
        if not {"angle_1", "angle_2"} <= set(self.sensors) or len(self.sensors) < len(ACTUATORS):
            raise PydanticCustomError(
                "sensors", "angle_1, angle_2 and at least three others are needed to determine five latents"
            )
        if self.actuators is not None and sorted(self.actuators) != sorted(ACTUATORS):
            raise PydanticCustomError(
                "actuators", "actuators must name all five, in the order of the latents"
            )
        return self

    @property
    def mixing_class(self) -> Literal["linear", "general"]:  # type: ignore[override]
        """``linear`` (up to the clipping) without the third light sensors, ``general`` with one of them."""
        return "linear" if set(self.sensors) <= set(LINEAR_SENSORS) else "general"

    @property
    def is_resolved(self) -> bool:
        """Whether the latents have their actuators."""
        return self.actuators is not None

    def draw(self, rng: object, latents: tuple[str, ...]) -> Self:
        """The same bench with an actuator, mean and deviation for each latent; nothing is drawn.

        Raises SpecError unless there are five latents.
        """
        if len(latents) != len(ACTUATORS):
            raise SpecError([Issue(
                "error", f"the light tunnel has five actuators ({', '.join(ACTUATORS)}), got {len(latents)} "
                "latents.",
                "declare five latents, best under these names.", field="mixing",
            )])  # fmt: skip
        actuators = latents if set(latents) == set(ACTUATORS) else ACTUATORS
        mean = {name: self.mean.get(name, 0.0) for name in actuators}
        deviation = {name: self.deviation.get(name, PUBLISHED_DEVIATION[name]) for name in actuators}
        return self.model_copy(update={"actuators": tuple(actuators), "mean": mean, "deviation": deviation})

    def observed_names(self) -> tuple[str, ...]:
        """The sensors' names, or own ``names``."""
        return self.names or self.sensors
