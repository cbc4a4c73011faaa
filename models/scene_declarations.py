"""Scenes: latents set where things are, and cameras look at them. Declared; no torch here."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.models.draws import refusal
from crlspec.registry import ClosedModel, MixingDeclaration, Number

__all__ = ["BallsMixing", "Nuisance", "RobotArmMixing", "SceneMixing"]

Size = Annotated[int, Field(strict=True, ge=4, le=256)]


class Nuisance(ClosedModel):
    """What differs from image to image and says nothing of the latents: drawn anew for each, off by default."""

    light: Annotated[
        Number,
        Field(
            ge=0, le=1, description="Brightness is times a factor from 1 − light to 1 + light, and cut at 1."
        ),
    ] = 0.0
    background: Annotated[
        Number,
        Field(
            ge=0,
            le=1,
            description="A smooth random pattern of each camera and colour, black to this brightness.",
        ),
    ] = 0.0
    jitter: Annotated[
        Number, Field(ge=0, le=64, description="Each camera is shifted by up to so many pixels, either way.")
    ] = 0.0

    @property
    def is_off(self) -> bool:
        """Whether images of the same latents are the same."""
        return self.light == self.background == self.jitter == 0


class SceneMixing(MixingDeclaration):
    """What scenes share: square RGB images of one or several cameras, and latents that are standardised first.

    ``noise`` is on every pixel, where black is 0 and white 1.
    """

    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "general"

    observed: Annotated[
        int, Field(strict=True, ge=1, le=10**6, description="Pixels times channels; follows from the rest.")
    ]
    size: Annotated[Size, Field(description="Pixels a side.")] = 64
    nuisance: Annotated[
        Nuisance, Field(description="What differs from image to image and says nothing of the latents.")
    ] = Nuisance()
    mean: Annotated[
        dict[str, Number],
        Field(description="Observational mean of latents; left out: that of a linear latent model, else 0."),
    ] = Field(default_factory=dict)
    deviation: Annotated[
        dict[str, Annotated[Number, Field(gt=0)]],
        Field(
            description="Observational deviation of latents; left out: that of a linear latent model, else 1."
        ),
    ] = Field(default_factory=dict)
    latents: Annotated[
        tuple[str, ...] | None, Field(description="The latents in their order, as a resolved spec says them.")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _count_pixels(cls, value: Any) -> Any:
        """The number of observed variables follows from the rest."""
        if not isinstance(value, dict) or "observed" in value:
            return value
        views, size = cls._count_views(value), value.get("size", 64)
        counts = views * 3 * size**2 if isinstance(views, int) and isinstance(size, int) else 1
        return {**value, "observed": min(max(counts, 1), 10**6)}

    @model_validator(mode="after")
    def _check_pixels(self) -> Self:
        channels, rows, columns = self.pixels
        if self.observed != channels * rows * columns:
            text = "observed must be the number of pixels and channels, {count}; leave it out"
            raise PydanticCustomError("observed", text, {"count": channels * rows * columns})
        return self

    @classmethod
    def _count_views(cls, value: Mapping[str, Any]) -> Any:
        """The number of cameras in a mapping that is not checked yet."""
        return 1

    @property
    @abstractmethod
    def needed(self) -> int:
        """The number of latents that the scene takes."""

    @property
    @abstractmethod
    def what(self) -> str:
        """What needs them, in words."""

    @property
    @abstractmethod
    def order(self) -> str:
        """What the latents are, in their order, in words."""

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the cameras; camera k gives the channels 3k, 3k + 1 and 3k + 2."""
        return ("front",)

    @property
    def pixels(self) -> tuple[int, int, int]:
        """(channel, y, x): the images of all cameras, one behind the other."""
        return (3 * len(self.views), self.size, self.size)

    @property
    def is_resolved(self) -> bool:
        """Whether the latents have their mean and deviation."""
        return self.latents is not None

    def calibrated(self, mean: Mapping[str, float], deviation: Mapping[str, float]) -> Self:
        """The scene for latents of this mean and deviation; what the file itself says comes before."""
        return self.model_copy(
            update={"mean": {**mean, **self.mean}, "deviation": {**deviation, **self.deviation}}
        )

    def numbers(self, latents: int) -> int:
        return 2 * latents

    def draw(self, rng: object, latents: tuple[str, ...]) -> Self:
        """The same scene with mean and deviation of each latent; nothing is drawn.

        Raises SpecError unless there are as many latents as it takes, or where a mean is given for none of them.
        """
        if len(latents) != self.needed:
            raise refusal(
                "mixing",
                f"{self.what} needs {self.needed} latents, got {len(latents)}.",
                f"declare {self.needed} latents: {self.order}.",
            )
        strangers = sorted((set(self.mean) | set(self.deviation)) - set(latents))
        if strangers:
            raise refusal(
                "mixing.mean",
                f"there is no latent {', '.join(strangers)}; the latents are {', '.join(latents)}.",
                "give mean and deviation by the names of the latents, or leave them out.",
            )
        mean = {name: self.mean.get(name, 0.0) for name in latents}
        deviation = {name: self.deviation.get(name, 1.0) for name in latents}
        return self.model_copy(update={"latents": latents, "mean": mean, "deviation": deviation})

    def observed_names(self) -> tuple[str, ...]:
        """<camera>_<colour>_<row>_<column>, in the order (channel, y, x); or own ``names``."""
        return self.names or tuple(
            f"{camera}_{colour}_{row}_{column}"
            for camera in self.views
            for colour in "rgb"
            for row in range(self.size)
            for column in range(self.size)
        )


