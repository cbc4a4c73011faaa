"""Is the refined encoder better than the one it began from? By held-out likelihoods of one and the same model.

Both encoders are held fixed, and the same flexible mechanisms and densities are fitted to the latents of each, from
the same samples and in the same steps. What they say of held-out samples is paired, and so has an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from crlspec.inference.check import Check
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics import training as numerics
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.sample import Sample
from crlspec.numerics.training import Plan

__all__ = ["Lead", "lead_of", "start_or_refined"]

STEPS, WIDTH, BATCH = 200, 32, 1024
"""Of the networks that are fitted to both; about the longest fit that orders get in the search before."""


@dataclass(frozen=True)
class Lead:
    """How much better one encoder explains held-out samples than another, in nats a sample.

    mean   of the paired differences; below nothing where it is worse
    error  its standard error
    """

    mean: float
    error: float

    @property
    def z(self) -> float:
        """The mean over its error."""
        return self.mean / max(self.error, 1e-300)


def lead_of(
    refined: Step,
    start: Step,
    samples: Sequence[np.ndarray],
    targeted: np.ndarray,
    seed: int,
    context: TrainingContext = HERE,
) -> Lead:
    """The lead of the encoder of one step over that of another.

    samples   (sample, component) of every environment, the observational first
    targeted  (latent, environment) bool
    """
    generator = torch.Generator().manual_seed(seed)
    training, held_out = (part.to(context.device) for part in Sample.split(samples, generator))
    generator = context.chance(generator)
    steps = (refined, start)
    rows = torch.as_tensor(np.stack([step.rows for step in steps])).to(training.y)
    rows = rows / (training.y @ rows.transpose(1, 2)).std(1)[:, :, None]
    targets = torch.as_tensor(targeted[np.array([step.order for step in steps])], device=rows.device)
    n = rows.shape[1]
    graphs = torch.ones(n, n, dtype=torch.bool, device=rows.device).tril(-1).expand(2, n, n)
    model = FlexibleLikelihood(rows, targets, generator, graph=graphs, width=WIDTH)
    model.change.requires_grad_(False)
    densities = [*model.noise.parameters(), *model.replaced.parameters()]
    groups = [*(group for one in model.networks for group in one.groups(1e-2))]
    size = min(BATCH, len(training))

    def draw(some: torch.Generator) -> Sample:
        return training[torch.randint(len(training), (size,), generator=some, device=some.device)]

    numerics.train(
        model, lambda part: model.loss(part).mean(1), draw, generator, Plan(STEPS, 1e-2, look=STEPS),
        groups=[*groups, {"params": densities, "weight_decay": 0.0}],
    )  # fmt: skip
    with torch.no_grad():
        losses = model.loss(held_out).double().cpu().numpy()
    gains = losses[1] - losses[0]
    return Lead(float(gains.mean()), float(gains.std() / len(gains) ** 0.5))


def start_or_refined(
    start: Step,
    refined: list[Step],
    samples: Sequence[np.ndarray],
    seed: int,
    bound: float = LinearThresholds.worse,
    context: TrainingContext = HERE,
) -> list[Step]:
    """The steps of a refinement under one intervention a latent; where its encoder is worse than the start by more
    than so many standard errors, the start again, as the last of them, undecided."""
    began = time.perf_counter()
    n = len(start.order)
    targeted = np.concatenate([np.zeros((n, 1), dtype=bool), np.eye(n, dtype=bool)], 1)
    lead = lead_of(refined[-1], start, samples, targeted, seed, context)
    told = f"{abs(lead.mean):.3g} ± {lead.error:.2g} nats a held-out sample"
    if lead.z >= -bound:
        last = refined[-1]
        compared = "better" if lead.mean > 0 else "no clearly worse"
        note = f"{last.note}; {compared} than the start by {told}"
        return [*refined[:-1], replace(last, note=note, seconds=last.seconds + time.perf_counter() - began)]
    check = Check(
        "refinement", "undecided", lead.z, -bound,
        f"The refined latents are worse than those that the refinement began from, by {told}. Those were kept. "
        "Their edges are tested by scores alone.",
        "Give more samples, or run with --set estimator.refine=none.",
    )  # fmt: skip
    note = f"the refined encoder is worse by {told}; the start was kept"
    kept = replace(start, name="start", note=note, seconds=time.perf_counter() - began, checks=(check,))
    return [*refined, kept]
