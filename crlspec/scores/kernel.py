"""Score differences from a kernel estimator of each environment's score, in a reproducing kernel Hilbert space.

The score is that of a kernel exponential family around a fitted Gaussian, s(y) = −Θ(y − μ) + ∇f(y): gradients of
functions f of a scalar RKHS are the RKHS of the curl-free kernel Γ(y, y') = ∇_y ∇_y'ᵀ k(y, y'). f minimises the
score matching loss E[½‖s‖² + div s] + ½λ‖f‖², Tikhonov regularisation (Zhou, Shi & Zhu, "Nonparametric score
estimators", ICML 2020, Theorem 3.1 and Appendix C; Sriperumbudur, Fukumizu, Gretton, Hyvärinen & Kumar, JMLR 2017).

k is the inverse multiquadric (1 + ‖y − y'‖²/σ²)^(−1/2), carried by random Fourier features (Rahimi & Recht, NeurIPS
2007): time grows with samples · features², memory with features² alone, so that 1e5 samples an environment are no
trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.folds import folds_of

__all__ = ["KernelScores"]

CHUNK = 8192


@dataclass(frozen=True)
class KernelScores(ScoreDifference):
    """Cross-fitted curl-free kernel scores; bandwidth and λ are those of the lowest held-out score matching loss.

    One bandwidth and one λ serve all environments, so that what smoothing does to a score cancels in the difference
    wherever an intervention changes nothing.

    features    random frequencies; each brings a cosine and a sine
    bandwidths  candidates for σ, in units of √components; tried on ``trial`` samples of each half
    penalties   candidates for λ; tried on all
    """

    features: int = 256
    bandwidths: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    penalties: tuple[float, ...] = tuple(10.0**k for k in np.arange(-7, 1.5, 0.5))
    held_out: float = 0.2
    trial: int = 4000
    device: str = "cpu"
    kind = "kernel"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Two fits that share no sample, both evaluated at all observational samples."""
        found = folds_of(coordinates, self.held_out, seed, torch.float64, self.device)
        points, folds = found.samples[0], found.parts
        n = points.shape[1]
        directions = _frequencies(self.features, n, found.generator).to(points) / n**0.5
        tries = len(self.bandwidths) if len(self.bandwidths) > 1 else 0
        losses = []
        for done, bandwidth in enumerate(self.bandwidths[:tries]):
            progress("scores", done, tries + 1)
            small = [(training[: self.trial], held) for training, held in folds]
            paths = [self._path(*fold, directions / bandwidth) for fold in small]
            losses.append(float(torch.stack([loss for _, loss in paths]).sum(0).min()))
        omega = directions / self.bandwidths[int(np.argmin(losses)) if tries else 0]
        progress("scores", tries, tries + 1)
        paths = [self._path(*fold, omega) for fold in folds]
        best = int(torch.stack([loss for _, loss in paths]).sum(0).argmin())
        scores = np.stack(
            [
                _score(_Gaussian.of(training), omega, weights[:, best], points)
                for (training, _), (weights, _) in zip(folds, paths, strict=True)
            ]
        )
        progress("scores", tries + 1, tries + 1)
        scores = scores.reshape(-1, 2, *points.shape)  # environment, half, sample, component
        return ScoreEstimate.from_replicates((scores[:1] - scores[1:]).swapaxes(0, 1))

    def _path(self, training: Tensor, held: Tensor, omega: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (2 · features, penalty) at every λ, and their held-out losses (penalty,) beyond the Gaussian's."""
        base = _Gaussian.of(training)
        quadratic, linear = _loss_terms(base, training, omega)
        held_quadratic, held_linear = _loss_terms(base, held, omega)
        values, vectors = torch.linalg.eigh(quadratic)
        shifted = values.clamp_min(0)[:, None] + values.new_tensor(self.penalties)
        weights = -vectors @ ((vectors.T @ linear)[:, None] / shifted)
        return weights, 0.5 * (weights * (held_quadratic @ weights)).sum(0) + held_linear @ weights


@dataclass(frozen=True)
class _Gaussian:
    """The base density: mean (component,) and precision (component, component)."""

    mean: Tensor
    precision: Tensor

    @classmethod
    def of(cls, y: Tensor) -> _Gaussian:
        return cls(y.mean(0), torch.linalg.inv(torch.cov(y.T).reshape(y.shape[1], -1)))

    def score(self, y: Tensor) -> Tensor:
        return (self.mean - y) @ self.precision


def _score(base: _Gaussian, omega: Tensor, weights: Tensor, points: Tensor) -> np.ndarray:
    """s = base score + Σ_j ω_j (sine_j cos ω_jᵀy − cosine_j sin ω_jᵀy) at points (sample, component)."""
    cosine, sine = weights.chunk(2)
    parts = []
    for y in points.split(CHUNK):
        phases = y @ omega.T
        slopes = torch.cos(phases) * sine - torch.sin(phases) * cosine
        parts.append(base.score(y) + slopes @ omega / len(omega) ** 0.5)
    return np.asarray(torch.cat(parts).cpu().numpy())


def _frequencies(count: int, components: int, generator: torch.Generator) -> Tensor:
    """(feature, component) draws from the spectral density of the inverse multiquadric with σ = 1.

    (1 + r²)^(−1/2) = E_g exp(−g r²) with g ~ Gamma(½, 1) = ½ χ²₁: Gaussian frequencies of variance 2g.
    """
    scale = torch.randn(count, 1, generator=generator, dtype=torch.float64).abs()
    return scale * torch.randn(count, components, generator=generator, dtype=torch.float64)


def _loss_terms(base: _Gaussian, y: Tensor, omega: Tensor) -> tuple[Tensor, Tensor]:
    """Q and q of the loss ½ wᵀQw + qᵀw + constant, for features cos(ωᵀy), sin(ωᵀy) over √features.

    ∇cos(ωᵀy) = −ω sin, Δcos = −‖ω‖² cos; Q = E[∇ψ ∇ψᵀ] is Ω ∘ E[…] with Ω = ω ωᵀ. Products in float32, sums in
    float64.
    """
    size = len(omega)
    gram, linear = y.new_zeros(2 * size, 2 * size), y.new_zeros(2 * size)
    square = (omega**2).sum(1)
    for part in y.split(CHUNK):
        phases = part @ omega.T
        cosine, sine = torch.cos(phases), torch.sin(phases)
        along = base.score(part) @ omega.T
        slopes = torch.cat([-sine, cosine], 1).float()
        gram += (slopes.T @ slopes).double()
        linear += torch.cat(
            [(-sine * along - cosine * square).sum(0), (cosine * along - sine * square).sum(0)]
        )
    inner = (omega @ omega.T).repeat(2, 2)
    return gram * inner / (size * len(y)), linear / (size**0.5 * len(y))
