"""The light tunnel: x = the sensors of an optical bench, in torch, after its builders' mechanistic simulator.

Source: J. L. Gamella, S. Bing, J. Runge, "Sanity checking causal representation learning on a simple
real-world system", ICML 2025 (arXiv:2502.20099), appendix C; package ``causalchamber`` (MIT),
``simulators.lt.Deterministic``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from crlspec.errors import CrlspecError
from crlspec.generative.mixing import Mixing

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
    try:
        # The package prints a banner and a note on torchvision when it is imported.
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module("causalchamber.simulators.lt.sensors.main")
    except ImportError as error:
        raise CrlspecError(
            f"the mixing light-tunnel needs the package causalchamber ({error}).",
            "pip install 'crlspec[tunnel]'",
        ) from error
    return module.Deterministic(**{name: np.asarray(value) for name, value in PUBLISHED.items()})


class LightTunnel(Mixing):
    """x = sensors(actuators(clip((z − mean) / deviation))): shapes (*sample, 5) → (*sample, sensor).

    With c the three colours (25.5·z + 127.5 each) and θ the polarisers (18·z degrees), every light sensor
    reads a·c, the third pair a·c + cos²(θ₁ − θ₂) b·c (Malus' law), the current q·c + q₀ and the angle sensors
    A·θ + a. Without the third pair the map is linear, up to the clipping at ±5 deviations, which a standard
    normal passes once in 1.7 million draws; shifted environments pass it more often, though still rarely.
    Where clipped, the map is flat and not injective. Units: raw counts of the bench. The numbers are read
    from the simulator, and the sum is done in torch, so that it can be differentiated.

    ``matrix`` (sensor, latent) and ``offset`` (sensor,) of the linear law exist where no third sensor is
    listed; the inverse wherever the linear sensors determine all five latents.

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
        actuators = declaration.actuators
        self.clip = declaration.clip

        def buffer(name: str, values: Any) -> None:
            self.register_buffer(name, torch.tensor(np.array(values), dtype=dtype, device=device))

        buffer("mean", [declaration.mean[name] for name in actuators])
        buffer("deviation", [declaration.deviation[name] for name in actuators])
        buffer("gain", [25.5 if name in COLOURS else 18.0 for name in actuators])
        buffer("rest", [127.5 if name in COLOURS else 0.0 for name in actuators])
        linear, malus, constant = _optics(published_simulator())
        rows = [SENSORS.index(sensor) for sensor in declaration.sensors]
        columns = [("red", "green", "blue", "pol_1", "pol_2").index(name) for name in actuators]
        buffer("linear", linear[np.ix_(rows, columns)])
        buffer("malus", malus[np.ix_(rows, columns)])
        buffer("constant", constant[rows])
        self._polarisers = (actuators.index("pol_1"), actuators.index("pol_2"))
        self._straight = torch.nonzero(self.malus.abs().sum(-1) == 0).flatten().tolist()
        matrix = self.linear * (self.gain / self.deviation)
        if len(self._straight) == len(rows):
            self.register_buffer("matrix", matrix)
            self.register_buffer("offset", self.constant + self.linear @ self.rest - matrix @ self.mean)
        straight = matrix[self._straight]
        self.has_inverse = bool(
            len(straight) >= 5 and torch.linalg.matrix_rank(straight / straight.norm(dim=0)) == 5
        )

    def actuators(self, z: Tensor) -> Tensor:
        """What the latents set: (*sample, 5), colours in 0–255 and polarisers in degrees, in the order of the
        latents.
        """
        standard = ((z - self.mean) / self.deviation).clamp(-self.clip, self.clip)
        return self.gain * standard + self.rest

    def forward(self, z: Tensor) -> Tensor:
        """x = g(z), shapes (*sample, 5) → (*sample, sensor)."""
        settings = self.actuators(z)
        x = settings @ self.linear.T + self.constant
        if len(self._straight) == len(self.observed):
            return x
        first, second = self._polarisers
        aligned = torch.cos(torch.deg2rad(settings[..., first] - settings[..., second])) ** 2
        return x + aligned.unsqueeze(-1) * (settings @ self.malus.T)

    def inverse(self, x: Tensor) -> Tensor:
        """z of unclipped readings by least squares on the linear sensors, shapes (*sample, sensor) →
        (*sample, 5).

        Raises CrlspecError where the linear sensors do not determine all five latents.
        """
        if not self.has_inverse:
            return super().inverse(x)
        rows = self._straight
        settings = (x[..., rows] - self.constant[rows]) @ torch.linalg.pinv(self.linear[rows]).T
        return (settings - self.rest) / self.gain * self.deviation + self.mean


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
