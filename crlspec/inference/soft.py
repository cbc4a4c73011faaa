"""The soft variants of LSCALE-I: latents up to mixing with ancestors, and the transitive closure of the graph.

A soft intervention changes a mechanism and keeps its parents, so that no environment makes a latent independent of
them: the closure is read off the score differences alone (Varıcı et al., JMLR 2025, stages L1 and L2).
"""

from __future__ import annotations

import time

import numpy as np

from crlspec.inference.peeling import image_rows, peel
from crlspec.inference.refine import Refined
from crlspec.inference.score_edges import score_edges
from crlspec.numerics.statistics import agreement_p_value
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreEstimate

__all__ = ["soft_graph"]


def soft_graph(
    coordinates: Coordinates,
    estimate: ScoreEstimate,
    alpha: float,
    full_rank: bool,
    refine: bool,
    seed: int,
    progress: Progress,
) -> list[Refined]:
    began = time.perf_counter()
    order = peel(estimate.moments)[0].order
    rows = image_rows(estimate.moments)[list(order)]
    strengths, p_values = score_edges(rows, estimate, order)
    return [Refined("scores", order, rows, strengths, p_values, time.perf_counter() - began, "")]
