"""One classifier of all environments, over latents of which each has two hard interventions.

Against the observational environment, the log ratio of environment k of latent i is log q_ik(z_i) − log p_i(z_i |
z_pa(i)) = φ_ik(z_i) − ψ_i(z_i, z_pa(i)), whatever the mechanisms, with no word of the descendants of i.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import Progress

__all__ = ["ContrastModel", "Rows", "Terms", "fit_contrasts"]


@dataclass(frozen=True)
class Rows:
    """Samples of all environments pooled: z (sample, latent) float32; kind (sample,) int: 0 where nobody
    intervenes, 1 + i and 1 + n + i in the first and the second environment of latent i of n."""

    z: Tensor
    kind: Tensor

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, index: Tensor | slice) -> Rows:
        return Rows(self.z[index], self.kind[index])


@dataclass(frozen=True)
class Terms:
    """What logits are made of, at some samples.

    replaced   (2, latent, sample): φ_ik(z_i); slopes, likewise: its derivative
    mechanism  (latent, sample): ψ_i; gradient (latent, sample, latent): its derivatives
    others     (job,) i, mechanism (job, sample) and gradient (job, sample, latent): ψ_i where one cause is left out
    """

    replaced: Tensor
    slopes: Tensor
    mechanism: Tensor
    gradient: Tensor
    others: tuple[list[int], Tensor, Tensor]

    def logits(self) -> Tensor:
        """(kind, sample)."""
        return logits(self.replaced, self.mechanism)

    def without(self, job: int) -> Terms:
        """The same with ψ_i as it is without the cause that the job leaves out."""
        of_job, mechanism, gradient = self.others
        own = torch.arange(len(self.mechanism), device=self.mechanism.device) == of_job[job]
        return replace(
            self,
            mechanism=torch.where(own[:, None], mechanism[job], self.mechanism),
            gradient=torch.where(own[:, None, None], gradient[job], self.gradient),
        )


class ContrastModel(nn.Module):
    """φ and ψ of every latent, and for each edge of the graph one more ψ_i, which does not see that cause.

    graph  (latent, latent) bool, ``[i, j]``: ψ_i sees z_j, as it always sees z_i
    jobs   (i, j) of all edges
    """

    seen: Tensor
    seen_without: Tensor
    of_job: Tensor

    def __init__(self, graph: np.ndarray, generator: torch.Generator, width: int = 32) -> None:
        super().__init__()
        n = len(graph)
        self.graph, self.jobs = graph, [(int(i), int(j)) for i, j in np.argwhere(graph)]
        self.register_buffer("of_job", torch.tensor([i for i, _ in self.jobs], dtype=torch.long))
        self.register_buffer("seen", torch.as_tensor(graph | np.eye(n, dtype=bool)).float()[:, None])
        self.register_buffer("seen_without", self.seen[self.of_job].clone())
        for k, (_, j) in enumerate(self.jobs):
            self.seen_without[k, 0, j] = 0
        self.heads = BatchedNetwork(2 * n, 1, 16, generator, quadratic=True)
        self.mechanisms = BatchedNetwork(n, n, width, generator, quadratic=True)
        self.mechanisms_without = BatchedNetwork(len(self.jobs), n, width, generator, quadratic=True)

    def replaced(self, z: Tensor) -> Tensor:
        """φ (2, latent, sample)."""
        return self.heads(z.T.repeat(2, 1)[:, :, None]).reshape(2, z.shape[1], -1)

    def losses(self, rows: Rows) -> Tensor:
        """Log loss of each sample (sample,)."""
        values = logits(self.replaced(rows.z), self.mechanisms(rows.z * self.seen))
        return -torch.log_softmax(values, 0)[rows.kind, torch.arange(len(rows), device=rows.z.device)]

    def losses_without(self, rows: Rows) -> Tensor:
        """Log loss of each sample (job, sample), where the job's ψ_i stands in; nothing else is trained by it."""
        n = len(self.graph)
        with torch.no_grad():
            replaced = self.replaced(rows.z)
            values = logits(replaced, self.mechanisms(rows.z * self.seen))
            either = torch.softmax(values, 0)[1:].reshape(2, n, -1).sum(0)
            rest = torch.logsumexp(values, 0) + torch.log((1 - either).clamp(min=1e-6))
        mine = replaced[:, self.of_job] - self.mechanisms_without(rows.z * self.seen_without)
        three = torch.cat([rest[self.of_job][None], mine])
        own = 1 + self.of_job[:, None]
        kind = (rows.kind == own) + 2 * (rows.kind == n + own)
        return -torch.log_softmax(three, 0).gather(0, kind[None])[0]

    def terms(self, z: Tensor) -> Terms:
        """Values and derivatives of all networks at z (sample, latent)."""
        n = len(self.graph)
        replaced, slopes = _differentiated(self.heads, z.T.repeat(2, 1)[:, :, None])
        mechanism, gradient = _differentiated(self.mechanisms, z * self.seen)
        without, of_without = _differentiated(self.mechanisms_without, z * self.seen_without)
        return Terms(
            replaced.reshape(2, n, -1), slopes.reshape(2, n, -1), mechanism, gradient * self.seen,
            (self.of_job.tolist(), without, of_without * self.seen_without),
        )  # fmt: skip


def logits(replaced: Tensor, mechanism: Tensor) -> Tensor:
    """(kind, sample), 0 where nobody intervenes, from φ (2, latent, sample) and ψ (latent, sample)."""
    own = (replaced - mechanism).flatten(0, 1)
    return torch.cat([torch.zeros_like(own[:1]), own])


def _differentiated(network: BatchedNetwork, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Values (network, sample), and their derivatives (network, sample, input)."""
    inputs = inputs.detach().requires_grad_(True)
    values = network(inputs)
    return values.detach(), torch.autograd.grad(values.sum(), inputs)[0]


def fit_contrasts(
    model: ContrastModel,
    rows: Rows,
    generator: torch.Generator,
    progress: Progress,
    *,
    steps: int = 300,
    batch: int = 1024,
) -> None:
    """Train φ and ψ; then, from there on, each ψ_i that leaves a cause out."""

    def draw(g: torch.Generator) -> Rows:
        return rows[torch.randint(len(rows), (batch,), generator=g, device=g.device)]

    train(
        model, lambda some: model.losses(some).mean()[None], draw, generator, Plan(steps, 1e-2),
        groups=[*model.heads.groups(1e-2), *model.mechanisms.groups(1e-2)], progress=progress, stage="edges",
    )  # fmt: skip
    if not model.jobs:
        return
    whole = dict(model.mechanisms.named_parameters())
    with torch.no_grad():
        for name, parameter in model.mechanisms_without.named_parameters():
            parameter.copy_(whole[name][model.of_job])
    train(
        model, lambda some: model.losses_without(some).mean(1), draw, generator, Plan(steps // 2, 5e-3),
        groups=model.mechanisms_without.groups(1e-2), progress=progress, stage="edges",
    )  # fmt: skip
