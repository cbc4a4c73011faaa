"""A classifier of all environments without structure: its logits are log densities, up to what all of them share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.parts import Parts
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress

__all__ = ["environment_logits"]

STEPS, RATE, LOOK = 2000, 4e-3, 100
WIDTH, DEPTH, BATCH, DECAY = 128, 3, 1024, 0.03


def environment_logits(
    samples: Sequence[np.ndarray],
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
    steps: int = STEPS,
    at: Sequence[np.ndarray] | None = None,
    name: str = "environments",
) -> list[np.ndarray]:
    """Logits (sample, environment) at the samples (sample, component) of every environment.

    steps  at most, and never more than 2000
    at     other samples of every environment to give the logits at
    name   of the stage and its checkpoint
    """
    generator = torch.Generator().manual_seed(seed)
    parts = Parts.split(samples, generator, context=context)
    start = torch.zeros(1, samples[0].shape[1], len(samples))
    network = ResidualNetwork(start, WIDTH, generator, DEPTH).to(context.device)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        """Log loss (1,) of rows (environment, sample, component)."""
        log_probabilities = torch.log_softmax(network(rows.reshape(1, -1, rows.shape[-1]))[0], -1)
        labels = torch.arange(len(rows), device=rows.device).repeat_interleave(rows.shape[1])
        return functional.nll_loss(log_probabilities, labels)[None]

    train(
        network,
        loss,
        lambda g: parts.draw(BATCH // len(samples), g),
        context.chance(generator),
        Plan(min(steps, STEPS), RATE, look=LOOK),
        held_out=lambda: loss(parts.held_out),
        groups=network.groups(DECAY),
        progress=progress,
        stage=name,
        checkpoint=context.checkpoint(name),
    )
    found = []
    with torch.no_grad():
        for values in samples if at is None else at:
            rows = torch.as_tensor(values, dtype=torch.float32, device=context.device).split(8192)
            logits = torch.cat([network(some[None])[0] for some in rows])
            found.append(logits.double().cpu().numpy())
    return found
