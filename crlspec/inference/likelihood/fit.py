"""Fits of the flexible likelihood: gradient steps, and Newton steps of all linear parameters in between."""

from __future__ import annotations

import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics import training as numerics
from crlspec.numerics.sample import Sample
from crlspec.numerics.training import Plan
from crlspec.progress import Losses, Progress

__all__ = ["train"]

EVERY, LAST = 50, 3
"""Gradient steps from one Newton step to the next, and Newton steps at the end."""


def train(
    model: FlexibleLikelihood,
    training: Sample,
    held_out: Sample,
    generator: torch.Generator,
    progress: Progress,
    *,
    steps: int,
    rate: float = 4e-3,
    warm_up: int = 150,
    stage: str = "likelihood",
    polish: int = LAST,
) -> Tensor:
    """Fit all candidates at once; held-out losses per sample (candidate, sample) at the end.

    A batch is a 32nd of the training samples, within 512 and 1536 (1024 where ``polish`` is less). Newton steps
    follow every fiftieth step of the one training loop from ``warm_up`` on; no weights are put back at the end.

    polish  how many of the last three Newton steps see all training samples, which is dear for many candidates; the
            others see a part of them
    """
    most, some = (1536, 15_000) if polish == LAST else (1024, 8_000)
    batch = min(max(512, len(training) // 32), most, len(training))
    shown = held_out[torch.arange(min(batch, len(held_out)), device=held_out.y.device)]

    def tell(step: int) -> None:
        with torch.no_grad():
            losses = {str(k + 1): loss for k, loss in enumerate(model.loss(shown).mean(1).tolist())}
        progress(stage, step, steps, losses=Losses(step, "held-out negative log likelihood", losses))

    def part() -> Sample:
        return training[torch.randperm(len(training), generator=generator, device=generator.device)[:some]]

    def after(made: int) -> None:
        if (made - 1) % EVERY == 0:
            tell(made - 1)
            if made > warm_up:
                model.newton(part())

    draw = _Epochs(training, batch)
    numerics.train(
        model, lambda some: model.loss(some).mean(1), draw, generator, Plan(steps, rate, look=steps),
        groups=model.groups(rate), after=after,
    )  # fmt: skip
    for k in range(LAST):
        model.newton(part() if k < LAST - polish else training)
    tell(steps)
    with torch.no_grad():
        return model.loss(held_out).detach()


class _Epochs:
    """Batches of a sample, each row once in an epoch. Where an epoch stands is kept here, and in no checkpoint."""

    def __init__(self, sample: Sample, size: int) -> None:
        self.sample, self.size = sample, size
        self.order, self.position = sample.environment[:0], len(sample)

    def __call__(self, generator: torch.Generator) -> Sample:
        if self.position + self.size > len(self.sample):
            self.order = torch.randperm(len(self.sample), generator=generator, device=generator.device)
            self.position = 0
        self.position += self.size
        return self.sample[self.order[self.position - self.size : self.position]]
