"""Score differences from sliced score matching: one network for the score of each environment.

Song, Garg, Shi & Ermon, "Sliced score matching: a scalable approach to density and score estimation", UAI 2019, in
its variance-reduced form: minimise E[vᵀ ∇(vᵀ s(y)) + ½ ‖s(y)‖²] over random directions v. It is the estimator of
the score-based papers (Varıcı et al., JMLR 2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from crlspec.numerics.checkpoints import TrainingContext
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.folds import folds_of

__all__ = ["SlicedScores"]


@dataclass(frozen=True)
class SlicedScores(ScoreDifference):
    """Cross-fitted tanh networks n–width–width–n, those of all environments and both halves trained as one batch.

    Each half of the data trains its own networks; a tenth of the half is held out, and each network keeps the weights
    of its lowest held-out score matching loss. Training happens in float32.
    """

    width: int = 64
    steps: int = 1000
    batch: int = 512
    rate: float = 2e-3
    held_out: float = 0.1
    device: str = "cpu"
    kind = "sliced"

    def estimate(self, coordinates: Coordinates, seed: int, progress: Progress) -> ScoreEstimate:
        """Two fits that share no sample, both evaluated at all observational samples."""
        folds = folds_of(coordinates, self.held_out, seed, torch.float32)
        samples = folds.samples
        names = (coordinates.reference, *coordinates.environments)
        fields = self._train(folds.parts, names, folds.generator, progress)
        with torch.no_grad():
            parts = [fields(part) for part in samples[0].to(self.device).split(8192)]
        scores = torch.cat(parts, 1).double().cpu().numpy()
        scores = scores.reshape(len(samples), 2, len(samples[0]), -1)  # environment, half, sample, component
        return ScoreEstimate.from_replicates((scores[:1] - scores[1:]).swapaxes(0, 1))

    def _train(
        self,
        folds: list[tuple[Tensor, Tensor]],
        names: tuple[str, ...],
        generator: torch.Generator,
        progress: Progress,
    ) -> _VectorFields:
        """``folds`` holds (training, held out) of every environment and half, each (sample, component)."""
        components = folds[0][0].shape[1]
        fields = _VectorFields(len(folds), components, self.width, generator).to(self.device)
        checks = _rows([held for _, held in folds], min(1000, max(len(held) for _, held in folds)), generator)
        checks = checks.to(self.device)
        training = [rows.to(self.device) for rows, _ in folds]

        def draw(g: torch.Generator) -> tuple[Tensor, Tensor]:
            batch = _rows(training, self.batch, g)
            signs = torch.randint(0, 2, batch.shape, generator=g, device=g.device).to(batch) * 2 - 1
            return batch, signs

        def shown(step: int, losses: Tensor) -> Losses:
            values = dict(zip(names, losses.reshape(-1, 2).mean(1).tolist(), strict=True))
            return Losses(step, "held-out score matching loss", values, "environment")

        train(
            fields,
            lambda batch: _loss(fields, batch[0], [batch[1]]),
            draw,
            TrainingContext(self.device).chance(generator),
            Plan(self.steps, self.rate, look=50),
            held_out=lambda: _loss(fields, checks, list(_axes(checks))),
            progress=progress,
            stage="scores",
            shown=shown,
        )
        return fields


class _VectorFields(nn.Module):
    """``batch`` independent networks R^n → R^n with two tanh layers, and their derivatives along directions."""

    def __init__(self, batch: int, components: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        sizes = ((components, width), (width, width), (width, components))

        def draw(rows: int, columns: int) -> nn.Parameter:
            drawn = torch.randn(
                batch, rows, columns, generator=generator, device=generator.device, dtype=torch.float32
            )
            return nn.Parameter(drawn / math.sqrt(rows))

        self.weights = nn.ParameterList([draw(rows, columns) for rows, columns in sizes])
        self.biases = nn.ParameterList(
            [weight.new_zeros(batch, 1, weight.shape[-1]) for weight in self.weights]
        )

    def forward(self, points: Tensor) -> Tensor:
        """s: (sample, component), or (batch, sample, component), → (batch, sample, component)."""
        return self.with_derivatives(points.expand(len(self.weights[0]), -1, -1), [])[0]

    def with_derivatives(self, points: Tensor, directions: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """s and, along each direction v, its directional derivative J_s v; all (batch, sample, component)."""
        value, tangents = points, directions
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            value = torch.baddbmm(bias, value, weight)
            tangents = [torch.bmm(tangent, weight) for tangent in tangents]
            if k < len(self.weights) - 1:
                value = torch.tanh(value)
                tangents = [(1 - value**2) * tangent for tangent in tangents]
        return value, tangents


def _loss(fields: _VectorFields, points: Tensor, directions: list[Tensor]) -> Tensor:
    """½ E‖s‖² + Σ_v E vᵀ J_s v of each network, (batch,): one random sign vector, or all axes for the exact trace."""
    value, tangents = fields.with_derivatives(points, directions)
    traces = [(direction * tangent).sum(-1) for direction, tangent in zip(directions, tangents, strict=True)]
    return (0.5 * (value**2).sum(-1) + torch.stack(traces).sum(0)).mean(-1)


def _axes(like: Tensor) -> Tensor:
    """The unit vectors, each for every sample: (component, batch, sample, component)."""
    unit = torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)
    return unit[:, None, None, :].expand(-1, *like.shape[:2], -1)


def _rows(samples: list[Tensor], size: int, generator: torch.Generator) -> Tensor:
    """(batch, size, component): random samples of each."""
    place = generator.device
    return torch.stack(
        [y[torch.randint(len(y), (size,), generator=generator, device=place)] for y in samples]
    )
