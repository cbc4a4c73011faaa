"""Balls in a square image: two latents a ball, soft discs in HSV colours, later balls before earlier ones."""

from __future__ import annotations

import colorsys
from typing import Any

import torch
from torch import Tensor

from crlspec.models.scene_declarations import BallsMixing
from crlspec.models.scenes import Scene
from crlspec.typing import Latents

__all__ = ["RADIUS", "Balls"]

RADIUS = 0.08
"""In widths of the image."""


class Balls(Scene):
    """Discs at ½ + (½ − margin) tanh(spread · u), (x, y) of each ball in widths of the image.

    A disc covers the share sigmoid((radius − distance) / edge) of a pixel, with ``edge`` half a pixel. Balls are laid
    one over the other, the last on top.

    Injective: tanh is strictly increasing, and soft discs of different colours show where each of them is. A ball
    that another one hides whole shows by its soft edge alone.
    """

    colours: Tensor

    def __init__(
        self,
        declaration: BallsMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__(declaration, latents, dtype, device)
        self.count = self.parts = declaration.count
        self.spread, self.margin = declaration.place
        hues = [k / self.count for k in range(self.count)]
        self.constant("colours", [list(colorsys.hsv_to_rgb(hue, 1.0, 1.0)) for hue in hues])

    def positions(self, z: Latents) -> Tensor:
        """(x, y) of every ball, (*sample, latent) → (*sample, ball, 2)."""
        return self._positions(self.standardised(z))

    def _positions(self, u: Latents) -> Tensor:
        return (0.5 + (0.5 - self.margin) * (self.spread * u).tanh()).unflatten(-1, (self.count, 2))

    def paint(self, u: Latents, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        places = self._positions(u)
        light: Any = 0
        clear = torch.ones_like(x)
        for k in reversed(range(self.count)):
            across = x - places[..., None, k, 0:1]
            down = y - places[..., None, k, 1:2]
            distance = (across**2 + down**2 + 1e-8).sqrt()
            disc = ((RADIUS - distance) / self.edge).sigmoid()
            light = light + (clear * disc)[..., None, :] * self.colours[k, :, None]
            clear = clear * (1 - disc)
        return light, 1 - clear
