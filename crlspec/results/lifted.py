"""An estimate that was made of principal components, carried back to the variables that they are of."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

import numpy as np
import xarray as xr

from crlspec.data.prepare import Components
from crlspec.inference.estimate import Estimate, LinearEncoder, NetworkEncoder
from crlspec.maps.maps import AnyEncoder

__all__ = ["lifted"]

POINTS = ("score_points", "examples")
"""Diagnostics whose rows are points; any other along the observed variables is of gradients."""


def lifted(estimate: Estimate, components: Components, observed: tuple[str, ...]) -> Estimate:
    """The same answer in terms of the variables: encoder, mixing or decoder, stages and diagnostics.

    A component is orthonormal, so nothing but the part of the variables outside the components is lost: the decoder
    gives none of it.

    observed  names of the variables
    """
    names = np.array(observed, dtype=object)
    decoder = estimate.decoder
    if decoder is not None:
        decoder = replace(
            decoder,
            coloring=components.directions.T @ decoder.coloring,
            offset=components.mean + decoder.offset @ components.directions,
        )
    return replace(
        estimate,
        encoder=_encoder(estimate.encoder, components),
        mixing=None if estimate.mixing is None else components.directions.T @ estimate.mixing,
        decoder=decoder,
        stages=tuple(
            replace(stage, encoder=_encoder(stage.encoder, components)) for stage in estimate.stages
        ),
        diagnostics={
            key: _array(key, array, components, names) for key, array in estimate.diagnostics.items()
        },
    )


@overload
def _encoder(encoder: AnyEncoder, components: Components) -> AnyEncoder: ...
@overload
def _encoder(encoder: None, components: Components) -> None: ...
def _encoder(encoder: AnyEncoder | None, components: Components) -> AnyEncoder | None:
    """The encoder after the components."""
    if encoder is None:
        return None
    offset = components.mean + encoder.offset @ components.directions
    if isinstance(encoder, LinearEncoder):
        return LinearEncoder(encoder.matrix @ components.directions, offset)
    assert isinstance(encoder, NetworkEncoder)
    return replace(encoder, projection=encoder.projection @ components.directions, offset=offset)


def _array(key: str, array: xr.DataArray, components: Components, names: np.ndarray) -> xr.DataArray:
    if "observed" not in array.dims:
        return array
    moved = array.transpose(..., "observed")
    values = moved.values @ components.directions + (components.mean if key in POINTS else 0.0)
    coords = {dim: c for dim, c in moved.coords.items() if "observed" not in c.dims}
    return xr.DataArray(values, {**coords, "observed": names}, moved.dims, attrs=array.attrs)
