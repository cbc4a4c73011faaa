"""Tests of absent edges that know how far the latents may be off: Neyman's C(α) in the flexible likelihood.

Under a graph without j → i, the derivative of the likelihood with respect to an effect of z_j on the mechanism of
z_i is zero on average. Latents and mechanisms are estimated, so its part that a change of the encoder, of the
present linear effects, of the noise or of the mechanism would explain is projected away: what is left is free, to
first order, of their errors (Neyman, "Optimal asymptotic tests of composite statistical hypotheses", 1959). A few
per cent of leftover mixing, which is real dependence between latents, then makes no false edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import chdtrc

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.ranks import legendre
from crlspec.inference.power import by_chi_square
from crlspec.numerics.sample import Sample

__all__ = ["absent_edge_tests", "detectable_shares"]

Pair = tuple[int, int, int]
"""(candidate, i, j): the edge j → i, which the graph of this candidate lacks."""


def absent_edge_tests(
    model: FlexibleLikelihood, sample: Sample, pairs: Sequence[Pair]
) -> tuple[np.ndarray, np.ndarray]:
    """(share, p-value) of each pair.

    The effect may be any combination of Legendre polynomials to the third degree of the rank of z_j, z_j itself, and
    products of its rank with that of each other latent before i; share is that of the variance of the mechanism's
    score which they explain, between 0 and 1.

    model  fitted under given graphs, one a candidate
    """
    found = np.zeros((len(pairs), 2))
    for candidate in sorted({c for c, _, _ in pairs}):
        one = _Scores(model.chosen(candidate, torch.Generator()), sample)
        for k, (c, i, j) in enumerate(pairs):
            if c == candidate:
                found[k] = one.test(i, j)
    return found[:, 0], found[:, 1]


def detectable_shares(n: int, samples: int, level: float) -> np.ndarray:
    """(position, position): the share from which on a test at a level sees an effect with power .8, ``[i, j]`` for
    j → i; NaN elsewhere.

    At position i, i + 2 effects are tested together, and the statistic is χ² with as many degrees of freedom,
    noncentral by the number of samples times the share, to first order.
    """
    found = np.full((n, n), np.nan)
    for i in range(1, n):
        found[i, :i] = by_chi_square(i + 2, level) / samples
    return found


class _Scores:
    """Per-sample derivatives of the log likelihood of a model with one candidate."""

    def __init__(self, model: FlexibleLikelihood, sample: Sample) -> None:
        n = model.shape[1]
        z = (sample.y @ model.coordinates()[0].detach().T)[None].requires_grad_(True)
        residuals, latents = model.terms(z)
        total = model.log_terms(residuals, latents, sample.environment).sum()
        of_z, of_residuals, of_latents = torch.autograd.grad(total, [z, residuals, latents])
        with torch.no_grad():
            self.hidden = model.hidden(z)
        self.z = z[0].detach().double()
        eye = torch.eye(n, dtype=self.z.dtype, device=self.z.device)
        self.ranks = legendre(self.z)
        self.of_residuals, of_latents = of_residuals[0].T.double(), of_latents[0].T.double()
        own = self.of_residuals == 0
        present = model.inputs[0].nonzero().T
        self.nuisance = torch.cat(
            [
                (of_z[0].double()[:, :, None] * self.z[:, None, :] + eye).flatten(1),
                -self.of_residuals[:, present[0]] * self.z[:, present[1]],
                self.of_residuals,
                of_latents,
                self.of_residuals * residuals[0].detach().T + (~own).double(),
                of_latents * self.z + own.double(),
            ],
            1,
        )

    def test(self, i: int, j: int) -> tuple[float, float]:
        """Share of the variance explained, and p-value."""
        score = -self.of_residuals[:, i, None]
        first, second, third = self.ranks
        effects = [self.z[:, j], second[:, j], third[:, j]]
        effects += [first[:, j] * first[:, k] for k in range(i) if k != j]
        tested = score * torch.stack(effects, 1)
        nuisance = torch.cat([self.nuisance, score * self.hidden[i].double()], 1)
        scale = nuisance.pow(2).mean(0).sqrt() + 1e-12
        nuisance = nuisance / scale
        gram = nuisance.T @ nuisance
        gram = gram + 1e-6 * gram.diagonal().mean() * torch.eye(
            len(gram), dtype=gram.dtype, device=gram.device
        )
        cleared = (tested - nuisance @ torch.linalg.solve(gram, nuisance.T @ tested)).cpu().numpy()
        information = cleared.T @ cleared
        unit = np.sqrt(information.diagonal()) + 1e-12
        total = cleared.sum(0) / unit
        statistic = float(total @ np.linalg.pinv(information / np.outer(unit, unit), rcond=1e-6) @ total)
        return statistic / len(cleared), float(chdtrc(tested.shape[1], statistic))
