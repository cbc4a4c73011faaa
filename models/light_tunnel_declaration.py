"""``mixing: {kind: light-tunnel}``: sensors and camera of a real optical bench, declared. No torch here.

Source: J. L. Gamella, S. Bing, J. Runge, "Sanity checking causal representation learning on a simple
real-world system", ICML 2025 (arXiv:2502.20099); the bench itself: Gamella, Peters, Bühlmann, Nature Machine
Intelligence 2025.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.errors import Issue, SpecError
from crlspec.registry import ClosedModel, MixingDeclaration, Number, pixel_names

Actuator = Literal["red", "green", "blue", "pol_1", "pol_2"]
Polariser = Literal["pol_1", "pol_2"]
Sensor = Literal["ir_1", "vis_1", "ir_2", "vis_2", "ir_3", "vis_3", "current", "angle_1", "angle_2"]
ACTUATORS: tuple[Actuator, ...] = ("red", "green", "blue", "pol_1", "pol_2")
LINEAR_SENSORS: tuple[Sensor, ...] = ("ir_1", "vis_1", "ir_2", "vis_2", "current", "angle_1", "angle_2")

# Observational deviations of the published SCM, the square roots of the diagonal of (I − A)⁻¹ Ω (I − A)⁻ᵀ:
# its edges and noise variances stand in specs/light-tunnel/sensors.yaml, its means are zero.
PUBLISHED_DEVIATION = {
    "red": 1.9524848496350118,
    "green": 1.4020622791991353,
    "blue": 1.002507740618495,
    "pol_1": 1.3987381992352965,
    "pol_2": 2.085709396559344,
}

# The camera, after the tutorial of lt.ModelF1 to lt.ModelF3: response of its channels to the light's colours, white
# balance, and what both polarisers together let through of each channel where they are parallel and where crossed.
RESPONSE = (
    (0.2995802, 0.06920322, 0.028159),
    (0.04017132, 0.9209918, 0.31265),
    (0.00217392, 0.2071558, 0.75763),
)
BALANCE = (2.65625, 1.0, 1.77344)
PARALLEL = (0.29, 0.35, 0.33)
CROSSED = (0.02, 0.08, 0.18)
EXPOSURE = {"f1": 1.0, "f2": 0.58, "f3": 1.75}
"""Such that white light through parallel polarisers just does not saturate; the tutorial has 0.8 and 2.5 (f2, f3)."""


class Camera(ClosedModel):
    """Images of a hexagon of one colour before black, by the builders' mechanistic models."""

    model: Annotated[
        Literal["f1", "f2", "f3"],
        Field(description="f1: an ideal camera; f2: its response to colours; f3: imperfect polarisers too."),
    ] = "f3"
    size: Annotated[
        int,
        Field(
            strict=True, ge=4, le=512, description="Pixels a side: size × size × 3 variables, 0 (black) to 1."
        ),
    ] = 64
    exposure: Annotated[
        Annotated[Number, Field(gt=0)] | None,
        Field(description="A factor on all pixels, which are cut at 1; by default nothing saturates."),
    ] = None

    @property
    def gain(self) -> float:
        """The exposure, that of the model where none is given; f1 has none."""
        return EXPOSURE[self.model] if self.exposure is None else self.exposure

    @property
    def saturates(self) -> bool:
        """Whether white light through parallel polarisers is cut at 1."""
        if self.model == "f1":
            return False
        white = np.array(BALANCE) * np.array(RESPONSE).sum(1)
        return bool(self.gain * (white * (np.array(PARALLEL) if self.model == "f3" else 1.0)).max() > 1)


