"""The code of images that a convolutional autoencoder learns from all environments alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from crlspec.maps.convolutional_code import ConvolutionalCode
from crlspec.numerics.autoencoder_training import TrainedAutoencoder, train_autoencoder
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.supervised import Observations
from crlspec.progress import Progress, silent

__all__ = ["fit_autoencoder", "plain"]


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

    images  environment → (sample, channel, row, column), uint8 or float from 0 to 1, perhaps memory maps
    steps   of the training, at most

    Raises DataError where the images do not vary.
    """
    parts = tuple(images.values())
    count = sum(map(len, parts))
    everything = Observations(parts, np.zeros((count, 0), dtype=np.float32))
    generator = torch.Generator().manual_seed(seed)
    return plain(
        train_autoencoder(
            everything, np.arange(count), components, steps, generator, context=context, progress=progress
        )
    )


def plain(trained: TrainedAutoencoder) -> ConvolutionalCode:
    """The network as plain numbers, its code in its units."""
    network, level, size = trained.network, trained.level, trained.size

    def numbers(value: Tensor) -> np.ndarray:
        return value.detach().float().cpu().numpy()

    with torch.no_grad():
        return ConvolutionalCode(
            mean=trained.mean,
            kernels=tuple(map(numbers, network.kernels)),
            shifts=tuple(map(numbers, network.shifts)),
            dense=numbers(network.dense / size[:, None]),
            bias=numbers((network.bias - level) / size),
            opening=numbers(network.opening * size),
            level=numbers(network.level + network.opening @ level),
            enlarging=tuple(map(numbers, network.enlarging)),
            levels=tuple(map(numbers, network.levels)),
        )
