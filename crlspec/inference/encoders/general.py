"""The encoder of a general mixing, whatever is observed: where its restarts begin, and by which networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from crlspec.inference.encoders.halves import halved_latents
from crlspec.inference.encoders.image_declaration import Looking
from crlspec.inference.encoders.image_linear import linear_where_told
from crlspec.inference.encoders.image_starts import Looked, image_settings, rows_towards, told_by_code
from crlspec.inference.encoders.pictures import Pictures
from crlspec.inference.encoders.score_sparsity import between_pairs, fit_sparse
from crlspec.inference.encoders.sign_starts import signed_latents
from crlspec.inference.encoders.structured_ratio import Fitted, Settings, Starts, fit
from crlspec.inference.encoders.turning import sided_starts, skewnesses
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.checkpoints import TrainingContext
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference

__all__ = ["GeneralFit"]


@dataclass(frozen=True)
class GeneralFit:
    """Options of the training, as :class:`crlspec.inference.gscale.GScaleI` has them.

    flexible  heads that follow any smooth log ratio
    bends     whether the mixing does: behind a link it is linear
    eyes      how images are looked at, where there are any
    """

    flexible: bool
    bends: bool
    restarts: int
    steps: int
    loss: Literal["structured-ratio", "score-sparsity"]
    eyes: Looking
    thresholds: GscaleThresholds
    context: TrainingContext

    def fit(
        self,
        coordinates: Coordinates,
        logits: Sequence[np.ndarray] | None,
        looked: Looked | None,
        pairs: Sequence[tuple[int, int]],
        rows: np.ndarray,
        scores: ScoreDifference,
        seed: int,
        progress: Progress,
    ) -> Fitted:
        """Encoder and decoder.

        logits  (sample, environment) of every environment, where a classifier was trained
        looked  what was seen of images, where they are observed
        rows    (latent, component): a linear encoder
        scores  for ``loss: score-sparsity`` alone
        """
        y = coordinates.all
        skewed = None if logits is None else _skewnesses(logits, pairs)
        settings = Settings(
            self.flexible,
            restarts=self.restarts,
            steps=self.steps,
            agreement=self.thresholds.agreement,
        )
        if self.loss == "structured-ratio" and looked is not None and skewed is not None:
            return self._seen(y, looked, skewed, pairs, settings, seed, progress)
        rng = np.random.default_rng([seed, 0x65CA1E])

        def perturbed() -> np.ndarray:
            noise = rng.normal(size=(self.restarts, *rows.shape)) / np.sqrt(rows.shape[1])
            return 0.5 * rows + 0.5 * noise

        def led(rows: np.ndarray, count: int, seed: int) -> Starts:
            """The last ``count`` restarts begin at a classifier, the others at their rows alone."""
            if logits is None or skewed is None:
                return Starts(rows)
            limits = self.thresholds
            if (skewed >= limits.two_sided).all():
                return Starts(rows, signed_latents(y, logits, pairs, count, seed))
            sided = sided_starts(skewed, count, limits.turns, limits.two_sided)
            latents = halved_latents(y, pairs, sided, seed, progress, self.context, self.steps)
            linear = [skewed >= limits.turns] * (len(rows) - count)
            return Starts(rows, latents, np.array([*linear, *sided], dtype=bool))

        def more() -> Starts:
            return led(perturbed(), self.restarts, seed + 1)

        starts = perturbed()
        starts[0] = rows
        if self.loss == "structured-ratio":
            first = led(starts, self.restarts - 1, seed)
            return fit(y, pairs, first, settings, seed, progress, self.context, more)
        settings = replace(settings, batch=128, width=settings.width if self.bends else 0)
        differences = between_pairs(scores, coordinates, pairs, seed, progress)
        return fit_sparse(y, differences, starts, settings, seed, progress, self.context)

    def _seen(
        self,
        y: Sequence[np.ndarray],
        looked: Looked,
        skewed: np.ndarray,
        pairs: Sequence[tuple[int, int]],
        settings: Settings,
        seed: int,
        progress: Progress,
    ) -> Fitted:
        """Of images: all restarts begin where a classifier of the pixels says, or at a linear encoder of the code."""
        limits = self.thresholds
        settings = image_settings(settings, len(y))
        sided = sided_starts(skewed, self.restarts, limits.turns, limits.two_sided)

        def begun(seed: int) -> tuple[Starts, list[np.ndarray]]:
            latents, places = looked.starts(y, pairs, sided, seed)
            latents, straight = linear_where_told(latents, places, looked, y, pairs, limits.even)
            return Starts(rows_towards(latents), latents, np.array(sided, dtype=bool) | straight), places

        starts, places = begun(seed)
        if self._convolves(y, looked, pairs, seed):
            pictures = Pictures(looked.observations, tuple(places))
            return fit(y, pairs, starts, settings, seed, progress, self.context, pictures=pictures)
        return fit(y, pairs, starts, settings, seed, progress, self.context, lambda: begun(seed + 1)[0])

    def _convolves(
        self, y: Sequence[np.ndarray], looked: Looked, pairs: Sequence[tuple[int, int]], seed: int
    ) -> bool:
        if self.eyes == "auto" and not looked.observations.columns.shape[1]:
            return bool(told_by_code(y, looked, pairs, seed).min() < self.thresholds.told)
        return self.eyes == "conv"


def _skewnesses(logits: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Those of :mod:`crlspec.inference.encoders.turning`, from logits (sample, environment) of every environment."""
    return skewnesses(
        [(logits[a][:, a] - logits[a][:, b], logits[b][:, a] - logits[b][:, b]) for a, b in pairs]
    )
