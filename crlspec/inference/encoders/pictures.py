"""Images beside the code that encoders of a structured ratio see: what a code loses, a convolutional network adds.

Images stay as they come, uint8 perhaps and on disk, and are read a batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.maps.convolutional import ConvolutionalMap
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.image_replicas import ImageReplicas
from crlspec.numerics.parts import Parts
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.supervised import Observations, brightness
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress

__all__ = ["PictureParts", "Pictures", "eyes_of", "lead_by_pictures"]

CHECKED = 200
"""Images of an environment that are held out, at most."""

LED = 168
"""Images of a replica a step towards where it begins."""


@dataclass(frozen=True)
class Pictures:
    """The images of the samples of all environments in turn, row for row.

    starts  rows (point,) of the points at which each restart is given its latents, in the order of the restarts
    """

    observations: Observations
    starts: tuple[np.ndarray, ...] = ()

    def eyes(self, replicas: int, outputs: int, generator: torch.Generator) -> ImageReplicas:
        """Networks that see them, one a replica, which add nothing yet."""
        rows = torch.randperm(len(self.observations), generator=generator).numpy()
        level, spread = brightness(self.observations, rows)
        shape = self.observations.images[0].shape[1:]
        return ImageReplicas(
            replicas, shape, outputs, torch.as_tensor(level), torch.as_tensor(spread), generator
        )

    def at(self, rows: np.ndarray, device: str) -> Tensor:
        """The images of these rows, (row, channel, row, column) float32 from 0 to 1."""
        return torch.as_tensor(self.observations.images_at(rows), device=device)


@dataclass(frozen=True)
class PictureParts:
    """As :class:`crlspec.numerics.parts.Parts`, with the images of the rows that are drawn.

    places  parts of row numbers
    y       (row, component) of all environments in turn
    checks  what is held out: (environment, sample, component) and its images
    """

    places: Parts
    y: Tensor
    pictures: Pictures
    checks: tuple[Tensor, Tensor]

    @classmethod
    def split(
        cls,
        samples: Sequence[np.ndarray],
        pictures: Pictures,
        generator: torch.Generator,
        share: float,
        context: TrainingContext = HERE,
    ) -> PictureParts:
        """A random share of each environment (sample, component) is held out."""
        rows = np.split(
            np.arange(sum(map(len, samples)))[:, None], np.cumsum([len(one) for one in samples])[:-1]
        )
        places = Parts.split(rows, generator, share)
        y = torch.as_tensor(np.concatenate(samples), dtype=torch.float32)
        held = places.held_out[:, :CHECKED, 0].long()
        images = pictures.at(held.flatten().numpy(), context.device)
        return cls(places, y, pictures, (y[held].to(context.device), images))

    def batch(
        self, size: int, generator: torch.Generator, context: TrainingContext = HERE
    ) -> tuple[Tensor, Tensor]:
        """(environment, size, component) of random rows of every environment, and their images."""
        rows = self.places.draw(size, generator, TrainingContext(fabric=context.fabric))[:, :, 0].long()
        images = self.pictures.at(rows.flatten().numpy(), context.device)
        return self.y[rows].to(context.device), images


class Seeing(Protocol):
    """What :func:`lead_by_pictures` leads."""

    encoder: ResidualNetwork
    decoder: ResidualNetwork | None
    eyes: ImageReplicas | None


def lead_by_pictures(
    model: nn.Module,
    seeing: Seeing,
    starting_latents: Sequence[tuple[np.ndarray, np.ndarray]],
    pictures: Pictures,
    steps: int,
    generator: torch.Generator,
    progress: Progress,
    context: TrainingContext,
    name: str,
) -> None:
    """Bring encoders, eyes and decoders of all replicas near their starting latents, one a replica."""
    y, z = (
        torch.tensor(np.stack(values), dtype=torch.float32) for values in zip(*starting_latents, strict=True)
    )
    eyes, decoder = seeing.eyes, seeing.decoder
    assert eyes is not None and decoder is not None

    def loss(index: Tensor) -> Tensor:
        inputs, latents = y[:, index].to(context.device), z[:, index].to(context.device)
        seen = [
            eyes.of(pictures.at(rows[index.numpy()], context.device), k)
            for k, rows in enumerate(pictures.starts)
        ]
        found = seeing.encoder(inputs) + torch.stack(seen)
        return ((found - latents) ** 2).mean((1, 2)) + ((decoder(latents) - inputs) ** 2).mean((1, 2))

    train(
        model,
        loss,
        lambda g: torch.randint(y.shape[1], (LED,), generator=g),
        generator,
        Plan(steps, 3e-3),
        groups=[*seeing.encoder.groups(0.0), *eyes.groups(0.0), *decoder.groups(0.0)],
        progress=progress,
        stage="start",
        checkpoint=context.checkpoint(f"start of {name}"),
    )


def eyes_of(eyes: ImageReplicas, replica: int) -> ConvolutionalMap:
    """One replica as plain numbers."""

    def own(parameter: Tensor) -> np.ndarray:
        return np.asarray(parameter.detach().chunk(eyes.replicas)[replica].float().cpu().numpy())

    return ConvolutionalMap(
        shape=eyes.shape,
        level=eyes.level.flatten().float().cpu().numpy(),
        spread=eyes.spread.flatten().float().cpu().numpy(),
        kernels=tuple(own(kernel) for kernel in eyes.kernels),
        shifts=tuple(own(shift) for shift in eyes.shifts),
        side=eyes.side,
        first=own(eyes.first)[0].T,
        bias=own(eyes.bias)[0, 0],
        second=own(eyes.second)[0].T,
    )
