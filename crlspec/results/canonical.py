"""The one scale and sign in which a Result gives its latents.

Theory leaves the scale, sign and origin of a recovered latent open. The convention: in the observational
environment each latent has mean 0 and variance 1; and the entry of largest magnitude in its column of the
mixing is positive.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Stage

__all__ = ["canonical", "listed_edges"]


def canonical(estimate: Estimate, x: np.ndarray) -> Estimate:
    """The same estimate with latents in the convention above; x (sample, observed) is the observational
    sample.

    The mixing, the mean squared score differences and the stages' encoders are carried along; edges, p-values
    and strengths do not depend on the scale. A latent that is constant in x keeps its scale.
    """
    scale = _scale(estimate.encoder.matrix, x)
    largest = np.argmax(np.abs(estimate.mixing), axis=0)
    sign = np.where(np.take_along_axis(estimate.mixing, largest[None], axis=0)[0] < 0, -1.0, 1.0)
    factor = sign / scale
    diagnostics = dict(estimate.diagnostics)
    if "score_differences" in diagnostics:
        differences = diagnostics["score_differences"]
        by_latent = xr.DataArray(scale**2, dims="latent")
        diagnostics["score_differences"] = (differences * by_latent).transpose(*differences.dims)
    return replace(
        estimate,
        encoder=LinearEncoder(estimate.encoder.matrix * factor[:, None], x.mean(axis=0)),
        mixing=estimate.mixing / factor,
        edges=listed_edges(estimate.edges, estimate.latents),
        tested=listed_edges((*estimate.edges, *estimate.tested), estimate.latents),
        stages=tuple(_canonical_stage(stage, estimate.latents, sign, x) for stage in estimate.stages),
        diagnostics=diagnostics,
    )


def listed_edges(edges: tuple[Edge, ...], latents: tuple[str, ...]) -> tuple[Edge, ...]:
    """Each pair once (its first mention), strengths without sign, by source and then target as in ``latents``."""
    place = {name: i for i, name in enumerate(latents)}
    once: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        once.setdefault(edge.pair, replace(edge, strength=abs(edge.strength)))
    return tuple(sorted(once.values(), key=lambda edge: (place[edge.source], place[edge.target])))


def _scale(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
    deviation = ((x - x.mean(axis=0)) @ matrix.T).std(axis=0)
    return np.asarray(np.where(deviation > 0, deviation, 1.0))


def _canonical_stage(stage: Stage, latents: tuple[str, ...], sign: np.ndarray, x: np.ndarray) -> Stage:
    edges = listed_edges(stage.edges, latents)
    if stage.encoder is None:
        return replace(stage, edges=edges)
    factor = sign / _scale(stage.encoder.matrix, x)
    return replace(
        stage,
        edges=edges,
        encoder=LinearEncoder(stage.encoder.matrix * factor[:, None], x.mean(axis=0)),
    )
