"""Draws of a model, environment by environment, some rows at a time: observations that are never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import named_generator
from crlspec.generative.placed import placed
from crlspec.generative.scm import DrawError, draws_itself
from crlspec.spec.resolve import named_rng
from crlspec.typing import Tensor

if TYPE_CHECKING:
    from crlspec.generative.model import Model

__all__ = ["Part", "drawn", "parts", "with_noise"]


@dataclass(frozen=True)
class Part:
    """Consecutive samples of an environment: x (sample, observed) and z (sample, latent), float64."""

    environment: str
    x: np.ndarray
    z: np.ndarray


def drawn(model: Model, name: str, count: int, seed: int) -> Tensor:
    """Latents (sample, latent) of an environment. Raises SpecError where they cannot be drawn."""
    try:
        return model.environments[name].sample(count, seed)
    except DrawError as error:
        raise placed(error, model.spec, name) from None


def parts(model: Model, counts: Mapping[str, int], seed: int, rows: int | None = None) -> Iterator[Part]:
    """The samples of every environment, ``rows`` at a time; None: all of an environment at once.

    model  one that draws where it is; its mixing makes columns, not images

    Latents of an environment are drawn at once, and its streams of random numbers go on from part to part, so that
    the rows are the same however many are asked for at a time, up to the rounding of the mixing. Raises CrlspecError
    where observations are not finite.
    """
    deviation = model.observation_noise
    for name, count in counts.items():
        with torch.no_grad():
            z = drawn(model, name, count, seed)
        nuisance = named_generator(seed, "nuisance", name, device=z.device)
        chance = named_generator(seed, "observation noise", name, device=z.device)
        rng = named_rng(seed, "observation noise", name)
        for some in z.split(rows or count):
            with torch.no_grad():
                x = model.mixing.observe(some, nuisance)
                if deviation > 0 and draws_itself(x.device):
                    x = with_noise(x, deviation, chance)
            values = x.double().cpu().numpy()
            if not np.isfinite(values).all():
                raise CrlspecError(
                    f"the mixing makes observations in the environment {name} that are no finite numbers.",
                    remedy="use smaller numbers in the mixing, or smaller latents.",
                )
            if deviation > 0 and not draws_itself(x.device):
                values = values + deviation * rng.normal(size=values.shape)
            yield Part(name, values, some.double().cpu().numpy())


def with_noise(x: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Observations with independent normal noise on each, drawn by a generator of their device."""
    return x + deviation * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
