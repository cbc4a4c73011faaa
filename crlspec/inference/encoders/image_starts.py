"""Where encoders of images begin: at the log ratios of a classifier of the pixels, or at distances with their sides.

Each restart begins at the half of the images that its classifier never saw. The halves take turns so that two
restarts that begin alike share no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from crlspec.data import Problem
from crlspec.inference.encoders.image_logits import ImageLogits, image_logits
from crlspec.inference.encoders.sign_starts import POINTS, signed_at
from crlspec.inference.encoders.structured_ratio import Settings, StartingLatents
from crlspec.inference.encoders.turning import normal_scores
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.supervised import Observations, white_columns
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress

__all__ = ["Looked", "image_settings", "look", "rows_towards", "told_by_code"]

ROWS = 336
"""Rows a step of all environments."""

TOLD_STEPS = 500
"""Steps of the perceptron that is asked what a code tells."""


@dataclass(frozen=True)
class Looked:
    """What was seen of the images of a problem, environments in one order.

    observations  the images, and white columns beside them
    code          (sample, component) of every environment: the code of the images as it is, in units of its first
                  component
    found         logits of every environment, cross-fitted
    """

    observations: Observations
    code: tuple[np.ndarray, ...]
    found: ImageLogits

    @property
    def logits(self) -> tuple[np.ndarray, ...]:
        """(sample, environment) of every environment."""
        return self.found.logits

    def starts(
        self,
        samples: Sequence[np.ndarray],
        pairs: Sequence[tuple[int, int]],
        sided: Sequence[Sequence[bool]],
        seed: int,
    ) -> tuple[list[StartingLatents], list[np.ndarray]]:
        """Samples and latents there, for each restart, as :func:`crlspec.inference.encoders.sign_starts.signed_at`
        gives them; and the rows (point,) of these samples among those of all environments in turn.

        Neighbours are sought in the code and in the log ratios of all environments: small parts that the code hardly
        holds show in these.

        samples  (sample, component) of every environment
        sided    for each restart what ``signed_at`` takes
        """
        rng = np.random.default_rng([seed, 0x1A6E])
        halves, logits = np.concatenate(self.found.half), np.concatenate(self.logits)
        pooled, code = np.concatenate(samples), np.concatenate(self.code)
        against = logits[:, 1:] - logits[:, :1]
        places = np.column_stack([code, against / against.std(0)])
        starts, rows = [], []
        count = min(POINTS, *((halves == number).sum() for number in (0, 1)))
        for k, folded in enumerate(sided):
            own = np.flatnonzero(halves == (k + k // 2) % 2)
            some = rng.permutation(len(own))[:count]
            latents = signed_at(logits[own], pairs, some, places[own[some]], rng, folded)
            starts.append((pooled[own[some]], latents))
            rows.append(own[some])
        return starts, rows


def look(
    problem: Problem,
    order: Sequence[str],
    code: Sequence[np.ndarray],
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
    steps: int = 2000,
) -> Looked:
    """Logits of all environments at the images of a problem, in this order; ``code`` (sample, component) likewise is
    what the classifier must tell too."""
    beside = np.concatenate([problem.samples[name][:, problem.code_size :] for name in order])
    columns = white_columns(beside, np.arange(len(beside)))
    observations = Observations(tuple(problem.images[name] for name in order), columns)
    plain = [problem.samples[name][:, : problem.code_size] for name in order]
    unit = np.concatenate(plain)[:, 0].std()
    found = image_logits(observations, code, seed, progress, context, steps)
    return Looked(observations, tuple(one / unit for one in plain), found)


def told_by_code(
    code: Sequence[np.ndarray], looked: Looked, pairs: Sequence[tuple[int, int]], seed: int
) -> np.ndarray:
    """(latent,): the share of the variance of each log ratio, as one classifier of the pixels gives it, that a
    perceptron on the code (sample, component) of every environment tells, on samples that it never saw."""
    generator = torch.Generator().manual_seed(seed)
    judged = np.concatenate(looked.found.half) == 0
    y = torch.as_tensor(np.concatenate(code)[judged], dtype=torch.float32)
    first, second = np.array(pairs).T
    logits = np.concatenate(looked.logits)[judged]
    wanted = normal_scores(logits[:, first] - logits[:, second])
    ratios = torch.as_tensor(wanted, dtype=torch.float32)
    order = torch.randperm(len(y), generator=generator)
    held, kept = order[: len(y) // 10 + 1], order[len(y) // 10 + 1 :]
    network = ResidualNetwork(torch.zeros(1, y.shape[1], len(pairs)), 128, generator, 3)

    def errors(rows: torch.Tensor) -> torch.Tensor:
        return ((network(y[None, rows])[0] - ratios[rows]) ** 2).mean(0)

    train(
        network,
        lambda rows: errors(rows).mean()[None],
        lambda g: kept[torch.randint(len(kept), (ROWS,), generator=g)],
        generator,
        Plan(TOLD_STEPS, 4e-3),
        held_out=lambda: errors(held).mean()[None],
        groups=network.groups(0.03),
    )
    with torch.no_grad():
        left = errors(held).double().numpy()
    return np.asarray(1 - left / ratios[held].double().numpy().var(0))


def rows_towards(starts: Sequence[StartingLatents]) -> np.ndarray:
    """(restart, latent, component): the linear encoders that come nearest to where the restarts begin."""
    rows = []
    for y, z in starts:
        design = np.column_stack([y, np.ones(len(y))])
        rows.append(np.linalg.lstsq(design, z, rcond=None)[0][:-1].T)
    return np.stack(rows)


def image_settings(settings: Settings, environments: int) -> Settings:
    """The networks that a code of images takes: its surface bends more than a perceptron of two layers can follow."""
    return replace(settings, width=256, back=3, rate=2e-3, batch=max(16, ROWS // environments), guided=600)
