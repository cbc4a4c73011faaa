"""Score differences as gradients of log density ratios, from classifiers of each environment against obs.

The logit of a balanced classifier is log p_obs − log p_env; its gradient is the score difference (Sugiyama,
Suzuki & Kanamori, Density ratio estimation in machine learning, 2012). All environments and both halves of
the data are trained as one batch of networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from crlspec.numerics.checkpoints import TrainingContext
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.folds import folds_of

__all__ = ["RatioScores"]


@dataclass(frozen=True)
class RatioScores(ScoreDifference):
    """Cross-fitted classifiers with SiLU layers and a quadratic skip, which makes Gaussian ratios exact.

    Each half of the data trains its own networks; a tenth of the half is held out, and each network keeps the
    weights of its lowest held-out log loss. Training happens in float32.
    """

    width: int = 64
    steps: int = 600
    batch: int = 512
    rate: float = 3e-3
    decay: float = 1e-2
    held_out: float = 0.1
    device: str = "cpu"
    kind = "ratio"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Two fits that share no sample, both evaluated at all observational samples."""
        folds = folds_of(coordinates, self.held_out, seed, torch.float32)
        samples = folds.samples
        network = self._train(folds.halves, coordinates.environments, folds.generator, progress)
        points = samples[0].to(self.device)
        environments = len(samples) - 1
        gradients = [_gradient(network, part, 2 * environments) for part in points.split(8192)]
        replicates = torch.cat(gradients, 1).reshape(2, environments, len(points), -1)
        return ScoreEstimate.from_replicates(replicates.double().cpu().numpy())

    def _train(
        self,
        folds: list[list[tuple[Tensor, Tensor]]],
        names: tuple[str, ...],
        generator: torch.Generator,
        progress: Progress,
    ) -> BatchedNetwork:
        """``folds[environment][fold]`` is (training, held out), each (sample, component)."""
        environments, components = len(folds) - 1, folds[0][0][0].shape[1]
        network = BatchedNetwork(2 * environments, components, self.width, generator, quadratic=True).to(
            self.device
        )
        held = [[fold[1] for fold in environment] for environment in folds]
        checks = _contrasts(held, min(2000, max(len(h) for e in held for h in e)), generator).to(self.device)
        training = [[fold[0].to(self.device) for fold in environment] for environment in folds]

        def shown(step: int, losses: Tensor) -> Losses:
            means = losses.reshape(2, environments).mean(0).tolist()
            return Losses(step, "held-out log loss", dict(zip(names, means, strict=True)), "environment")

        train(
            network,
            lambda batch: _log_loss(network.once(batch)),
            lambda g: _contrasts(training, self.batch, g),
            TrainingContext(self.device).chance(generator),
            Plan(self.steps, self.rate),
            held_out=lambda: _log_loss(network.once(checks)),
            groups=network.groups(self.decay),
            progress=progress,
            stage="scores",
            shown=shown,
        )
        return network


def _contrasts(samples: list[list[Tensor]], size: int, generator: torch.Generator) -> Tensor:
    """(2 · environments, 2 · size, component): for each fold and environment, obs rows first, then its own."""

    def draw(y: Tensor) -> Tensor:
        return y[torch.randint(len(y), (size,), generator=generator, device=generator.device)]

    rows = []
    for fold in range(2):
        reference = draw(samples[0][fold])
        rows += [torch.cat([reference, draw(environment[fold])]) for environment in samples[1:]]
    return torch.stack(rows)


def _log_loss(logits: Tensor) -> Tensor:
    """Mean logistic loss of each network (batch, 2 · size) → (batch,): obs rows are positive."""
    reference, other = logits.chunk(2, -1)
    return (functional.softplus(-reference).mean(-1) + functional.softplus(other).mean(-1)) / 2


def _gradient(network: BatchedNetwork, points: Tensor, batch: int) -> Tensor:
    """∇ logit of every network at the points: (batch, sample, component)."""
    inputs = points.expand(batch, -1, -1).clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network.once(inputs).sum(), inputs)
    return gradient


def relative_disagreement(estimate: ScoreEstimate) -> np.ndarray:
    """(environment,): mean squared disagreement of the replicates over their mean square; 0 where exact."""
    if estimate.replicates is None:
        return np.zeros(len(estimate.values))
    size = (estimate.values**2).sum(-1).mean(-1)
    return np.asarray(estimate.noise / np.maximum(size, np.finfo(float).tiny))
