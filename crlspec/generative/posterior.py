"""Draws of a Pyro program as an xarray DataTree with the groups that ArviZ knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyro

from crlspec.errors import CrlspecError
from crlspec.typing import Tensor

if TYPE_CHECKING:
    import xarray as xr


def arviz_tree(draws: Any, prior: Mapping[str, Tensor] | None = None) -> xr.DataTree:
    """Draws in the layout of ArviZ: ``az.InferenceData.from_datatree(tree)`` before ArviZ 1, the tree itself since.

    Args:
        draws: an ``MCMC`` of Pyro that has run; or site → draws, shape (draw, …), as ``Predictive`` gives them.
        prior: site → draws from the prior, shape (draw, …).

    Returns:
        A tree with the group ``posterior``: a variable for each site, dimensions chain, draw, and those of the value
        (``obs/z1_dim_0``); a slash in the name of a site becomes a dot. An MCMC also gives ``sample_stats`` with
        ``diverging``; ``prior`` the group of that name.

    Raises:
        CrlspecError: there are no draws, or their numbers differ.
    """
    import xarray as xr

    groups: dict[str, xr.Dataset] = {}
    if isinstance(draws, pyro.infer.MCMC):
        groups["posterior"] = _group(draws.get_samples(group_by_chain=True), chains=True)
        groups["sample_stats"] = _divergences(draws, groups["posterior"])
    else:
        groups["posterior"] = _group(draws, chains=False)
    if prior is not None:
        groups["prior"] = _group(prior, chains=False)
    for group in groups.values():
        group.attrs = {"inference_library": "pyro", "inference_library_version": pyro.__version__}
    return xr.DataTree.from_dict(groups)


def _group(draws: Mapping[str, Tensor], chains: bool) -> xr.Dataset:
    import xarray as xr

    variables = {}
    for site, values in draws.items():
        array = (values if chains else values.unsqueeze(0)).detach().cpu().numpy()
        name = site.replace("/", ".")
        variables[name] = (("chain", "draw", *(f"{name}_dim_{k}" for k in range(array.ndim - 2))), array)
    shapes = {array.shape[:2] for _, array in variables.values()}
    if len(shapes) != 1:
        counts = ", ".join(f"{name} {array.shape[1]}" for name, (_, array) in variables.items())
        message = f"the sites have different numbers of draws: {counts}." if shapes else "there are no draws."
        raise CrlspecError(message, "give site → draws, shape (draw, …), all of one length.")
    ((chain, draw),) = shapes
    return xr.Dataset(variables, coords={"chain": range(chain), "draw": range(draw)})


def _divergences(sampler: pyro.infer.MCMC, posterior: xr.Dataset) -> xr.Dataset:
    import xarray as xr

    diverging = np.zeros((posterior.sizes["chain"], posterior.sizes["draw"]), dtype=bool)
    for k, where in enumerate(sampler.diagnostics().get("divergences", {}).values()):
        diverging[k, list(where)] = True
    coordinates = {"chain": posterior["chain"], "draw": posterior["draw"]}
    return xr.Dataset({"diverging": (("chain", "draw"), diverging)}, coords=coordinates)
