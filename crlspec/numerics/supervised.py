"""Supervised regression: networks from observations, images or columns, to numbers that are known for some rows.

Columns go through a perceptron beside a linear map, which starts at the ridge regression whose penalty does best when
each row is left out; images through a small convolutional network. Both are left with the weights of the lowest loss
on labelled rows that are held out, so that no more labels are used than were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.numerics.batches import rows_of, unit_interval
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.image_network import ImageNetwork
from crlspec.numerics.linalg import ColumnSpace
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress, silent

__all__ = [
    "READ",
    "Observations",
    "Supervised",
    "brightness",
    "fit_supervised",
    "log_loss",
    "portions",
    "squared_error",
    "untrained",
    "white_columns",
]

HELD_OUT, MOST_HELD_OUT = 0.15, 1000
"""Share of the labelled rows that end the training, and how many at most."""

IMAGE_PLAN, IMAGE_BATCH, IMAGE_DECAY = Plan(1500, 3e-3, look=50, patience=12), 256, 0.01
COLUMN_PLAN, COLUMN_BATCH, COLUMN_DECAY = Plan(1200, 3e-3, look=25, patience=12), 256, 0.03
WIDTH, DEPTH = 128, 3

PASSES, LEAST_STEPS = 60, 500
"""Of few rows no more passes are made than so many, but so many steps."""

COMPONENTS, FLOOR = 256, 1e-3
"""Principal components of columns that are looked at; those of less variance than this share of the largest keep
their size relative to it."""

GAUGED = 2000
"""Images that the brightness is measured on."""

READ = 1000
"""Rows that are read at a time."""


@dataclass(frozen=True)
class Observations:
    """Rows of observations, part after part.

    images   (sample, channel, row, column) of each part, uint8 or float from 0 to 1, perhaps memory maps; empty where
             none are observed
    columns  (row, number) float32 of all parts, of about unit variance; no numbers where images are all
    """

    images: tuple[np.ndarray, ...]
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.columns)

    def images_at(self, rows: np.ndarray) -> np.ndarray:
        """A copy of the images of these rows, (row, channel, row, column) float32 from 0 to 1."""
        starts = np.cumsum([0, *(len(part) for part in self.images)])
        found = np.empty((len(rows), *self.images[0].shape[1:]), dtype=np.float32)
        for k, part in enumerate(self.images):
            here = np.flatnonzero((rows >= starts[k]) & (rows < starts[k + 1]))
            if len(here):
                found[here] = unit_interval(rows_of(part, rows[here] - starts[k]))
        return found


@dataclass(frozen=True)
class Supervised:
    """A trained network; ``level`` and ``spread`` (channel, 1, 1) are those of the brightness of images."""

    network: ImageNetwork | ResidualNetwork
    level: Tensor
    spread: Tensor
    device: str

    def at(self, observations: Observations, rows: np.ndarray) -> Tensor:
        """(row, output) on the network's device."""
        columns = torch.as_tensor(observations.columns[rows], device=self.device)
        if isinstance(self.network, ResidualNetwork):
            return self.network(columns[None])[0]
        images = torch.as_tensor(observations.images_at(rows), device=self.device)
        return self.network((images - self.level) / self.spread, columns)

    def __call__(self, observations: Observations, rows: np.ndarray) -> np.ndarray:
        """(row, output) float64 of these rows, read in batches."""
        with torch.no_grad():
            found = [self.at(observations, some).double().cpu().numpy() for some in portions(rows)]
        return np.concatenate(found)


def squared_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of (row, output)."""
    return ((found - wanted) ** 2).mean()


def log_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Mean log loss of logits (row, class) against the shares of the classes (row, class), in nats."""
    return -(shares * torch.log_softmax(logits, dim=1)).sum(1).mean()


