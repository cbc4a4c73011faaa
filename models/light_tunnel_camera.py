"""The light tunnel's camera: pixels from the settings of the bench, in torch, after its builders' simulators.

Source: J. L. Gamella, J. Peters, P. Bühlmann, "Causal chambers as a real-world physical testbed for AI methodology",
Nature Machine Intelligence 2025 (arXiv:2404.11341), appendix IV.2.2; package ``causalchamber`` (MIT),
``simulators.lt.ModelF1`` to ``ModelF3``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.errors import CrlspecError
from crlspec.models.light_tunnel_declaration import BALANCE, CROSSED, PARALLEL, RESPONSE, Camera

__all__ = ["CameraLaw", "builders_module", "published_camera"]


def builders_module(name: str) -> Any:
    """A module of the builders' package ``causalchamber``. Raises CrlspecError where it is not installed."""
    try:
        # The package prints a banner and a note on torchvision when it is imported.
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module(name)
    except ImportError as error:
        raise CrlspecError(
            f"the mixing light-tunnel needs the package causalchamber ({error}).",
            "pip install 'crlspec[tunnel]'",
        ) from error


def published_camera(camera: Camera) -> Any:
    """The builders' own numpy simulator of images, with the parameters of their tutorial but for the exposure.

    Raises CrlspecError where the package is not installed.
    """
    module = builders_module("causalchamber.simulators.lt.image.models_f")
    place = {"center_x": 0.5, "center_y": 0.5, "radius": 0.22, "offset": 0, "image_size": camera.size}
    if camera.model == "f1":
        return module.ModelF1(**place)
    lens = {
        "S": np.array(RESPONSE),
        "w_r": BALANCE[0],
        "w_g": BALANCE[1],
        "w_b": BALANCE[2],
        "exposure": camera.gain,
    }
    if camera.model == "f2":
        return module.ModelF2(**lens, **place)
    return module.ModelF3(Tp=np.array([PARALLEL]).T, Tc=np.array([CROSSED]).T, **lens, **place)


class CameraLaw(nn.Module):
    """Pixels of settings: within a hexagon channel k is min(1, (R c)_k (t_k + s_k cos²(θ₁ − θ₂))), elsewhere 0.

    c are the colours (0–255), θ the polarisers. ``response`` R (channel, colour), ``crossed`` t and ``swing`` s
    (channel,) and ``mask`` (pixel,) are read from the builders' simulator.

    Raises CrlspecError where the package ``causalchamber`` is missing.
    """

    def __init__(self, camera: Camera, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        p = published_camera(camera).parameters()
        if camera.model == "f1":
            response, crossed, swing = np.eye(3) / 255, np.zeros(3), np.ones(3)
        else:
            response = p["exposure"] * np.diag([p["w_r"], p["w_g"], p["w_b"]]) @ p["S"] / 255
            crossed = np.ravel(p.get("Tc", np.zeros(3)))
            swing = np.ravel(p.get("Tp", np.ones(3))) - crossed
        module = builders_module("causalchamber.simulators.lt.image.models_f")
        mask = module.hexagon_mask(p["center_x"], p["center_y"], p["radius"], p["offset"], p["image_size"])
        buffers = {"response": response, "crossed": crossed, "swing": swing, "mask": mask.reshape(-1)}
        for name, values in buffers.items():
            self.register_buffer(
                name, torch.tensor(np.array(values, dtype=float), dtype=dtype, device=device)
            )

    def forward(self, colours: Tensor, aligned: Tensor) -> Tensor:
        """Pixels (*sample, row · column · channel) of colours (*sample, 3) and cos²(θ₁ − θ₂) (*sample)."""
        channels = (colours @ self.response.T) * self._through(aligned)
        return (self.mask[:, None] * channels.clamp(0, 1)[..., None, :]).flatten(-2)

    def colours(self, pixels: Tensor, aligned: Tensor) -> Tensor:
        """The colours (*sample, 3) of pixels that do not saturate: what ``forward`` shows, undone."""
        mean = torch.einsum("...pk,p->...k", pixels.unflatten(-1, (-1, 3)), self.mask / self.mask.sum())
        return (mean / self._through(aligned)) @ torch.linalg.inv(self.response).T

    def _through(self, aligned: Tensor) -> Tensor:
        """What both polarisers let through of each channel (*sample, 3)."""
        return self.crossed + self.swing * aligned.unsqueeze(-1)
