"""The light tunnel: x = sensors and images of an optical bench, in torch, after its builders' mechanistic simulators.

Source: J. L. Gamella, S. Bing, J. Runge, "Sanity checking causal representation learning on a simple
real-world system", ICML 2025 (arXiv:2502.20099), appendix C; package ``causalchamber`` (MIT),
``simulators.lt.Deterministic``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from crlspec.generative.mixing import Mixing
from crlspec.models.light_tunnel_camera import CameraLaw, builders_module
from crlspec.models.light_tunnel_declaration import ACTUATORS

if TYPE_CHECKING:
    from crlspec.models.light_tunnel_declaration import LightTunnelMixing

__all__ = ["LightTunnel", "published_simulator"]

COLOURS = ("red", "green", "blue")
SENSORS = ("ir_1", "vis_1", "ir_2", "vis_2", "ir_3", "vis_3", "current", "angle_1", "angle_2")

# Fitted to the bench by its builders on a separate calibration set: the package's tutorial of
# lt.Deterministic.
PUBLISHED = {
    "S": [[4.34165202, 2.8594438, 1.91565691], [0.89410569, 1.58679242, 2.68477163]],
    "d1": 0.1,
    "d2": 0.17,
    "d3": 0.25,
    "Ts": [0.42685688, 0.41231782, 0.46652526],
    "Tp": [0.2909342, 0.29624314, 0.30526271],
    "Tc": [0.00431032, 0.01447611, 0.02041075],
    "Q": [0.12834946, 0.12870338, 0.13078523],
    "C0": 58.13307318503893,
    "A": 1.42261211,
    "a1": 506.8049747171294,
    "a2": 510.98343062774353,
}
# Sensor settings of the published experiments: photodiode sizes, exposure times, reference voltages.
SETTINGS = {
    **{f"diode_ir_{k}": 2 for k in (1, 2, 3)},
    **{f"diode_vis_{k}": 1 for k in (1, 2, 3)},
    **{f"t_{light}_{k}": 3 for light in ("ir", "vis") for k in (1, 2, 3)},
    **{"v_c": 5, "v_angle_1": 5, "v_angle_2": 5},
}


def published_simulator() -> Any:
    """The builders' own numpy simulator, ``causalchamber.simulators.lt.Deterministic``, with its published
    parameters.

    Raises CrlspecError where the package is not installed.
    """
    module = builders_module("causalchamber.simulators.lt.sensors.main")
    return module.Deterministic(**{name: np.asarray(value) for name, value in PUBLISHED.items()})


class LightTunnel(Mixing):
    """x = (pixels, sensors) of actuators(clip((z − mean) / deviation)), (*sample, latent) → (*sample, observed).

    With c the three colours (25.5·z + 127.5 each) and θ the polarisers (18·z degrees, or held), every light sensor
    reads a·c, the third pair a·c + cos²(θ₁ − θ₂) b·c (Malus' law), the current q·c + q₀ and the angle sensors
    A·θ + a; pixels are those of :class:`CameraLaw`. Without the third pair and the camera, or with held polarisers,
    the map is linear, up to the clipping at ±5 deviations, which a standard normal passes once in 1.7 million
    draws; shifted environments pass it more often, though still rarely. Where clipped, the map is flat and not
    injective. Units: raw counts of the bench, pixels from 0 to 1. The numbers are read from the simulators, and
    the sum is done in torch, so that it can be differentiated.

    ``matrix`` (observed, latent) and ``offset`` (observed,) of the linear law exist where the mixing class is linear;
    the inverse wherever the linear sensors, or the angles and pixels that never saturate, determine the latents.

    Raises CrlspecError where the package ``causalchamber`` is missing.
    """

    def __init__(
        self,
        declaration: LightTunnelMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        declaration = declaration.draw(None, latents)
        super().__init__(declaration.observed_names())
        assert declaration.actuators is not None
        actuators, held = declaration.actuators, declaration.polarisers
        self.clip = declaration.clip

        def buffer(name: str, values: Any) -> None:
            self.register_buffer(
                name, torch.tensor(np.array(values, dtype=float), dtype=dtype, device=device)
            )

        buffer("mean", [declaration.mean[name] for name in actuators])
        buffer("deviation", [declaration.deviation[name] for name in actuators])
        # settings (actuator) = drive (actuator, latent) · standardised latents + rest
        gain = {name: 25.5 if name in COLOURS else 18.0 for name in ACTUATORS}
        buffer("drive", [[gain[name] * (name == own) for own in actuators] for name in ACTUATORS])
        buffer("rest", [127.5] * 3 + ([0.0, 0.0] if held is None else [held["pol_1"], held["pol_2"]]))
        linear, malus, constant = _optics(published_simulator())
        rows = [SENSORS.index(sensor) for sensor in declaration.sensors]
        buffer("linear", linear[rows])
        buffer("malus", malus[rows])
        buffer("constant", constant[rows])
        self.camera = None if declaration.camera is None else CameraLaw(declaration.camera, dtype, device)
        self._pixels = len(self.observed) - len(rows)
        if declaration.mixing_class == "linear":
            origin = self.mean[None]
            self.register_buffer("matrix", self.jacobian(origin)[0])
            self.register_buffer("offset", self.forward(origin)[0] - self.matrix @ self.mean)
        angles = [declaration.sensors.index(a) for a in ("angle_1", "angle_2") if a in declaration.sensors]
        self._angles = angles if held is None else []
        straight = (malus[rows] == 0).all(-1) | (held is not None)
        self._light = np.flatnonzero(straight & linear[rows][:, :3].any(-1)).tolist()
        by_camera = declaration.camera is not None and not declaration.camera.saturates
        by_sensors = bool(np.linalg.matrix_rank(linear[rows][self._light, :3]) == 3)
        self.has_inverse = (held is not None or len(angles) == 2) and (by_camera or by_sensors)
        self._by_camera = by_camera

    def actuators(self, z: Tensor) -> Tensor:
        """The settings of the bench (*sample, 5): colours in 0–255 and polarisers in degrees, red, green, blue,
        pol_1, pol_2.
        """
        standard = ((z - self.mean) / self.deviation).clamp(-self.clip, self.clip)
        return standard @ self.drive.T + self.rest

    def forward(self, z: Tensor) -> Tensor:
        """x = g(z), shapes (*sample, latent) → (*sample, observed)."""
        settings = self.actuators(z)
        aligned = _aligned(settings)
        x = settings @ self.linear.T + self.constant + aligned.unsqueeze(-1) * (settings @ self.malus.T)
        return x if self.camera is None else torch.cat([self.camera(settings[..., :3], aligned), x], -1)

    def inverse(self, x: Tensor) -> Tensor:
        """z of unclipped readings, shapes (*sample, observed) → (*sample, latent): angles from their sensors, colours
        from the pixels, or without a camera by least squares on the linear sensors.

        Raises CrlspecError where these do not determine all latents.
        """
        if not self.has_inverse:
            return super().inverse(x)
        readings = x[..., self._pixels :] - self.constant
        settings = self.rest.expand(*x.shape[:-1], 5).clone()
        if self._angles:
            settings[..., 3:] = readings[..., self._angles] / self.linear[self._angles, 3:].diagonal()
        aligned = _aligned(settings)
        if self.camera is not None and self._by_camera:
            settings[..., :3] = self.camera.colours(x[..., : self._pixels], aligned)
        else:
            gains = (self.linear + aligned.unsqueeze(-1).unsqueeze(-1) * self.malus)[..., self._light, :3]
            light = readings[..., self._light].unsqueeze(-1)
            settings[..., :3] = torch.linalg.lstsq(gains, light).solution.squeeze(-1)
        standard = (settings - self.rest) @ torch.linalg.pinv(self.drive).T
        return standard * self.deviation + self.mean


def _aligned(settings: Tensor) -> Tensor:
    """cos²(θ₁ − θ₂) (*sample) of the settings (*sample, 5)."""
    return torch.cos(torch.deg2rad(settings[..., 3] - settings[..., 4])) ** 2


def _optics(simulator: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The simulator's law as x = linear·a + cos²(θ₁ − θ₂) malus·a + constant, in the order of SENSORS and
    actuators.
    """
    p = simulator.parameters()
    exposure = np.array([2.0 ** (SETTINGS["diode_ir_1"] + SETTINGS["t_ir_1"]),
                         2.0 ** (SETTINGS["diode_vis_1"] + SETTINGS["t_vis_1"])])  # fmt: skip
    response = exposure[:, None] * np.asarray(p["S"])
    linear, malus, constant = np.zeros((9, 5)), np.zeros((9, 5)), np.zeros(9)
    linear[0:2, :3] = response
    linear[2:4, :3] = response * p["Ts"] * (p["d1"] / p["d2"]) ** 2
    linear[4:6, :3] = response * p["Tc"] * (p["d1"] / p["d3"]) ** 2
    malus[4:6, :3] = response * (p["Tp"] - p["Tc"]) * (p["d1"] / p["d3"]) ** 2
    linear[6, :3] = np.asarray(p["Q"]) * 5.0 / SETTINGS["v_c"]
    linear[7, 3] = p["A"] * 5.0 / SETTINGS["v_angle_1"]
    linear[8, 4] = p["A"] * 5.0 / SETTINGS["v_angle_2"]
    constant[6:] = p["C0"], p["a1"], p["a2"]
    return linear, malus, constant