def fit_supervised(
    observations: Observations,
    targets: np.ndarray,
    rows: np.ndarray,
    generator: torch.Generator,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = squared_error,
    context: TrainingContext = HERE,
    progress: Progress = silent,
    stage: str = "supervised",
) -> Supervised:
    """A network from observations to ``targets`` (row, output), trained on these rows alone.

    rows       of observations and targets, four or more; a share of them ends the training
    generator  of every random number, on the CPU
    loss       of what the network gives, and what it should, both (row, output): a number

    The same seed gives the same network on one device.
    """
    order = torch.randperm(len(rows), generator=generator).numpy()
    count = max(2, min(MOST_HELD_OUT, round(HELD_OUT * len(rows))))
    held, kept = rows[order[:count]], rows[order[count:]]
    wanted = torch.as_tensor(targets, dtype=torch.float32, device=context.device)
    supervised = _start(observations, targets, kept, generator, context.device)
    network = supervised.network
    images = isinstance(network, ImageNetwork)
    plan, size, decay = (
        (IMAGE_PLAN, IMAGE_BATCH, IMAGE_DECAY) if images else (COLUMN_PLAN, COLUMN_BATCH, COLUMN_DECAY)
    )
    size = min(size, len(kept))
    steps = min(plan.steps, max(LEAST_STEPS, PASSES * len(kept) // size))

    def draw(chance: torch.Generator) -> np.ndarray:
        return kept[torch.randint(len(kept), (size,), generator=chance).numpy()]

    def of(some: np.ndarray) -> Tensor:
        return loss(supervised.at(observations, some), wanted[some])[None]

    def held_out() -> Tensor:
        return sum(of(some) * (len(some) / len(held)) for some in portions(held))  # type: ignore[return-value]

    train(
        network,
        of,
        draw,
        generator,
        Plan(steps, plan.rate, look=plan.look, patience=plan.patience),
        held_out=held_out,
        groups=network.groups(decay),
        progress=progress,
        stage=stage,
        checkpoint=context.checkpoint(stage),
    )
    return supervised


def white_columns(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Principal components (row, component) float32 of columns (row, number), taken from these rows and in units of
    their deviations there."""
    if not columns.shape[1]:
        return np.zeros(columns.shape, dtype=np.float32)
    space = ColumnSpace.fit([columns[rows]], min(COMPONENTS, columns.shape[1], len(rows)))
    spectrum = space.spectrum[: len(space.whitener)]
    kept = spectrum > 1e-12 * spectrum[0]  # less is rounding
    shrink = np.sqrt(spectrum / np.maximum(spectrum, FLOOR * spectrum[0]))[kept]
    return np.asarray((columns - space.offset) @ (space.whitener[kept] * shrink[:, None]).T, dtype=np.float32)


def _start(
    observations: Observations, targets: np.ndarray, rows: np.ndarray, generator: torch.Generator, device: str
) -> Supervised:
    """A network that is not trained yet; that of columns begins at a linear regression."""
    outputs = targets.shape[1]
    none = torch.zeros(1, device=device)
    if not observations.images:
        slopes, intercept = _ridge(observations.columns[rows].astype(np.float64), targets[rows])
        network = ResidualNetwork(torch.as_tensor(slopes)[None], WIDTH, generator, DEPTH)
        with torch.no_grad():
            network.bias.copy_(torch.as_tensor(intercept, dtype=torch.float32))
        return Supervised(network.to(device), none, none, device)
    return untrained(observations, outputs, rows, generator, device)


def untrained(
    observations: Observations, outputs: int, rows: np.ndarray, generator: torch.Generator, device: str
) -> Supervised:
    """A convolutional network from images, and columns beside them, to so many outputs; the brightness is measured on
    the first of these rows."""
    level, spread = brightness(observations, rows)
    shape = observations.images[0].shape[1:]
    seen = ImageNetwork(shape, observations.columns.shape[1], outputs, generator).to(device)
    return Supervised(
        seen,
        torch.as_tensor(level, device=device)[:, None, None],
        torch.as_tensor(spread, device=device)[:, None, None],
        device,
    )


def brightness(observations: Observations, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (channel,) of the first of these rows."""
    some = observations.images_at(rows[:GAUGED])
    return some.mean(axis=(0, 2, 3)), np.maximum(some.std(axis=(0, 2, 3)), 1e-3)


def _ridge(u: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (input, output) and intercept (output,) of a ridge regression, its penalty by leaving each row out."""
    middle, level = u.mean(axis=0), z.mean(axis=0)
    left, singular, right = np.linalg.svd(u - middle, full_matrices=False)
    across = left.T @ (z - level)
    best = (np.inf, np.zeros_like(singular))
    for penalty in 10.0 ** np.arange(-9, 4) * max(float(singular[0]) ** 2, 1e-300):
        share = singular**2 / (singular**2 + penalty)
        leverage = (left**2) @ share + 1 / len(u)
        residual = (z - level - left @ (share[:, None] * across)) / np.maximum(1 - leverage, 1e-9)[:, None]
        best = min(best, (float((residual**2).mean()), share), key=lambda one: one[0])
    scaled = np.divide(best[1], singular, out=np.zeros_like(singular), where=singular > 0)
    slopes = right.T @ (scaled[:, None] * across)
    return slopes, level - middle @ slopes


def portions(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in turn, so many as are read at a time."""
    for start in range(0, len(rows), READ):
        yield rows[start : start + READ]
