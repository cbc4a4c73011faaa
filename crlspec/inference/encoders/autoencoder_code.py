"""The code of images that a convolutional autoencoder learns from all environments alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from crlspec.errors import DataError
from crlspec.maps.convolutional_code import ConvolutionalCode
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.image_autoencoder import ImageAutoencoder
from crlspec.numerics.supervised import Observations
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress, silent

__all__ = ["fit_autoencoder"]

BATCH, RATE, DECAY, LOOK, PATIENCE = 128, 3e-3, 1e-4, 50, 12

HELD_OUT, MOST_HELD_OUT = 0.1, 512
"""Share of the images that end the training, and how many at most."""

GAUGED = 2000
"""Images, at most, that the mean image and the size of the code are measured on."""


def fit_autoencoder(
    images: Mapping[str, np.ndarray],
    components: int,
    steps: int,
    seed: int,
    *,
    context: TrainingContext = HERE,
    progress: Progress = silent,
) -> ConvolutionalCode:
    """A code of so many numbers, each of mean 0 and variance 1 over all environments, about.

    What is minimised is the share of the images' variance that does not come back.

    images  environment → (sample, channel, row, column), uint8 or float from 0 to 1, perhaps memory maps
    steps   of the training, at most

    Raises DataError where the images do not vary.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = tuple(images.values())
    count = sum(map(len, parts))
    everything = Observations(parts, np.zeros((count, 0), dtype=np.float32))
    order = torch.randperm(count, generator=generator).numpy()
    held, kept = np.split(order, [max(1, min(MOST_HELD_OUT, int(HELD_OUT * count)))])
    some = everything.images_at(kept[:GAUGED])
    mean, variance = some.mean(axis=0), float(some.var(axis=0).sum())
    if variance == 0:
        raise DataError("All images are the same.", "Give images that show what the latents change.")
    centre = torch.as_tensor(mean, device=context.device)
    network = ImageAutoencoder(mean.shape, components, generator).to(context.device)

    def centred(rows: np.ndarray) -> Tensor:
        return torch.as_tensor(everything.images_at(rows), device=context.device) - centre

    def loss(seen: Tensor) -> Tensor:
        """The share of the variance that is lost (1,)."""
        return ((network(seen) - seen) ** 2).sum((1, 2, 3)).mean()[None] / variance

    checks = centred(held)

    def shown(step: int, losses: Tensor) -> Losses:
        return Losses(
            step, "held-out share of the images' variance", {"autoencoder": float(losses[0])}, "network"
        )

    train(
        network,
        loss,
        lambda g: centred(kept[torch.randint(len(kept), (BATCH,), generator=g).numpy()]),
        generator,
        Plan(steps, RATE, look=LOOK, patience=PATIENCE),
        held_out=lambda: loss(checks),
        groups=network.groups(DECAY),
        progress=progress,
        stage="autoencoder",
        shown=shown,
        checkpoint=context.checkpoint("autoencoder"),
    )
    with torch.no_grad():
        found = network.encode(centred(kept[:GAUGED]))
    return _scaled(network, mean, found.mean(0), found.std(0).clamp_min(1e-6))


def _scaled(network: ImageAutoencoder, mean: np.ndarray, level: Tensor, size: Tensor) -> ConvolutionalCode:
    """The network as plain numbers, its code less a level (component,) and in units of a size (component,)."""

    def numbers(value: Tensor) -> np.ndarray:
        return value.detach().float().cpu().numpy()

    with torch.no_grad():
        return ConvolutionalCode(
            mean=mean,
            kernels=tuple(map(numbers, network.kernels)),
            shifts=tuple(map(numbers, network.shifts)),
            dense=numbers(network.dense / size[:, None]),
            bias=numbers((network.bias - level) / size),
            opening=numbers(network.opening * size),
            level=numbers(network.level + network.opening @ level),
            enlarging=tuple(map(numbers, network.enlarging)),
            levels=tuple(map(numbers, network.levels)),
        )
