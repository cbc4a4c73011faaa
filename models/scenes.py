"""Images of scenes in torch: what balls, arms and simulators share, with what differs from image to image."""

from __future__ import annotations

import abc
import copy
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from crlspec.errors import CrlspecError
from crlspec.generative.mixing import Mixing
from crlspec.models.draws import require_resolved
from crlspec.models.scene_declarations import SceneMixing
from crlspec.typing import Latents, Observations

__all__ = ["Scene", "View", "Views"]

WAVES = 3
"""Of the random background of a camera."""
ELEMENTS = {"cpu": 2**21}
"""Numbers that are held for a batch: what stays in the caches of a CPU."""
MANY = 2**26
"""The same elsewhere."""


@dataclass(frozen=True)
class View:
    """What differs from image to image: ``shift`` (sample, camera, 2) in pixels, ``factor`` (sample, 1) of the light
    and the waves of the background, (sample, camera, wave, 2) in turns a width and phases (sample, camera, 3, wave).
    """

    shift: Tensor
    factor: Tensor
    turns: Tensor
    phases: Tensor


class Views:
    """Views drawn at once for ``count`` images; an image's own do not depend on how many others follow."""

    def __init__(self, count: int, cameras: int, declaration: Any, generator: torch.Generator) -> None:
        self.cameras, self.nuisance = cameras, declaration.nuisance
        width = 1 + cameras * (2 + 5 * WAVES)
        place: dict[str, Any] = {"dtype": torch.float64, "device": generator.device}
        self.numbers = torch.rand(count, width, generator=generator, **place)

    def part(self, rows: slice, like: Tensor) -> View:
        """Those of some images, where and in the dtype of ``like``."""
        u = self.numbers[rows].to(dtype=like.dtype, device=like.device)
        c = self.cameras
        factor, shift, turns, phases = u.split([1, 2 * c, 2 * c * WAVES, 3 * c * WAVES], -1)
        return View(
            shift=self.nuisance.jitter * (2 * shift.unflatten(-1, (c, 2)) - 1),
            factor=1 + self.nuisance.light * (2 * factor - 1),
            turns=3 * turns.unflatten(-1, (c, WAVES, 2)) - 1.5,
            phases=2 * torch.pi * phases.unflatten(-1, (c, 3, WAVES)),
        )


