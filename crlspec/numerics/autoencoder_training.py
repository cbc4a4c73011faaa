"""Training of a convolutional autoencoder: images of many rows to a few numbers each, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.errors import DataError
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.image_autoencoder import ImageAutoencoder
from crlspec.numerics.supervised import READ, Observations
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress, silent

__all__ = ["TrainedAutoencoder", "train_autoencoder"]

BATCH, RATE, DECAY, LOOK, PATIENCE = 128, 3e-3, 1e-4, 50, 12

HELD_OUT, MOST_HELD_OUT = 0.1, 512
"""Share of the images that end the training, and how many at most."""

GAUGED = 2000
"""Images, at most, that the mean image and the size of the code are measured on."""


@dataclass(frozen=True)
class TrainedAutoencoder:
    """A network, the mean image (channel, row, column) that is taken off first, and level and size (component,) of
    its code over all images."""

    network: ImageAutoencoder
    mean: np.ndarray
    level: Tensor
    size: Tensor
    device: str

    def __call__(self, observations: Observations, rows: np.ndarray) -> np.ndarray:
        """The code (row, component) float64 of the images of these rows, in its units, read in batches."""
        found = []
        with torch.no_grad():
            for start in range(0, len(rows), READ):
                some = observations.images_at(rows[start : start + READ]) - self.mean
                code = self.network.encode(torch.as_tensor(some, device=self.device))
                found.append(((code - self.level) / self.size).double().cpu().numpy())
        return np.concatenate(found)


def train_autoencoder(
    observations: Observations,
    rows: np.ndarray,
    components: int,
    steps: int,
    generator: torch.Generator,
    *,
    context: TrainingContext = HERE,
    progress: Progress = silent,
    stage: str = "autoencoder",
) -> TrainedAutoencoder:
    """An autoencoder of the images of these rows; what is minimised is the share of their variance that does not come
    back.

    rows       of observations; a share of them ends the training
    steps      at most
    generator  of every random number, on the CPU

    The same seed gives the same network on one device. Raises DataError where the images do not vary.
    """
    order = rows[torch.randperm(len(rows), generator=generator).numpy()]
    held, kept = np.split(order, [max(1, min(MOST_HELD_OUT, int(HELD_OUT * len(order))))])
    some = observations.images_at(kept[:GAUGED])
    mean, variance = some.mean(axis=0), float(some.var(axis=0).sum())
    if variance == 0:
        raise DataError("All images are the same.", "Give images that show what the latents change.")
    centre = torch.as_tensor(mean, device=context.device)
    network = ImageAutoencoder(mean.shape, components, generator).to(context.device)

    def centred(chosen: np.ndarray) -> Tensor:
        return torch.as_tensor(observations.images_at(chosen), device=context.device) - centre

    def loss(seen: Tensor) -> Tensor:
        """The share of the variance that is lost (1,)."""
        return ((network(seen) - seen) ** 2).sum((1, 2, 3)).mean()[None] / variance

    checks = centred(held)

    def shown(step: int, losses: Tensor) -> Losses:
        told = {"autoencoder": float(losses[0])}
        return Losses(step, "held-out share of the images' variance", told, "network")

    train(
        network,
        loss,
        lambda g: centred(kept[torch.randint(len(kept), (BATCH,), generator=g).numpy()]),
        generator,
        Plan(steps, RATE, look=LOOK, patience=PATIENCE),
        held_out=lambda: loss(checks),
        groups=network.groups(DECAY),
        progress=progress,
        stage=stage,
        shown=shown,
        checkpoint=context.checkpoint(stage),
    )
    with torch.no_grad():
        code = network.encode(centred(kept[:GAUGED]))
    return TrainedAutoencoder(network, mean, code.mean(0), code.std(0).clamp_min(1e-6), context.device)
