"""Order and edges between latents that are known one by one, from two hard interventions on each.

An intervention on i moves the distributions of its descendants and of no others: that gives the order. An edge j →
i is tested by leaving j out of the regression of ẑ_i on its predecessors, beside a remainder that takes part in every
environment. ẑ is only estimated, and what of other latents is left in ẑ_i does not care who is intervened on: it is
there in the environments that cut i off from its causes too. There the remainder is learned, and a dependence that is
no stronger elsewhere is no edge, whatever its form. That is cheap, and enough behind a known link; latents that are
off by some per cent ask for :mod:`crlspec.inference.edges.classifier`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import kolmogi
from torch import Tensor, nn

from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.ranks import distribution_distance
from crlspec.numerics.statistics import paired_p_value
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress

__all__ = ["edges_by_contrast", "effects", "order_of"]

CHUNK = 8192
"""Held-out samples of each fold that are looked at in one go."""


def effects(
    samples: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]], chance: float = GscaleThresholds.moved
) -> np.ndarray:
    """(latent, latent): [i, j] how much the interventions on i move the distribution of ẑ_j, 0 on the diagonal.

    The largest Kolmogorov distance between the observational environment (the first of ``samples``) and the two of i,
    and between these two, less what chance alone reaches with probability ``chance``.

    samples  (sample, latent) of every environment; pairs: for each latent the two that intervene on it
    """
    n = len(pairs)
    moved = np.zeros((n, n))
    for i, (a, b) in enumerate(pairs):
        for first, second in ((0, a), (0, b), (a, b)):
            one, other = samples[first], samples[second]
            reached = kolmogi(chance) * np.sqrt(1 / len(one) + 1 / len(other))
            for j in range(n):
                if j != i:
                    distance = distribution_distance(one[:, j], other[:, j])
                    moved[i, j] = max(moved[i, j], distance - reached)
    return moved


def order_of(moved: np.ndarray, before: np.ndarray | None = None) -> tuple[int, ...]:
    """Roots first: again and again the latent that interventions on the rest move least; ``before`` (latent, latent)
    bool: of those alone before which none of the rest is known to come."""
    order: list[int] = []
    rest = list(range(len(moved)))
    while rest:
        free = rest if before is None else [j for j in rest if not before[rest, j].any()]
        root = min(free, key=lambda j: max((moved[i, j] for i in rest if i != j), default=0.0))
        order.append(root)
        rest.remove(root)
    return tuple(order)


def edges_by_contrast(
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    seed: int,
    progress: Progress,
    *,
    steps: int = 250,
    batch: int = 1024,
    width: int = 16,
    rate: float = 8e-3,
    chance: float = GscaleThresholds.moved,
    context: TrainingContext = HERE,
) -> Step:
    """Order by :func:`effects`, then a test of every pair; the latents themselves are left as they are.

    Of each latent two networks of its predecessors: the remainder, and the mechanism, which is left out where the
    latent is intervened on. All pairs (i, j) and two folds are one batch, from the same weights; the paired
    held-out squared errors, in units of the noise of the kind of environment, are tested one-sidedly.
    """
    began = time.perf_counter()
    moved = effects(samples, pairs, chance)
    order = order_of(moved)
    n = len(order)
    pooled = np.concatenate(samples)
    scaled = (pooled - pooled.mean(0)) / pooled.std(0)
    z = torch.as_tensor(scaled[:, list(order)], dtype=torch.float32)
    environment = np.repeat(np.arange(len(samples)), [len(y) for y in samples])
    own = torch.as_tensor(np.stack([np.isin(environment, pairs[m]) for m in order]))
    generator = torch.Generator().manual_seed(seed)
    jobs = [(i, -1) for i in range(1, n)] + [(i, j) for i in range(1, n) for j in range(i)]
    fits = _Fits(z, own, jobs, width, generator).to(context.device)
    shuffled = torch.randperm(len(z), generator=generator).to(context.device)
    folds = shuffled[: len(z) // 2], shuffled[len(z) // 2 :]
    if jobs:
        train(
            fits,
            lambda index: fits.losses(index).mean(-1),
            lambda g: torch.stack(
                [fold[torch.randint(len(fold), (batch,), generator=g, device=g.device)] for fold in folds]
            ),
            context.chance(generator),
            Plan(steps, rate),
            groups=fits.groups(),
            progress=progress,
            stage="edges",
        )
    gains, p_values = _compare(jobs, fits.at(folds[1], folds[0]), n)
    seconds = time.perf_counter() - began
    rows = np.eye(n)[list(order)]
    note = "order by what interventions move; edges by leaving one cause out, beside a remainder of mixing"
    return Step("edges", order, rows, gains, p_values, seconds, note)


class _Fits(nn.Module):
    """Two folds of all jobs (i, j): ẑ_i by remainder and mechanism, the latter without ẑ_j; −1: with all before i."""

    z: Tensor
    before: Tensor
    seen: Tensor
    response: Tensor
    kinds: Tensor

    def __init__(
        self, z: Tensor, own: Tensor, jobs: list[tuple[int, int]], width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.jobs, n = len(jobs), z.shape[1]
        before, seen = z.new_zeros(len(jobs), 1, n), z.new_zeros(len(jobs), 1, n)
        for k, (i, j) in enumerate(jobs):
            before[k, 0, :i] = seen[k, 0, :i] = 1
            if j >= 0:
                seen[k, 0, j] = 0
        response = torch.tensor([i for i, _ in jobs], dtype=torch.long, device=z.device)
        kept = {
            "z": z, "before": before.repeat(2, 1, 1), "seen": seen.repeat(2, 1, 1), "response": response,
            "kinds": (~own[response]).to(z),
        }  # fmt: skip
        for name, value in kept.items():
            self.register_buffer(name, value)
        self.log_scales = nn.Parameter(z.new_zeros(2 * len(jobs), 2))
        self.remainder = BatchedNetwork(2 * len(jobs), n, width, generator, common=True)
        self.mechanism = BatchedNetwork(2 * len(jobs), n, width, generator, common=True)

    def losses(self, index: Tensor) -> Tensor:
        """Normal negative log likelihoods (fold · job, sample) of rows ``index`` (fold, sample), up to a constant."""
        rows = self.z[index]
        inputs = rows.repeat_interleave(self.jobs, 0)
        natural = torch.cat([self.kinds[:, one] for one in index])
        target = torch.cat([one.T[self.response] for one in rows])
        fitted = self.remainder(inputs * self.before) + natural * self.mechanism(inputs * self.seen)
        scale = torch.where(natural > 0, self.log_scales[:, :1], self.log_scales[:, 1:])
        return 0.5 * ((target - fitted) * torch.exp(-scale)) ** 2 + scale

    @torch.no_grad()
    def at(self, *rows: Tensor) -> list[np.ndarray]:
        """Losses (job, sample) of each fold at rows (sample,) of its own, none left out, however many each has.

        The shorter fold begins again where it ends, so that both are one batch; what it says twice is dropped.
        """
        size = max(len(one) for one in rows)
        index = torch.stack([one[torch.arange(size, device=one.device) % len(one)] for one in rows])
        losses = torch.cat([self.losses(part) for part in index.split(CHUNK, 1)], -1)
        both = losses.reshape(len(rows), self.jobs, size).double().cpu().numpy()
        return [found[:, : len(one)] for found, one in zip(both, rows, strict=True)]

    def groups(self) -> list[dict[str, object]]:
        """Parameter groups for AdamW."""
        scales = {"params": [self.log_scales], "weight_decay": 0.0}
        return [*self.remainder.groups(1e-2), *self.mechanism.groups(1e-2), scales]


def _compare(
    jobs: list[tuple[int, int]], losses: Sequence[np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean held-out loss in nats that leaving j out costs, and one-sided p-values: (position, position) arrays.

    losses  of each fold (job, sample)
    """
    gains, p_values = np.zeros((n, n)), np.ones((n, n))
    full = {i: k for k, (i, j) in enumerate(jobs) if j < 0}
    for k, (i, j) in enumerate(jobs):
        if j >= 0:
            paired = np.concatenate([fold[k] - fold[full[i]] for fold in losses])
            gains[i, j] = max(paired.mean(), 0.0)
            p_values[i, j] = paired_p_value(paired)
    return gains, p_values
