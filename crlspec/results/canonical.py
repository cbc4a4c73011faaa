"""The one scale and sign in which a Record gives its latents.

Theory leaves the scale, sign and origin of a recovered latent open. The convention: in the observational
environment each latent has mean 0 and variance 1; and the entry of largest magnitude in its column of the
mixing is positive. Beside a nonlinear encoder, the mixing that is meant is the best linear one: the regression of the
observations, each in units of its standard deviation, on the latents.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Stage
from crlspec.maps.maps import AnyEncoder, encoded
from crlspec.numerics.kept import Table
from crlspec.numerics.rows import Rows

__all__ = ["canonical", "listed_edges"]


def canonical(estimate: Estimate, x: np.ndarray | Rows) -> Estimate:
    """The same estimate with latents in the convention above; x (sample, observed) is the observational
    sample.

    The mixing or decoder, the mean squared score differences and the stages' encoders are carried along; edges,
    p-values and strengths do not depend on the scale. A latent that is constant in x keeps its scale.
    """
    scale = _scale_of(estimate.encoder, x)
    columns = _linear_mixing(estimate.encoder, x) if estimate.mixing is None else estimate.mixing
    largest = np.argmax(np.abs(columns), axis=0)
    sign = np.where(np.take_along_axis(columns, largest[None], axis=0)[0] < 0, -1.0, 1.0)
    factor = sign / scale
    diagnostics = dict(estimate.diagnostics)
    if "score_differences" in diagnostics:
        differences = diagnostics["score_differences"]
        along = [-1 if dim == "latent" else 1 for dim in differences.dims]
        scaled = differences.values * np.square(scale).reshape(along)
        diagnostics["score_differences"] = differences.copy(data=scaled)
    place = {name: i for i, name in enumerate(estimate.latents)}
    return replace(
        estimate,
        encoder=estimate.encoder.scaled(factor, x),
        mixing=None if estimate.mixing is None else estimate.mixing / factor,
        decoder=None
        if estimate.decoder is None
        else estimate.decoder.scaled(factor, encoded(estimate.encoder, x).mean(axis=0)),
        edges=listed_edges(estimate.edges, estimate.latents),
        tested=listed_edges((*estimate.edges, *estimate.tested), estimate.latents),
        absent=tuple(sorted(estimate.absent, key=lambda edge: (place[edge.source], place[edge.target]))),
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


def _scale(z: np.ndarray) -> np.ndarray:
    deviation = z.std(axis=0)
    return np.asarray(np.where(deviation > 0, deviation, 1.0))


def _scale_of(encoder: AnyEncoder, x: np.ndarray | Rows) -> np.ndarray:
    """The same of latents of x; of a linear encoder from the covariance of x alone, where it is known."""
    if isinstance(encoder, LinearEncoder) and isinstance(x, Rows | Table):
        scatter = encoder.scatter(x.scan)
        if scatter is not None:
            variances = np.diagonal(scatter) / len(x)
            return np.asarray(np.where(variances > 0, np.sqrt(variances), 1.0))
    return _scale(encoded(encoder, x))


def _linear_mixing(encoder: AnyEncoder, x: np.ndarray | Rows) -> np.ndarray:
    """Regression (observed, latent) of standardised observations on latents."""
    z, x = encoded(encoder, x), np.asarray(x)
    slopes, *_ = np.linalg.lstsq(z - z.mean(axis=0), (x - x.mean(axis=0)) / _scale(x), rcond=None)
    return np.asarray(slopes.T)


def _canonical_stage(stage: Stage, latents: tuple[str, ...], sign: np.ndarray, x: np.ndarray | Rows) -> Stage:
    edges = listed_edges(stage.edges, latents)
    if stage.encoder is None:
        return replace(stage, edges=edges)
    return replace(stage, edges=edges, encoder=stage.encoder.scaled(sign / _scale_of(stage.encoder, x), x))
