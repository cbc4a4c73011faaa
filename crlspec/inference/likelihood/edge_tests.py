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
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.ranks import legendre
from crlspec.inference.power import by_chi_square
from crlspec.numerics.sample import Sample

__all__ = ["absent_edge_tests", "detectable_shares"]

CHUNK = 4096
"""Samples whose derivatives are held at a time."""

EXPLAINED = 1e-8
"""Share of an effect's score that nuisance must leave: less is rounding, and the effect says nothing."""

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
        mine = [k for k, pair in enumerate(pairs) if pair[0] == candidate]
        one = _Scores(model.chosen(candidate, torch.Generator()), sample)
        found[mine] = one.tests([pairs[k][1:] for k in mine])
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
    """Per-sample derivatives of the log likelihood of a model with one candidate, and products of sums of them."""

    def __init__(self, model: FlexibleLikelihood, sample: Sample) -> None:
        self.model, self.sample = model.requires_grad_(False), sample
        self.z = sample.y @ model.coordinates()[0].detach().T
        self.ranks = legendre(self.z.T.contiguous().T)

    def tests(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
        """Share of the variance explained, and p-value, of each pair (i, j)."""
        count, of = len(self.z), [(i, [j for k, j in pairs if k == i]) for i in sorted({i for i, _ in pairs})]
        products: list[Tensor] = [torch.zeros((), dtype=torch.float64, device=self.z.device) for _ in of]
        positions = torch.tensor([i for i, _ in of], device=self.z.device)
        for part in torch.arange(count, device=self.z.device).split(CHUNK):
            nuisance, of_residuals = self._nuisance(part)
            with torch.no_grad():
                hidden = self.model.hidden(self.z[part], positions).transpose(1, 2)
            for k, (i, causes) in enumerate(of):
                score = -of_residuals[i]
                effects = [effect for j in causes for effect in self._effects(i, j, part)]
                mine = [score * hidden[k], score * torch.stack(effects), torch.ones_like(score)[None]]
                everything = torch.cat([*nuisance, *mine])
                products[k] = products[k] + everything @ everything.T
        found = {}
        for (i, causes), product in zip(of, products, strict=True):
            size = i + 2
            first = len(product) - 1 - size * len(causes)
            for k, j in enumerate(causes):
                tested = slice(first + k * size, first + (k + 1) * size)
                found[i, j] = _statistic(product, first, tested, count)
        return [found[pair] for pair in pairs]

    def _effects(self, i: int, j: int, part: Tensor) -> list[Tensor]:
        """z_j, its rank's polynomials above the first, and products of its rank with those of others before i."""
        first, second, third = self.ranks
        found = [self.z[part, j].double(), second[part, j], third[part, j]]
        return found + [first[part, j] * first[part, k] for k in range(i) if k != j]

    def _nuisance(self, part: Tensor) -> tuple[list[Tensor], Tensor]:
        """Derivatives in the encoder, the linear effects, the intercepts and the densities, each (parameter, sample);
        and those in the residuals (position, sample)."""
        model, n = self.model, self.model.shape[1]
        z = self.z[None, part].detach().requires_grad_(True)
        residuals, latents = model.terms(z)
        total = model.log_terms(residuals, latents, self.sample.environment[part]).sum()
        of_z, of_residuals, of_latents = (
            one[0].double() for one in torch.autograd.grad(total, [z, residuals, latents])
        )
        at, residual, of_z = z[0].detach().T.double(), residuals[0].detach().double(), of_z.T
        own = of_residuals == 0
        present = model.inputs[0].nonzero().T
        eye = torch.eye(n, dtype=at.dtype, device=at.device)
        nuisance = [
            (of_z[:, None] * at[None] + eye[..., None]).flatten(0, 1),
            -of_residuals[present[0]] * at[present[1]],
            of_residuals,
            of_latents,
            of_residuals * residual + (~own).double(),
            of_latents * at + own.double(),
        ]
        return nuisance, of_residuals


def _statistic(product: Tensor, first: int, tested: slice, count: int) -> tuple[float, float]:
    """Share and p-value of effects whose scores are cleared of nuisance, which stands before ``first``.

    product  sums over samples of products of all scores, and of the one that stands last
    """
    nuisance = slice(0, first)
    scale = (product.diagonal()[nuisance] / count).sqrt() + 1e-12
    gram = product[nuisance, nuisance] / scale[:, None] / scale
    shared = product[nuisance, tested] / scale[:, None]
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    slopes = torch.linalg.solve(gram + ridge, shared)
    crossed = shared.T @ slopes
    cleared = product[tested, tested] - crossed - crossed.T + slopes.T @ gram @ slopes
    sums = product[tested, -1] - slopes.T @ (product[nuisance, -1] / scale)
    information, total = cleared.cpu().numpy(), sums.cpu().numpy()
    before = product.diagonal()[tested].cpu().numpy()
    left = information.diagonal() > EXPLAINED * before
    unit = np.sqrt(np.where(left, information.diagonal(), np.inf))
    total = total / unit
    statistic = float(total @ np.linalg.pinv(information / np.outer(unit, unit), rcond=1e-6) @ total)
    return statistic / count, float(chdtrc(len(total), statistic))