class Scene(Mixing):
    """x = images of a scene set by the standardised latents, from 0 (black) to 1, flattened from (channel, y, x).

    A scene writes ``paint``. The map ``forward`` is without nuisance; :meth:`observe` and :meth:`render` draw it.

    Attributes:
        mean, deviation: of the latents, (latent,).
        grid: the middle of every pixel as (x, y), (pixel, 2) in widths of the image, from its upper left corner.
        edge: half a pixel, in widths of the image.
    """

    mean: Tensor
    deviation: Tensor
    grid: Tensor
    parts = 1
    """Things in the picture, each of which takes a number for every pixel."""

    def __init__(
        self,
        declaration: SceneMixing,
        latents: tuple[str, ...],
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__(declaration.observed_names())
        require_resolved(declaration)
        self.declaration = declaration
        self.image_shape, self.cameras = declaration.pixels, declaration.views
        self._place: dict[str, Any] = {"dtype": dtype, "device": device}
        self.constant("mean", [declaration.mean[name] for name in latents])
        self.constant("deviation", [declaration.deviation[name] for name in latents])
        size = declaration.size
        middle = [(k + 0.5) / size for k in range(size)]
        self.constant("grid", [[x, y] for y in middle for x in middle])
        self.edge = 0.5 / size

    def constant(self, name: str, values: Any) -> None:
        """Keep numbers in a buffer."""
        self.register_buffer(name, torch.tensor(values, dtype=torch.float64).to(**self._place))

    @abc.abstractmethod
    def paint(self, u: Latents, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen at places (x, y) of the image, each (*sample or 1, camera, pixel) in its widths.

        Returns the light of all things, (*sample, camera, 3, pixel), and which share of each pixel they cover,
        (*sample, camera, pixel); u are the standardised latents (*sample, latent).
        """

    def standardised(self, z: Latents) -> Latents:
        """(z − mean) / deviation."""
        return (z - self.mean) / self.deviation

    def forward(self, z: Latents) -> Observations:
        ones = z.new_ones(*(1,) * (z.ndim - 1), len(self.cameras), 1)
        light, _ = self.paint(self.standardised(z), self.grid[:, 0] * ones, self.grid[:, 1] * ones)
        return light.clamp(0, 1).flatten(-3)

    def observe(self, z: Latents, generator: torch.Generator) -> Observations:
        """Images with the nuisance that is declared, drawn from ``generator``: (*sample, channel · y · x)."""
        rows = z.reshape(-1, z.shape[-1])
        views = Views(len(rows), len(self.cameras), self.declaration, generator)
        found = [self._seen(rows[k], views.part(k, rows)) for k in self._batches(len(rows), None)]
        return torch.cat(found).reshape(*z.shape[:-1], -1)

    @torch.no_grad()
    def render(self, z: Latents, generator: torch.Generator, batch: int | None = None) -> Tensor:
        """Images as a camera stores them: uint8 (*sample, channel, y, x), on the device of the mixing, with
        nuisance and pixel ``noise``. They are computed in float32, ``batch`` at a time (by default
        as many as memory is quick with), and the same whatever its size.

        Raises CrlspecError where ``batch`` is below 1.
        """
        scene = copy.deepcopy(self).to(torch.float32)
        rows = z.reshape(-1, z.shape[-1]).to(dtype=torch.float32, device=scene.mean.device)
        views = Views(len(rows), len(self.cameras), self.declaration, generator)
        assert self.image_shape is not None
        found = torch.empty(len(rows), *self.image_shape, dtype=torch.uint8, device=rows.device)
        for k in self._batches(len(rows), batch):
            x = scene._seen(rows[k], views.part(k, rows))
            if self.declaration.noise > 0:
                x = x + self.declaration.noise * _normal_rows(x, generator)
            found[k] = (255 * x).round().clamp(0, 255).to(torch.uint8).unflatten(-1, self.image_shape)
        return found.reshape(*z.shape[:-1], *self.image_shape)

    def _seen(self, z: Latents, view: View) -> Observations:
        """Images (sample, channel · y · x) of (sample, latent) with their nuisance."""
        nuisance = self.declaration.nuisance
        if nuisance.is_off:
            return self(z)
        x, y = (self.grid[:, k] - view.shift[..., k, None] / self.declaration.size for k in (0, 1))
        light, cover = self.paint(self.standardised(z), x, y)
        if nuisance.background > 0:
            turns = view.turns[..., None]
            angle = 2 * torch.pi * (turns[:, :, :, 0] * x[:, :, None] + turns[:, :, :, 1] * y[:, :, None])
            waves = (angle[:, :, None] + view.phases[..., None]).cos().mean(-2)
            light = light + (1 - cover)[:, :, None] * (0.5 * nuisance.background * (1 + waves))
        return (view.factor[..., None, None] * light).clamp(0, 1).flatten(-3)

    def _batches(self, count: int, batch: int | None) -> list[slice]:
        if batch is not None and batch < 1:
            raise CrlspecError(f"{batch} images were asked for at a time.", remedy="ask for at least 1.")
        assert self.image_shape is not None
        each = self.parts * len(self.cameras) * prod(self.image_shape[1:])
        size = batch or max(1, ELEMENTS.get(self.mean.device.type, MANY) // each)
        return [slice(k, min(k + size, count)) for k in range(0, count, size)]


def _normal_rows(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers, each row drawn by itself, so that it does not depend on how rows are put together."""
    place: dict[str, Any] = {"dtype": like.dtype, "device": generator.device}
    rows = [torch.randn(like.shape[1], generator=generator, **place) for _ in range(len(like))]
    return torch.stack(rows).to(like.device)
