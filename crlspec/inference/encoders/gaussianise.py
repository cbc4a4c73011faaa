"""Networks that bend coordinates until the latents behind them are linear-Gaussian in every environment.

By the full likelihood, log p^e(f(u)) + log|det f′(u)|, where there are as many coordinates as latents; by the log
odds of the environments, which need no volume, where there are more. Both leave an invertible linear map to undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from crlspec.inference.encoders.gaussian_environments import GaussianEnvironments, Start
from crlspec.inference.encoders.restarts import network_of
from crlspec.maps.maps import Network
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.sample import Sample
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress

__all__ = ["Gaussianised", "decode", "gaussianise"]

WIDTH, BATCH, CHECKED = 64, 256, 4000
LIKELIHOOD = Plan(steps=6000, rate=1e-2, look=250)
ODDS = Plan(steps=3000, rate=3e-3, look=100)
FEATURES, RIDGE, DECODED = 300, 1e-7, 20_000
"""Of the decoder: random features, ridge penalty, and how many samples it is fitted on."""

Objective = Literal["likelihood", "log odds"]


@dataclass(frozen=True)
class Gaussianised:
    """A trained encoder: ``network`` of the coordinates, by which objective, and the held-out log loss of telling the
    environments from its latents; ``agreement``: the least correlation, over latents, of the two best restarts' ones
    after a linear map, NaN where there was one."""

    network: Network
    objective: Objective
    odds: float
    agreement: float


class Balanced:
    """Batches with equally many samples of every environment, on average, where the sample lies."""

    def __init__(self, sample: Sample, context: TrainingContext = HERE) -> None:
        counts = torch.bincount(sample.environment)
        self.sample, self.counts, self.context = sample, counts, context
        self.table = counts.new_zeros(len(counts), int(counts.max()))
        for e, count in enumerate(counts.tolist()):
            self.table[e, :count] = torch.nonzero(sample.environment == e).flatten()

    def __call__(self, size: int, generator: torch.Generator) -> Sample:
        environment = torch.randint(len(self.counts), (size,), generator=generator, device=generator.device)
        position = torch.rand(size, generator=generator, device=generator.device) * self.counts[environment]
        return self.sample[self.context.part(self.table[environment, position.long()])]


def gaussianise(
    samples: Sequence[np.ndarray],
    starts: Sequence[Start],
    objective: Objective,
    seed: int,
    progress: Progress,
    plan: Plan | None = None,
    context: TrainingContext = HERE,
) -> Gaussianised:
    """Train an encoder from every start side by side, and take the one of lowest held-out loss.

    samples  (sample, coordinate) of every environment, the observational first, then that of each latent
    """
    generator = torch.Generator().manual_seed(seed)
    training, held_out = Sample.split(samples, generator)
    model = GaussianEnvironments(starts, WIDTH, generator).to(context.device)
    check = Balanced(held_out)(CHECKED, generator).to(context.device)
    draw = Balanced(training.to(context.device), context)
    loss = model.likelihood if objective == "likelihood" else model.contrast
    plan = plan or (LIKELIHOOD if objective == "likelihood" else ODDS)
    kind = "held-out negative log likelihood" if objective == "likelihood" else "held-out log loss"
    names = [f"restart {k + 1}" for k in range(len(starts))]

    def shown(step: int, losses: Tensor) -> Losses:
        return Losses(step, kind, dict(zip(names, losses.tolist(), strict=True)))

    trained = train(
        model,
        loss,
        lambda g: draw(BATCH, g),
        context.chance(generator),
        plan,
        held_out=lambda: loss(check),
        groups=model.groups(plan.rate),
        progress=progress,
        stage=objective,
        shown=shown,
        checkpoint=context.checkpoint(objective),
        fabric=context.fabric,
    )
    with torch.no_grad():
        odds = model.contrast(check)
    return Gaussianised(
        network_of(model.encoder, trained.best), objective, float(odds[trained.best]),
        _agreement(model, check, trained.losses),
    )  # fmt: skip


def decode(latents: np.ndarray, coordinates: np.ndarray, seed: int) -> tuple[Network, float]:
    """A network from latents (sample, latent) to coordinates (sample, coordinate), and the share of held-out
    variance that it explains: a linear map and random features (Rahimi & Recht, NeurIPS 2007), by ridge."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(latents))[:DECODED]
    held, kept = chosen[: len(chosen) // 10], chosen[len(chosen) // 10 :]
    centre, spread = latents[kept].mean(0), latents[kept].std(0)
    first = rng.normal(size=(FEATURES, latents.shape[1])) / spread
    bias = rng.uniform(-2, 2, FEATURES) - first @ centre
    hidden = Network(np.zeros_like(first), np.zeros(FEATURES), (first, np.eye(FEATURES)), (bias,), "tanh")
    design = np.column_stack([np.ones(len(kept)), latents[kept], hidden(latents[kept])])
    penalty = RIDGE * len(kept) * np.diag(np.r_[np.zeros(1 + len(centre)), np.ones(FEATURES)])
    solved = np.linalg.solve(design.T @ design + penalty, design.T @ coordinates[kept]).T
    cut = 1 + len(centre)
    found = Network(solved[:, 1:cut], solved[:, 0], (first, solved[:, cut:]), (bias,), "tanh")
    left = coordinates[held] - found(latents[held])
    return found, float(1 - (left**2).mean() / coordinates[held].var(0).mean())


def _agreement(model: GaussianEnvironments, check: Sample, losses: Tensor) -> float:
    """How far the best two restarts found the same latents, up to a linear map."""
    if len(losses) < 2:
        return float("nan")
    with torch.no_grad():
        z = model.encoder(check.y.expand(len(losses), -1, -1)).double().cpu().numpy()
    first, second = z[losses.argsort()[:2].numpy()]
    first, second = first - first.mean(0), second - second.mean(0)
    left = first - second @ np.linalg.lstsq(second, first, rcond=None)[0]
    return float(np.sqrt(np.maximum(0, 1 - (left**2).sum(0) / (first**2).sum(0))).min())
