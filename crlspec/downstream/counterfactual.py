"""Unit-level counterfactuals: abduction, action, prediction (Pearl, Causality, 2009, section 7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr

from crlspec.downstream.query import Query
from crlspec.generative.program import abduct, predict
from crlspec.results.encoder import align, labels

if TYPE_CHECKING:
    from crlspec.downstream.recovered import RecoveredModel

__all__ = ["counterfactual"]


def counterfactual(
    model: RecoveredModel, x: np.ndarray | xr.DataArray | xr.Dataset, query: Query
) -> xr.Dataset:
    """What the samples ``x`` would have been under a query. See ``Result.counterfactual``."""
    given = _labelled(model, x)
    values = torch.as_tensor(given.values, dtype=model.dtype, device=model.device)
    with torch.no_grad():
        factual = model.mixing.encode(values)
        noise = abduct(model.environments[query.within].scm, factual)
        z = predict(query.environment.scm, noise, like=values.new_empty(len(values)))
        moved = model.mixing(z) - model.mixing(factual)
    dims = ("sample", "latent")
    coords = {
        **{key: value for key, value in given.coords.items() if value.dims == ("sample",)},
        "latent": labels(model.latents),
        "observed": labels(model.observed),
    }
    return xr.Dataset(
        {
            "z": (dims, z.cpu().numpy()),
            "z_factual": (dims, factual.cpu().numpy()),
            "x": (("sample", "observed"), (values + moved).cpu().numpy()),
        },
        coords=coords,
        attrs={"identified": query.identified},
    )


def _labelled(model: RecoveredModel, x: np.ndarray | xr.DataArray | xr.Dataset) -> xr.DataArray:
    """x (sample, observed), variables in the model's order."""
    array = x["x"] if isinstance(x, xr.Dataset) else x
    if not isinstance(array, xr.DataArray):
        array = xr.DataArray(np.atleast_2d(np.asarray(array, dtype=float)), dims=("sample", "observed"))
    found = align(array, model.observed)
    return found.expand_dims("sample") if "sample" not in found.dims else found