class LightTunnelMixing(MixingDeclaration):
    """Latents set the actuators of the light tunnel; its sensors, its camera, or both are what is observed.

    Each latent is standardised by ``mean`` and ``deviation`` (those of the observational environment),
    clipped to ±``clip``, and drives one actuator over its whole range: the colours red, green, blue over
    0–255 (127.5 at zero), the polarisers pol_1, pol_2 over ±90 degrees. Latents named as the actuators drive
    those; other names in this order.

    Sensors are ir_1, vis_1, ir_2, vis_2, ir_3, vis_3 (light), current, angle_1 and angle_2. The third pair of light
    sensors sits behind both polarisers (Malus' law). Without a camera both angles and three others are needed, or
    latents could not be told apart. Images show three numbers, and of the polarisers cos²(θ₁ − θ₂) alone: five
    latents need both angles beside them. Where polarisers are held, the latents are red, green and blue.
    """

    implementation: ClassVar[str] = "crlspec.models.light_tunnel:LightTunnel"

    examples = (
        "{kind: light-tunnel, observed: 5, sensors: [ir_1, vis_1, current, angle_1, angle_2], "
        "names: [a, b, c, d, e], noise: 0.1, clip: 4, mean: {red: 0.5}, deviation: {red: 2}, "
        "actuators: [red, green, blue, pol_1, pol_2]}",
        "{kind: light-tunnel, polarisers: {pol_1: 0, pol_2: 0}, camera: {model: f2, size: 16, exposure: 0.5}}",
    )

    kind: Literal["light-tunnel"] = "light-tunnel"
    observed: Annotated[
        int, Field(strict=True, ge=1, description="Sensors and pixels together; follows from the rest.")
    ] = len(LINEAR_SENSORS)
    sensors: Annotated[
        tuple[Sensor, ...],
        Field(description="What is measured; left out: none beside a camera, else all but ir_3 and vis_3."),
    ] = LINEAR_SENSORS
    camera: Annotated[Camera | None, Field(description="Images, before the sensors.")] = None
    polarisers: Annotated[
        dict[Polariser, Number] | None,
        Field(description="Angles, in degrees, at which the polarisers are held."),
    ] = None
    mean: Annotated[
        dict[Actuator, Number],
        Field(
            description="Mean by actuator; left out: that of a linear latent model, else the published one."
        ),
    ] = Field(default_factory=dict)
    deviation: Annotated[
        dict[Actuator, Annotated[Number, Field(gt=0)]],
        Field(description="Deviation by actuator; left out: as for the mean."),
    ] = Field(default_factory=dict)
    clip: Annotated[Number, Field(gt=0, description="Standardised latents are cut at ± this.")] = 5.0
    actuators: Annotated[
        tuple[Actuator, ...] | None,
        Field(
            description="The actuator of each latent, in the order of the latents, as a resolved spec says them."
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, value: Any) -> Any:
        """Sensors and the number of observed variables, where they follow from the rest."""
        if not isinstance(value, dict):
            return value
        camera, sensors = value.get("camera"), value.get("sensors")
        if sensors is None:
            held = value.get("polarisers") is not None
            linear = tuple(s for s in LINEAR_SENSORS if not (held and s.startswith("angle")))
            sensors = linear if camera is None else ()
        found = {**value, "sensors": sensors}
        size = camera.get("size", 64) if isinstance(camera, dict) else getattr(camera, "size", 0)
        if "observed" not in value and isinstance(sensors, list | tuple) and isinstance(size, int):
            found["observed"] = max(1, 3 * size**2 + len(sensors))
        return found

    @model_validator(mode="after")
    def _check(self) -> Self:
        sensors, held = set(self.sensors), self.polarisers is not None
        if len(sensors) != len(self.sensors):
            raise PydanticCustomError("sensors", "each sensor may be listed once")
        pixels = 0 if self.camera is None else 3 * self.camera.size**2
        if self.observed != pixels + len(self.sensors):
            raise PydanticCustomError(
                "sensors", "observed must be the number of sensors and pixels; leave it out"
            )
        if held and set(self.polarisers or ()) != {"pol_1", "pol_2"}:
            raise PydanticCustomError("polarisers", "give the angles of both, e.g. {pol_1: 0, pol_2: 0}")
        if held and {"angle_1", "angle_2"} & sensors:
            raise PydanticCustomError(
                "sensors", "where the polarisers are held, angle_1 and angle_2 do not vary: leave them out"
            )
        if not self.camera and held and len(sensors) < 3:
            raise PydanticCustomError("sensors", "at least three are needed to determine three latents")
        if not self.camera and not held and (not {"angle_1", "angle_2"} <= sensors or len(sensors) < 5):
            raise PydanticCustomError(
                "sensors", "angle_1, angle_2 and at least three others are needed to determine five latents"
            )
        if self.actuators is not None and sorted(self.actuators) != sorted(self.driven):
            raise PydanticCustomError(
                "actuators", f"actuators must name all {len(self.driven)}, in the order of the latents"
            )
        return self

    @property
    def driven(self) -> tuple[Actuator, ...]:
        """The actuators that latents drive: the colours alone where the polarisers are held."""
        return ACTUATORS if self.polarisers is None else ACTUATORS[:3]

    @property
    def mixing_class(self) -> Literal["linear", "general"]:  # type: ignore[override]
        """``linear`` (up to the clipping) where nothing sits behind polarisers that move, and nothing saturates."""
        if self.polarisers is None:
            straight = self.camera is None and set(self.sensors) <= set(LINEAR_SENSORS)
        else:
            straight = self.camera is None or not self.camera.saturates
        return "linear" if straight else "general"

    @property
    def is_resolved(self) -> bool:
        """Whether the latents have their actuators."""
        return self.actuators is not None

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(row, column, channel) of the camera."""
        return None if self.camera is None else (self.camera.size, self.camera.size, 3)

    def calibrated(self, mean: Mapping[str, float], deviation: Mapping[str, float]) -> Self:
        """The bench standardised for these latents; what the file itself says comes before."""
        names = dict(zip(mean, self._named(tuple(mean)), strict=True))
        return self.model_copy(
            update={
                "mean": {names[z]: value for z, value in mean.items()} | self.mean,
                "deviation": {names[z]: value for z, value in deviation.items()} | self.deviation,
            }
        )

    def numbers(self, latents: int) -> int:
        return 2 * latents

    def draw(self, rng: object, latents: tuple[str, ...]) -> Self:
        """The same bench with an actuator, mean and deviation for each latent; nothing is drawn.

        Raises SpecError unless there are as many latents as actuators that they drive.
        """
        actuators = self._named(latents)
        mean = {name: self.mean.get(name, 0.0) for name in actuators}
        deviation = {name: self.deviation.get(name, PUBLISHED_DEVIATION[name]) for name in actuators}
        return self.model_copy(update={"actuators": actuators, "mean": mean, "deviation": deviation})

    def _named(self, latents: tuple[str, ...]) -> tuple[Actuator, ...]:
        """The actuator of each latent. Raises SpecError where there are more or fewer."""
        driven = self.driven
        if len(latents) != len(driven):
            word = {3: "three", 5: "five"}[len(driven)]
            held = "" if self.polarisers is None else " where the polarisers are held"
            raise SpecError([Issue(
                "error", f"the light tunnel has {word} actuators{held} ({', '.join(driven)}), got {len(latents)} "
                "latents.",
                f"declare {word} latents, best under these names.", field="mixing",
            )])  # fmt: skip
        return tuple(a for z in latents for a in driven if a == z) if set(latents) == set(driven) else driven

    def observed_names(self) -> tuple[str, ...]:
        """Pixels p<row>_<column>_<channel>, then the sensors' names; or own ``names``."""
        pixels = () if self.image_shape is None else pixel_names(self.image_shape)
        return self.names or (*pixels, *self.sensors)
