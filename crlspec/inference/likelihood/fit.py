"""Fits of the flexible likelihood: gradient steps, and Newton steps of all linear parameters in between."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics import training as numerics
from crlspec.numerics.mixtures import GaussianMixture, either
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.sample import Sample
from crlspec.numerics.training import Plan
from crlspec.progress import Losses, Progress

__all__ = ["Lost", "train"]

EVERY, LAST = 50, 3
"""Gradient steps from one Newton step to the next, and Newton steps at the end."""


class Lost(nn.Module):
    """The mechanisms of a model under given graphs that lost a cause, copied out to take gradient steps alone.

    An edge that goes leaves all other mechanisms the functions they are; encoder, linear effects and intercepts of
    all of them follow by the Newton steps in between.
    """

    index: Tensor
    inputs: Tensor

    def __init__(self, model: FlexibleLikelihood) -> None:
        super().__init__()
        assert not model.nested and not model.soft
        self.model = [model]  # not one of its own modules
        _, n = model.shape
        width = model.network.first.shape[-1]
        lost = (model.inputs != model.lower).any(2).flatten().nonzero()[:, 0]
        self.register_buffer("index", lost)
        self.register_buffer("inputs", model.inputs.reshape(-1, n)[lost])
        self.network = BatchedNetwork(len(lost), n, width, torch.Generator())
        self.noise, self.replaced = (GaussianMixture((len(lost),)) for _ in range(2))
        self.to(model.basis)
        self.load()

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        """Parameters here, and those of the model (mechanism, …)."""
        (model,) = self.model
        mine = [*self.network.parameters(), *self.noise.parameters(), *self.replaced.parameters()]
        densities = [*model.noise.parameters(), *model.replaced.parameters()]
        theirs = [*model.network.parameters(), *(p.flatten(0, 1) for p in densities)]
        return list(zip(mine, theirs, strict=True))

    @torch.no_grad()
    def load(self) -> None:
        """Take the parameters that the model has."""
        for mine, its in self._pairs():
            mine.copy_(its[self.index])

    @torch.no_grad()
    def store(self) -> None:
        """Give the model the parameters that were found."""
        for mine, its in self._pairs():
            its[self.index] = mine

    def groups(self, rate: float) -> list[dict[str, object]]:
        """Parameter groups of AdamW."""
        densities = [*self.noise.parameters(), *self.replaced.parameters()]
        return [*self.network.groups(1e-2), {"params": densities, "weight_decay": 0.0, "lr": rate}]

    def loss(self, sample: Sample) -> Tensor:
        """Negative log likelihood of each sample and mechanism (mechanism, sample), in nats."""
        (model,) = self.model
        n = model.shape[1]
        with torch.no_grad():
            u = sample.y @ model.coordinates().transpose(1, 2)
        own = model.own(sample.environment).flatten(0, 1)[self.index]
        latents = u.transpose(1, 2).flatten(0, 1)[self.index]
        residuals = latents - self.network.once(u[self.index // n] * self.inputs[:, None])
        return -either(self.replaced, self.noise, torch.where(own, latents, residuals), own)


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
    lost: bool = False,
) -> Tensor:
    """Fit all candidates at once; held-out losses per sample (candidate, sample) at the end.

    A batch is a 32nd of the training samples, within 512 and 1536 (1024 where ``polish`` is less). Newton steps
    follow every fiftieth step of the one training loop from ``warm_up`` on; no weights are put back at the end.

    polish  how many of the last three Newton steps see all training samples, which is dear for many candidates; the
            others see a part of them
    lost    gradient steps are for the mechanisms alone that lost a cause
    """
    alone = Lost(model) if lost else None
    fitted = model if alone is None else alone
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
            if alone is not None:
                alone.store()
            tell(made - 1)
            if made > warm_up:
                model.newton(part())
            if alone is not None:
                alone.load()

    draw = _Epochs(training, batch)
    numerics.train(
        fitted, lambda some: fitted.loss(some).mean(1), draw, generator, Plan(steps, rate, look=steps),
        groups=fitted.groups(rate), after=after,
    )  # fmt: skip
    if alone is not None:
        alone.store()
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
