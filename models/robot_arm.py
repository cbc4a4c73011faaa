"""A robot arm of capsules: forward kinematics, orthographic cameras and soft edges, in torch."""

from __future__ import annotations

from math import cos, sin

import torch
from torch import Tensor, nn

from crlspec.models.scene_declarations import RobotArmMixing
from crlspec.models.scenes import Scene
from crlspec.typing import Latents

__all__ = ["COLOURS", "RobotArm"]

REST = (0.0, 0.45, 1.0, 0.0, 0.0, 0.0)
"""The bent pose about which the joints turn, in radians."""
CAMERAS = {"front": (0.35, 0.35), "side": (1.75, 0.5)}
"""Azimuth and elevation in radians: the first looks along the arm at rest, the second across it."""
CENTRE, WIDTH = (0.3, 0.0, 0.62), 2.1
"""The point in the middle of every image, and the width of an image, in the unit of the links."""
COLUMN, UPPER, FOREARM, HAND, FINGER = 0.4, 0.5, 0.45, 0.15, 0.2
"""Lengths of the links."""
FIN, SPREAD = 0.25, 0.11
"""How far the fin stands off the forearm, and each finger off the axis of the hand."""
NEAR = 8.0
"""Where two links cover a pixel their shares are weighted by exp(−NEAR · depth)."""

COLOURS = {
    "column": (0.55, 0.55, 0.6),
    "upper arm": (0.9, 0.2, 0.2),
    "forearm": (0.2, 0.8, 0.25),
    "hand": (0.25, 0.4, 1.0),
    "fin": (1.0, 0.85, 0.1),
    "left finger": (1.0, 0.3, 0.9),
    "right finger": (0.2, 0.95, 0.95),
    "tool": (0.95, 0.95, 0.95),
}
RADII = {"column": 0.09, "upper arm": 0.075, "forearm": 0.065, "hand": 0.05, "fin": 0.04,
         "left finger": 0.045, "right finger": 0.045, "tool": 0.045}  # fmt: skip


class RobotArm(Scene):
    """Links at angles rest + amplitude · u of the standardised latents u; see :class:`RobotArmMixing`.

    A link covers the share a = sigmoid((radius − distance) / edge) of a pixel, distances in the plane of the image;
    all links cover 1 − Π(1 − a) of it, in the mean of their colours weighted by a · exp(−8 depth), where depth is
    that of the nearest point of the link's axis.

    Injective near the bent pose where every roll has its fin: each joint moves links that cameras see. Angles far
    from it can hide a link behind others, or turn an arm to a pose that looks the same from one camera.
    """

    colours: Tensor
    radii: Tensor
    frames: Tensor
    start: Tensor

    def __init__(
        self,
        declaration: RobotArmMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__(declaration, latents, dtype, device)
        self.joints, self.amplitude, self.fins = declaration.joints, declaration.amplitude, declaration.fins
        shown = ("fin", "left finger", "right finger") if self.fins else ("tool",)
        self.links = ("column", "upper arm", "forearm", "hand", *shown)
        self.parts = len(self.links)
        self.constant("colours", [COLOURS[link] for link in self.links])
        self.constant("radii", [[RADII[link]] for link in self.links])
        self.constant("frames", [_camera(*CAMERAS[name]) for name in self.cameras])
        self.constant("start", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    def angles(self, z: Latents) -> Tensor:
        """Joint angles in radians away from the pose at rest, (*sample, latent) → (*sample, latent)."""
        return self.amplitude * self.standardised(z)

    def ends(self, u: Latents) -> Tensor:
        """Both ends of every link's axis in space, (*sample, link, 2, 3)."""
        turn = [self.amplitude * u[..., k : k + 1] + REST[k] for k in range(self.joints)]
        turn += [torch.full_like(turn[0], angle) for angle in REST[self.joints :]]
        x, y, z = (axis.expand(*u.shape[:-1], 3) for axis in self.start)
        x, y = _turned(x, y, turn[0])
        shoulder = COLUMN * z
        z, x = _turned(z, x, turn[1])
        elbow = shoulder + UPPER * z
        z, x = _turned(z, x, turn[2])
        wrist = elbow + FOREARM * z
        x, y = _turned(x, y, turn[3])
        fin = (elbow + 0.5 * FOREARM * z, elbow + 0.5 * FOREARM * z + FIN * x)
        z, x = _turned(z, x, turn[4])
        palm = wrist + HAND * z
        x, y = _turned(x, y, turn[5])
        tip = palm + FINGER * z
        links = [(torch.zeros_like(shoulder), shoulder), (shoulder, elbow), (elbow, wrist), (wrist, palm)]
        if self.fins:
            links += [fin, *((palm + s * SPREAD * x, tip + s * SPREAD * x) for s in (1, -1))]
        else:
            links += [(palm, tip)]
        return torch.stack([torch.stack(pair, -2) for pair in links], -3)

    def paint(self, u: Latents, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        seen = (self.ends(u)[..., None, :, :, None, :] * self.frames[:, None, None]).sum(-1)
        seen = seen - self.offsets  # (*sample, camera, link, end, axis): right, up, away, from the middle
        across = (WIDTH * (x - 0.5))[..., None, :] - seen[..., 0, 0:1]
        up = (WIDTH * (0.5 - y))[..., None, :] - seen[..., 0, 1:2]
        along = seen[..., 1, :] - seen[..., 0, :]
        length = (along[..., :2] ** 2).sum(-1, keepdim=True) + 1e-6
        share = ((across * along[..., 0:1] + up * along[..., 1:2]) / length).clamp(0, 1)
        off = (across - share * along[..., 0:1]) ** 2 + (up - share * along[..., 1:2]) ** 2
        inside = (self.radii - (off + 1e-8).sqrt()) / (WIDTH * self.edge)
        cover = nn.functional.logsigmoid(inside)
        depth = seen[..., 0, 2:3] + share * along[..., 2:3]
        weight = (cover - NEAR * depth).softmax(-2)
        covered = -(cover - inside).sum(-2).expm1()
        colour = torch.stack([(weight * self.colours[:, k, None]).sum(-2) for k in range(3)], -2)
        return covered[..., None, :] * colour, covered

    @property
    def offsets(self) -> Tensor:
        """The middle of the images in the axes of each camera, (camera, 1, 1, 3)."""
        middle = sum(value * self.frames[:, :, k] for k, value in enumerate(CENTRE))
        return middle[:, None, None, :]  # type: ignore[index]


def _turned(a: Tensor, b: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Two axes (*sample, 3) of a frame turned in their plane, a towards b, by an angle (*sample, 1)."""
    c, s = angle.cos(), angle.sin()
    return c * a + s * b, c * b - s * a


def _camera(azimuth: float, elevation: float) -> list[list[float]]:
    """Right, up and away of a camera that looks from there at the middle."""
    a, e = azimuth, elevation
    return [
        [-sin(a), cos(a), 0.0],
        [-sin(e) * cos(a), -sin(e) * sin(a), cos(e)],
        [-cos(e) * cos(a), -cos(e) * sin(a), -sin(e)],
    ]
