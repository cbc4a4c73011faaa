"""Images of a simulated robot: MuJoCo moves its joints and looks through its cameras."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.errors import CrlspecError
from crlspec.models.mujoco_declaration import MujocoMixing
from crlspec.models.scenes import Scene
from crlspec.typing import Jacobian, Latents, Observations

__all__ = ["MujocoScene", "Simulator"]

STEP = 0.1
"""Of central differences, in standard deviations: large beside the 255 grey levels of what is rendered."""


class MujocoScene(Scene):
    """Joints at rest + amplitude · standardised latent, everything else of the model at rest; no dynamics.

    Images come from a renderer with 255 grey levels. They cannot be differentiated: ``jacobian`` takes central
    differences, and transforms of torch (``vmap``, ``grad``) cannot pass through. A renderer belongs to the thread
    that made it.

    Raises CrlspecError where MuJoCo, its model, a joint or a camera is missing.
    """

    def __init__(
        self,
        declaration: MujocoMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__(declaration, latents, dtype, device)
        self.simulator = Simulator(
            declaration.model, declaration.joints, declaration.cameras, declaration.size
        )
        self.amplitude = declaration.amplitude

    def forward(self, z: Latents) -> Observations:
        rows = z.reshape(-1, z.shape[-1])
        light, _ = self.paint(self.standardised(rows), self.grid[:, 0], self.grid[:, 1])
        return light.flatten(-3).reshape(*z.shape[:-1], -1)

    def jacobian(self, z: Latents) -> Jacobian:
        steps = (STEP * self.deviation).diag()
        moved = [(self(z + step) - self(z - step)) / (2 * step.sum()) for step in steps]
        return torch.stack(moved, -1)

    def paint(self, u: Latents, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """As every scene, u (sample, latent). Where cameras are shifted the image is interpolated between pixels."""
        size = self.declaration.size
        apart = self.declaration.nuisance.background > 0
        seen = self.simulator.images((self.amplitude * u).detach().double().cpu().numpy(), apart)
        images = torch.tensor(seen).to(dtype=u.dtype, device=u.device)  # (sample, camera, 4, row, column)
        if x.ndim == 3 and self.declaration.nuisance.jitter > 0:
            places = torch.stack([2 * x - 1, 2 * y - 1], -1).unflatten(-2, (size, size)).flatten(0, 1)
            found = nn.functional.grid_sample(images.flatten(0, 1), places, align_corners=False)
            images = found.unflatten(0, images.shape[:2])
        return images[:, :, :3].flatten(-2), images[:, :, 3].flatten(-2)


class Simulator:
    """A model in MuJoCo with its renderer, made when first needed; copies share it, other processes make anew."""

    def __init__(
        self, path: str | None, joints: tuple[str, ...], cameras: tuple[str, ...], size: int
    ) -> None:
        self.given = (path, joints, cameras, size)
        self.cameras, self.size = cameras, size
        self.mujoco = _package()
        self.model = self._read(path)
        self.data = self.mujoco.MjData(self.model)
        kinds = self.mujoco.mjtJoint
        single = {int(kinds.mjJNT_HINGE), int(kinds.mjJNT_SLIDE)}
        moving = {
            self.model.joint(k).name: int(self.model.jnt_qposadr[k])
            for k in range(self.model.njnt)
            if int(self.model.jnt_type[k]) in single
        }
        self._require("joint", joints, tuple(moving))
        self._require("camera", cameras, tuple(self.model.camera(k).name for k in range(self.model.ncam)))
        self.places = [moving[name] for name in joints]
        self.renderer: Any = None

    def __deepcopy__(self, memo: object) -> Simulator:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Simulator, self.given

    def images(self, moves: np.ndarray, apart: bool) -> np.ndarray:
        """Red, green, blue and cover of what cameras see where joints are moved from rest by (sample, joint):
        (sample, camera, 4, row, column), from 0 to 1. Cover tells things from background only where ``apart``."""
        found = np.ones((len(moves), len(self.cameras), 4, self.size, self.size), dtype=np.float32)
        renderer = self._renderer()
        for image, move in zip(found, moves, strict=True):
            self.data.qpos[:] = self.model.qpos0
            self.data.qpos[self.places] += move
            self.mujoco.mj_kinematics(self.model, self.data)
            self.mujoco.mj_camlight(self.model, self.data)
            for seen, camera in zip(image, self.cameras, strict=True):
                renderer.update_scene(self.data, camera)
                seen[:3] = renderer.render().transpose(2, 0, 1) / np.float32(255)
                if apart:
                    renderer.enable_segmentation_rendering()
                    seen[3] = renderer.render()[:, :, 0] >= 0
                    renderer.disable_segmentation_rendering()
        return found

    def _read(self, path: str | None) -> Any:
        try:
            if path is None:
                text = files("crlspec.models").joinpath("arm.xml").read_text(encoding="utf-8")
                return self.mujoco.MjModel.from_xml_string(text)
            if not Path(path).is_file():
                raise CrlspecError(
                    f"there is no file {path}, which mixing.model names.", "give the path of an MJCF file."
                )
            return self.mujoco.MjModel.from_xml_path(path)
        except ValueError as error:
            raise CrlspecError(
                f"MuJoCo cannot read {path}: {error}", "mend the MJCF file, or choose another."
            ) from error

    def _require(self, what: str, names: tuple[str, ...], there: tuple[str, ...]) -> None:
        strangers = [name for name in names if name not in there]
        if strangers:
            raise CrlspecError(
                f"the MuJoCo model has no {what} {', '.join(strangers)}.",
                f"choose from: {', '.join(there) or 'none'}; name those that the file leaves without a name.",
            )

    def _renderer(self) -> Any:
        if self.renderer is None:
            try:
                self.renderer = self.mujoco.Renderer(self.model, self.size, self.size)
            except Exception as error:  # whatever the platform's OpenGL raises
                raise _blind(error) from error
        return self.renderer


def _package() -> Any:
    try:
        return import_module("mujoco")
    except ImportError as error:
        raise CrlspecError(
            f"the mixing mujoco needs the package mujoco ({error}).", "pip install 'crlspec[robot]'"
        ) from error
    except (
        Exception
    ) as error:  # it loads OpenGL at once, and PyOpenGL raises what it likes where that is missing
        raise _blind(error) from error


def _blind(error: Exception) -> CrlspecError:
    return CrlspecError(
        f"MuJoCo cannot render here: {error}.",
        "set MUJOCO_GL=egl before the start (Debian: libegl1 libegl-mesa0), or use kind: robot-arm.",
    )