PLACES: dict[str, tuple[float, float]] = {"published": (0.58, 0.0), "visible": (0.4, 0.08)}
"""Spread and margin, by setting. A uniform law on [0, 1] has 0.58 of the half width as deviation."""


class BallsMixing(SceneMixing):
    """Balls in a square image: latents 2k − 1 and 2k are x (from the left) and y (from the top) of ball k.

    position = ½ + (½ − margin) · tanh(spread · standardised latent), in widths of the image: smooth, increasing,
    never cut. Discs of radius 0.08 in full HSV colours of equal distance in hue, before black; where they overlap a
    later ball is before an earlier one. Edges are soft over half a pixel, so that images can be differentiated.

    In the setting ``published`` positions are rescaled to all of [0, 1], as in the paper. In ``visible`` four times
    the variance does not squeeze balls to the rim.

    The paper re-orders the noise when it rejects what lies outside, which erases what latents owe to their parents.
    Here every latent has its own interval and dependence is kept.

    Source: B. Varıcı, E. Acartürk, K. Shanmugam, A. Kumar, A. Tajer, "Score-based causal representation learning:
    linear and general transformations", JMLR 2025, section 7.3.
    """

    implementation: ClassVar[str] = "crlspec.models.balls:Balls"

    examples = (
        "{kind: balls, count: 1, size: 32, setting: visible, noise: 0.02, nuisance: {light: 0.2, background: 0.1, "
        "jitter: 1}}",
        "{kind: balls, count: 1, size: 4, observed: 48, setting: published, spread: 0.5, margin: 0.05, "
        "mean: {z1: 0, z2: 0}, deviation: {z1: 1, z2: 2}, latents: [z1, z2]}",
        f"{{kind: balls, count: 1, size: 4, names: [{', '.join(f'p{k}' for k in range(48))}]}}",
    )

    kind: Literal["balls"] = "balls"
    count: Annotated[int, Field(strict=True, ge=1, le=16, description="How many balls.")] = 3
    setting: Annotated[
        Literal["published", "visible"],
        Field(description="published: centres reach the rim; visible: balls stay within the image whole."),
    ] = "visible"
    spread: Annotated[
        Annotated[Number, Field(gt=0, le=10)] | None,
        Field(
            description="The step, in half widths, of one deviation near the middle; 0.58 or 0.4 by the setting."
        ),
    ] = None
    margin: Annotated[
        Annotated[Number, Field(ge=0, lt=0.5)] | None,
        Field(description="How far centres stay from the rim, in widths; 0 or 0.08 by the setting."),
    ] = None

    @property
    def needed(self) -> int:
        return 2 * self.count

    @property
    def what(self) -> str:
        return f"a scene of {self.count} ball{'s' * (self.count > 1)}"

    @property
    def order(self) -> str:
        return "x and y of each ball"

    @property
    def place(self) -> tuple[float, float]:
        """Spread and margin, those of the setting where none are given."""
        spread, margin = PLACES[self.setting]
        return (
            spread if self.spread is None else self.spread,
            margin if self.margin is None else self.margin,
        )


JOINTS = ("base yaw", "shoulder pitch", "elbow pitch", "forearm roll", "wrist pitch", "wrist roll")


class RobotArmMixing(SceneMixing):
    """A robot arm of coloured links, seen by one or two cameras: latents are its joint angles.

    angle = amplitude · standardised latent, in radians, away from a bent pose. The latents in this order: base yaw,
    shoulder pitch, elbow pitch; with six joints forearm roll, wrist pitch, wrist roll as well, which are held at zero
    else. Links are capsules, cameras orthographic, edges soft over half a pixel, nearer links before farther ones.

    Without fins (one tool in the middle) the wrist roll is invisible and the forearm roll nearly, on purpose.

    Source: the setting of "ROPES: robotic pose estimation via score-based causal representation learning"
    (arXiv:2510.20884); the arm is crlspec's own.
    """

    implementation: ClassVar[str] = "crlspec.models.robot_arm:RobotArm"

    examples = (
        "{kind: robot-arm, joints: 3, cameras: 2, size: 32, fins: true, amplitude: 0.5, noise: 0.02, "
        "nuisance: {light: 0.2}}",
        "{kind: robot-arm, joints: 3, size: 4, observed: 48, mean: {z1: 0, z2: 0, z3: 0}, "
        "deviation: {z1: 1, z2: 1, z3: 2}, latents: [z1, z2, z3]}",
        f"{{kind: robot-arm, size: 4, names: [{', '.join(f'p{k}' for k in range(48))}]}}",
    )

    kind: Literal["robot-arm"] = "robot-arm"
    joints: Annotated[Literal[3, 6], Field(description="How many joints move: as many as latents.")] = 3
    cameras: Annotated[
        int, Field(strict=True, ge=1, le=2, description="1 or 2: the second looks at the arm from the side.")
    ] = 1
    fins: Annotated[
        bool, Field(description="A fin on the forearm and two fingers of different colours show the rolls.")
    ] = True
    amplitude: Annotated[Number, Field(gt=0, le=3, description="Radians for each standard deviation.")] = 0.35

    @classmethod
    def _count_views(cls, value: Mapping[str, Any]) -> Any:
        return value.get("cameras", 1)

    @property
    def needed(self) -> int:
        return self.joints

    @property
    def what(self) -> str:
        return f"a robot arm of {self.joints} joints"

    @property
    def order(self) -> str:
        return ", ".join(JOINTS[: self.joints])

    @property
    def views(self) -> tuple[str, ...]:
        return ("front", "side")[: self.cameras]
