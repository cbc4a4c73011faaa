"""Does z_j take part in the mechanism of z_i? Tests that know how far the latents may be off: Neyman's C(α).

In the classifier of all environments (:mod:`crlspec.inference.edges.classifier_model`), the derivative of the log
likelihood with respect to an effect of z_j in ψ_i is zero on average where there is no edge. Latents and networks
are estimated, so its part that other changes would explain is projected away: of any φ, of any ψ, and of the
latents, ẑ + ε v(ẑ), with v smooth and not linear alone. What is left is free, to first order, of their errors
(Neyman, "Optimal asymptotic tests of composite statistical hypotheses", 1959).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.inference.edges.classifier_model import ContrastModel, Rows, Terms
from crlspec.numerics.smooth_basis import SmoothBasis

__all__ = ["ContrastScores", "contrast_scores"]

CHUNK = 8192
MOST_FOR_PRODUCTS = 40_000
"""So many samples settle the covariance of the scores."""


@dataclass(frozen=True)
class ContrastScores:
    """Derivatives of the log likelihood, in units of their root mean square over all samples.

    Of three families, [family, latent, function of the basis]: ψ_i, φ_i2 − φ_i1, and the latent ẑ_i itself.

    graph    (latent, latent) bool, ``[i, j]``: ψ_i of the model sees z_j
    jobs     (i, j) in the order of ``sums``
    used     (family, latent, function) bool: which there are; the others would be projected on nothing
    scale    (score,): the units
    gram     (score, score): their products
    sums     (1 + job, score): under the whole model, and where ψ_i does not see z_j
    support  (function, latent) bool: what each function depends on
    """

    graph: np.ndarray
    jobs: list[tuple[int, int]]
    basis: SmoothBasis
    used: np.ndarray
    scale: np.ndarray
    gram: np.ndarray
    sums: np.ndarray

    @property
    def support(self) -> np.ndarray:
        return self.basis.support

    def tests(self) -> tuple[np.ndarray, np.ndarray]:
        """Two statistics of "z_j takes no part in ψ_i", about χ², and their degrees of freedom.

        Both are (2, latent, latent), ``[:, i, j]``. The effect is the product of z_i and z_j alone; or any
        combination of the functions of z_i and z_j, alone and with another that ψ_i sees.
        """
        n = len(self.graph)
        statistics, freedom = np.zeros((2, n, n)), np.zeros((2, n, n))
        base = self._free(self.graph)
        inverse = np.zeros(self.gram.shape)
        inverse[np.ix_(base, base)] = np.linalg.inv(self.gram[np.ix_(base, base)] + 1e-5 * np.eye(base.sum()))
        for i, j in zip(*np.nonzero(~np.eye(n, dtype=bool)), strict=True):
            job = 1 + self.jobs.index((i, j)) if self.graph[i, j] else 0
            without = self.graph.copy()
            without[i, j] = False
            nuisance, seen = self._free(without), without[i] | np.isin(np.arange(n), (i, j))
            effects = np.zeros(self.used.shape, dtype=bool)
            effects[0, i] = self.support[:, i] & self.support[:, j] & ~(self.support & ~seen).any(1)
            tested, removed = effects[self.used], base & ~nuisance
            if self.graph[i, j]:  # the inverse of a part, from that of the whole
                part = -inverse[np.ix_(nuisance, removed)] @ np.linalg.inv(inverse[np.ix_(removed, removed)])
                explained = part[:, tested[removed]]
            else:
                explained = inverse[np.ix_(base, base)] @ self.gram[np.ix_(base, tested)]
            total = self.sums[job, tested] - explained.T @ self.sums[job, nuisance]
            variance = self.gram[np.ix_(tested, tested)] - self.gram[np.ix_(tested, nuisance)] @ explained
            statistics[:, i, j] = _chi_square(total[:1], variance[:1, :1]), _chi_square(total, variance)
            freedom[:, i, j] = 1, tested.sum()
        return statistics, freedom

    def shift(self, graph: np.ndarray, z: Tensor, ridge: float = 1e-3) -> Tensor:
        """The change of the latents (sample, latent) that the data ask for: a step of Fisher's scoring.

        graph  (latent, latent) bool, ``[i, j]``: what ψ_i may depend on, no more than the model has
        """
        free = self._free(graph)
        gram = self.gram[np.ix_(free, free)] + ridge * np.eye(free.sum())
        step = np.zeros(len(free))
        step[free] = np.linalg.solve(gram, self.sums[0, free]) / self.scale[free]
        every = np.zeros(self.used.shape)
        every[self.used] = step
        coefficients = torch.as_tensor(every[2].T, dtype=z.dtype, device=z.device)
        return torch.cat([self.basis(part) @ coefficients for part in z.split(CHUNK)])

    def _free(self, graph: np.ndarray) -> np.ndarray:
        """(score,) bool: what is free where ψ_i sees the parents of i in the graph alone."""
        free = self.used.copy()
        free[0] &= _strangers(self.support, graph) == 0
        return free[self.used]


def contrast_scores(model: ContrastModel, rows: Rows) -> ContrastScores:
    """The scores of a fitted model."""
    n, graph, basis = rows.z.shape[1], model.graph, SmoothBasis(rows.z)
    alone = _strangers(basis.support, np.zeros((n, n), dtype=bool)) == 0
    used = np.stack([_strangers(basis.support, graph) <= 1, alone, ~alone])
    kept = torch.as_tensor(np.flatnonzero(used), device=rows.z.device)
    sums = rows.z.new_zeros(1 + len(model.jobs), used.size, dtype=torch.float64)
    gram = rows.z.new_zeros(len(kept), len(kept), dtype=torch.float64)
    some, counted = slice(None, None, -(-len(rows) // MOST_FOR_PRODUCTS)), 0
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        functions, terms = basis(part.z), model.terms(part.z)
        weights = _weights(terms, part.kind)
        sums[0] += (weights @ functions).flatten().double()
        for k in range(len(model.jobs)):
            sums[1 + k] += (_weights(terms.without(k), part.kind) @ functions).flatten().double()
        products = weights[:, some, None] * functions[None, some]
        scores = products.transpose(0, 1).flatten(1)[:, kept]
        gram += (scores.T @ scores).double()
        counted += len(scores)
    gram *= len(rows) / counted
    scale = gram.diagonal().sqrt() + 1e-12
    return ContrastScores(
        graph, model.jobs, basis, used, scale.cpu().numpy(), (gram / torch.outer(scale, scale)).cpu().numpy(),
        (sums[:, kept] / scale).cpu().numpy(),
    )  # fmt: skip


def _strangers(support: np.ndarray, graph: np.ndarray) -> np.ndarray:
    """(latent, function): how many variables of each function are neither the latent nor its parents."""
    known = graph | np.eye(len(graph), dtype=bool)
    return np.asarray((support[None] & ~known[:, None]).sum(-1))


def _weights(terms: Terms, kind: Tensor) -> Tensor:
    """(family · latent, sample): what, times a function, is the derivative along it."""
    odds = torch.softmax(terms.logits(), 0)
    odds[kind, torch.arange(len(kind), device=kind.device)] -= 1
    left = -odds[1:].reshape(terms.replaced.shape)
    both = left.sum(0)
    moved = (left * terms.slopes).sum(0) - torch.einsum("is,isl->ls", both, terms.gradient)
    return torch.cat([-both, left[1] - left[0], moved])


def _chi_square(total: np.ndarray, variance: np.ndarray) -> float:
    """totalᵀ variance⁻¹ total, where directions without variance count for nothing."""
    unit = np.sqrt(variance.diagonal().clip(1e-12))
    inverse = np.linalg.pinv(variance / np.outer(unit, unit), rcond=1e-4)
    return float((total / unit) @ inverse @ (total / unit))
