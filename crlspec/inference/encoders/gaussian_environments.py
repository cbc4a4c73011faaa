"""Linear-Gaussian latents behind a smooth encoder, under one hard intervention each: densities and contrasts.

Latents are scaled so that z_i is N(0, 1) in the environment that intervenes on it, and B z + b is N(0, I) without
interventions; environment i replaces row i of (B, b) by that of the identity. So log p^i − log p^0 is
−½ z_i² + ½ (B_i z + b_i)² + constant: the log odds of Buchholz et al. ("Learning linear causal representations from
interventions under general nonlinear mixing", NeurIPS 2023). B need not be acyclic while it is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.sample import Sample

__all__ = ["GaussianEnvironments", "Start", "log_densities"]


def log_densities(z: Tensor, weights: Tensor, intercepts: Tensor) -> Tensor:
    """log p^e(z) up to a constant, (replica, sample, latent) → (replica, sample, environment).

    weights  (replica, latent, latent) B; intercepts (replica, 1, latent) b
    """
    residual = torch.baddbmm(intercepts, z, weights.transpose(1, 2))
    base = -0.5 * (residual**2).sum(-1, keepdim=True)
    changed = base + 0.5 * residual**2 - 0.5 * z**2
    n = weights.shape[-1]
    eye = torch.eye(n, dtype=z.dtype, device=z.device)
    replaced = [torch.where(eye[i, :, None] > 0, eye, weights) for i in range(n)]
    log_volumes = torch.linalg.slogdet(torch.stack([weights, *replaced], 1))[1]
    return torch.cat([base, changed], -1) + log_volumes[:, None]


class GaussianEnvironments(nn.Module):
    """z = f(u) of coordinates u, and p^e(z) of every environment e, the observational one first; replicas in a batch.

    starts  one for each replica
    width   hidden units of the encoder
    """

    def __init__(self, starts: Sequence[Start], width: int, generator: torch.Generator) -> None:
        super().__init__()

        def stacked(name: str) -> Tensor:
            return torch.tensor(np.stack([getattr(start, name) for start in starts]), dtype=torch.float32)

        self.encoder = ResidualNetwork(stacked("rows").transpose(1, 2), width, generator)
        with torch.no_grad():
            self.encoder.bias.copy_(stacked("shift")[:, None])
        self.weights = nn.Parameter(stacked("weights"))
        self.intercepts = nn.Parameter(stacked("intercepts")[:, None])

    def log_densities(self, z: Tensor) -> Tensor:
        """log p^e(z) up to a constant, (replica, sample, latent) → (replica, sample, environment)."""
        return log_densities(z, self.weights, self.intercepts)

    def contrast(self, sample: Sample) -> Tensor:
        """Log loss (replica,) of telling a sample's environment, all equally likely beforehand, from its latents."""
        log_probabilities = torch.log_softmax(self.log_densities(self.encoder(self._all(sample))), -1)
        return -log_probabilities[
            :, torch.arange(len(sample), device=sample.y.device), sample.environment
        ].mean(-1)

    def likelihood(self, sample: Sample) -> Tensor:
        """Negative log likelihood (replica,) of coordinates, as many as latents, up to a constant."""
        z, log_volume = self.encoder.with_log_volume(self._all(sample))
        densities = self.log_densities(z)[
            :, torch.arange(len(sample), device=sample.y.device), sample.environment
        ]
        return -(densities + log_volume).mean(-1)

    def latents(self, u: np.ndarray, replica: int) -> np.ndarray:
        """z of coordinates (sample, coordinate), float64."""
        parts = torch.as_tensor(u, dtype=self.weights.dtype, device=self.weights.device).split(8192)
        with torch.no_grad():
            found = [self.encoder(part.expand(len(self.weights), -1, -1))[replica] for part in parts]
        return torch.cat(found).double().cpu().numpy()

    def groups(self, rate: float, decay: float = 1e-3) -> list[dict[str, object]]:
        """Parameter groups for AdamW: the perceptron's weights decay, nothing else does."""
        matrices = list(self.encoder.weights)
        others = [p for p in self.parameters() if all(p is not m for m in matrices)]
        return [
            {"params": matrices, "weight_decay": decay, "lr": rate},
            {"params": others, "weight_decay": 0.0, "lr": 1e-2},
        ]

    def _all(self, sample: Sample) -> Tensor:
        return sample.y.expand(len(self.weights), -1, -1)


@dataclass(frozen=True)
class Start:
    """Where to start from: z = rows u + shift, and B and b of the latents.

    rows (latent, coordinate); shift (latent,); weights (latent, latent) B; intercepts (latent,) b
    """

    rows: np.ndarray
    shift: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, samples: Sequence[np.ndarray], order: Sequence[int]) -> Start:
        """An encoder (latent, coordinate) in the scaling above, each latent regressed on those before it.

        samples  (sample, coordinate) of every environment, the observational first, then that of each latent
        order    the latents, roots first
        """
        n = len(rows)
        own = [samples[i + 1] @ rows[i] for i in range(n)]
        rows = rows / np.array([values.std() for values in own])[:, None]
        shift = np.array([-(samples[i + 1] @ rows[i]).mean() for i in range(n)])
        z = [y @ rows.T + shift for y in samples]
        weights, intercepts = np.zeros((n, n)), np.zeros(n)
        for position, i in enumerate(order):
            before = list(order[:position])
            pooled = np.concatenate([values for e, values in enumerate(z) if e != i + 1])
            design = np.column_stack([np.ones(len(pooled)), pooled[:, before]])
            slope = np.linalg.lstsq(design, pooled[:, i], rcond=None)[0]
            spread = (pooled[:, i] - design @ slope).std()
            weights[i, i], weights[i, before] = 1 / spread, -slope[1:] / spread
            intercepts[i] = -slope[0] / spread
        return cls(rows, shift, weights, intercepts)
