"""``mixing: {kind: mujoco}``: images of a simulated robot, any that MJCF can tell. Declared; no torch here."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.models.scene_declarations import SceneMixing
from crlspec.registry import Number

__all__ = ["MujocoMixing"]

Name = Annotated[str, Field(min_length=1)]


class MujocoMixing(SceneMixing):
    """A robot in the simulator MuJoCo, seen by its cameras: latents are the positions of joints, in the order of
    ``joints``. It needs the extra ``robot`` and, without a screen, ``MUJOCO_GL=egl``.

    position = that of the model at rest + amplitude · standardised latent, in radians (metres where a joint
    slides). Rendering is not differentiable: the Jacobian comes from central differences.

    Without a ``model`` it is an arm of capsules with the joints base_yaw, shoulder_pitch, elbow_pitch, forearm_roll,
    wrist_pitch and wrist_roll.
    """

    implementation: ClassVar[str] = "crlspec.models.mujoco_scene:MujocoScene"

    examples = (
        "{kind: mujoco, model: robot.xml, joints: [hip, knee], cameras: [front, side], size: 32, amplitude: 0.2, "
        "noise: 0.02, nuisance: {jitter: 1}}",
        "{kind: mujoco, joints: [base_yaw, elbow_pitch], size: 4, observed: 48, mean: {z1: 0, z2: 0}, "
        "deviation: {z1: 1, z2: 2}, latents: [z1, z2]}",
        f"{{kind: mujoco, size: 4, names: [{', '.join(f'p{k}' for k in range(48))}]}}",
    )

    kind: Literal["mujoco"] = "mujoco"
    model: Annotated[
        str | None, Field(description="An MJCF file; a relative path is taken from the working folder.")
    ] = None
    joints: Annotated[
        tuple[Name, ...],
        Field(min_length=1, description="Names of hinges or slides in the model, one for each latent."),
    ] = ("base_yaw", "shoulder_pitch", "elbow_pitch")
    cameras: Annotated[
        tuple[Name, ...], Field(min_length=1, max_length=8, description="Names of cameras in the model.")
    ] = ("front",)
    amplitude: Annotated[
        Number, Field(gt=0, description="Radians, or metres, for each standard deviation.")
    ] = 0.35

    @classmethod
    def _count_views(cls, value: Mapping[str, Any]) -> Any:
        cameras = value.get("cameras", ("front",))
        return len(cameras) if isinstance(cameras, list | tuple) else None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for field, names in (("joints", self.joints), ("cameras", self.cameras)):
            if len(set(names)) != len(names):
                raise PydanticCustomError("names", "{field} must name each once", {"field": field})
        return self

    @property
    def needed(self) -> int:
        return len(self.joints)

    @property
    def what(self) -> str:
        return f"a robot of {self.needed} joint{'s' * (self.needed > 1)}"

    @property
    def order(self) -> str:
        return ", ".join(self.joints)

    @property
    def views(self) -> tuple[str, ...]:
        return self.cameras
