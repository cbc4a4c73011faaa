"""One classifier of all environments on the pixels, cross-fitted: an image is judged by a network that never saw it.

The network is convolutional and must tell the code of an image as well as its environment: a log ratio is a function
of few latents, and what the pixels hold keeps it from one of everything. The logits are calibrated on images that
neither trained it nor are judged by it: where environments are easy to tell, those of a network are too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.supervised import Observations, Supervised, portions, untrained
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress

__all__ = ["ImageLogits", "image_logits", "temperature"]

STEPS, RATE, LOOK = 300, 3e-3, 50
BATCH, DECAY = 448, 0.03
HELD_OUT, CHECKED = 0.1, 1500
"""Share of a half that ends its training and calibrates it, and how many images at most."""

COOLEST, HOTTEST = 0.1, 10.0
"""Temperatures that are looked at."""


@dataclass(frozen=True)
class ImageLogits:
    """What two classifiers say, each of the half of the images that the other was trained on.

    logits        (sample, environment) of every environment, calibrated
    half          (sample,) of every environment: 0 or 1, the half that an image is in; 2 for the one that is left
                  over of an odd number, and is in neither
    temperatures  (half,) by which the logits on it were divided
    """

    logits: tuple[np.ndarray, ...]
    half: tuple[np.ndarray, ...]
    temperatures: tuple[float, float]


def image_logits(
    observations: Observations,
    code: Sequence[np.ndarray],
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
    steps: int = STEPS,
) -> ImageLogits:
    """Logits of every environment, cross-fitted between two halves of each.

    observations  of every environment a part, the observational one first
    code          (sample, component) likewise, that the network must tell too
    steps         of each classifier, at most, and never more than 300
    """
    rng = np.random.default_rng([seed, 0x1061])
    sizes = [len(one) for one in code]
    count = len(sizes)
    starts = np.cumsum([0, *sizes])
    half = [_halved(size, rng) for size in sizes]
    targets = torch.as_tensor(np.concatenate(code), dtype=torch.float32)
    found = [np.zeros((size, count)) for size in sizes]
    cooled = []
    for number in (0, 1):
        order = [start + rng.permutation(np.flatnonzero(h == number)) for start, h in zip(starts, half)]
        cuts = [max(1, min(CHECKED // count, int(HELD_OUT * len(rows)))) for rows in order]
        held = np.concatenate([rows[:cut] for rows, cut in zip(order, cuts, strict=True)])
        kept = [rows[cut:] for rows, cut in zip(order, cuts, strict=True)]
        environment = np.repeat(np.arange(count), cuts)
        own = torch.Generator().manual_seed(int(rng.integers(2**31)))
        name = f"environments of images, half {number + 1}"
        classifier = _trained(
            observations, targets, kept, held, environment, own, progress, context, min(steps, STEPS), name
        )
        heat = temperature(_judged(classifier, observations, held, count), environment)
        cooled.append(heat)
        for k, (start, h) in enumerate(zip(starts, half)):
            rows = np.flatnonzero(h == 0 if number else h != 0)
            found[k][rows] = _judged(classifier, observations, start + rows, count) / heat
    return ImageLogits(tuple(found), tuple(half), (cooled[1], cooled[0]))


def temperature(logits: np.ndarray, environment: np.ndarray) -> float:
    """The number by which logits (sample, environment) are divided for the lowest log loss of the environments
    (sample,) that the samples are of."""
    values, labels = torch.as_tensor(logits), torch.as_tensor(environment)

    def loss(cooling: float) -> float:
        return float(functional.cross_entropy(values * np.exp(-cooling), labels))

    bounds = (float(np.log(COOLEST)), float(np.log(HOTTEST)))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def _halved(size: int, rng: np.random.Generator) -> np.ndarray:
    """(sample,): 0 and 1 equally often, and 2 once where the number is odd."""
    found = np.arange(size) % 2
    if size % 2:
        found[-1] = 2
    return rng.permutation(found)


def _trained(
    observations: Observations,
    targets: Tensor,
    kept: Sequence[np.ndarray],
    held: np.ndarray,
    environment: np.ndarray,
    generator: torch.Generator,
    progress: Progress,
    context: TrainingContext,
    steps: int,
    name: str,
) -> Supervised:
    """A classifier of ``kept`` rows of every environment; ``held`` rows, of these environments, end its training."""
    count = len(kept)
    pooled = np.concatenate(kept)
    outputs = count + targets.shape[1]
    some = pooled[torch.randperm(len(pooled), generator=generator).numpy()]
    classifier = untrained(observations, outputs, some, generator, context.device)
    size = max(2, BATCH // count)
    labels = torch.arange(count, device=context.device).repeat_interleave(size)
    checked = torch.as_tensor(environment, device=context.device)

    def losses(rows: np.ndarray, labels: Tensor) -> tuple[Tensor, Tensor]:
        found = classifier.at(observations, rows)
        error = ((found[:, count:] - targets[rows].to(found.device)) ** 2).mean()
        return functional.cross_entropy(found[:, :count], labels), error

    def draw(chance: torch.Generator) -> np.ndarray:
        return np.concatenate(
            [rows[torch.randint(len(rows), (size,), generator=chance).numpy()] for rows in kept]
        )

    def loss(rows: np.ndarray) -> Tensor:
        log_loss, error = losses(rows, labels)
        return (log_loss + error)[None]

    def held_out() -> Tensor:
        parts, start = [], 0
        for rows in portions(held):
            parts.append(losses(rows, checked[start : start + len(rows)])[0] * (len(rows) / len(held)))
            start += len(rows)
        return torch.stack(parts).sum()[None]

    train(
        classifier.network,
        loss,
        draw,
        generator,
        Plan(steps, RATE, look=LOOK),
        held_out=held_out,
        groups=classifier.network.groups(DECAY),
        progress=progress,
        stage=name,
        shown=lambda step, found: Losses(step, "held-out log loss", {name: float(found[0])}, "network"),
        checkpoint=context.checkpoint(name),
    )
    return classifier


def _judged(classifier: Supervised, observations: Observations, rows: np.ndarray, count: int) -> np.ndarray:
    """Logits (row, environment), read in batches."""
    return classifier(observations, rows)[:, :count]
