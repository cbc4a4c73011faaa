"""From a Result to its fitted mechanisms, and from these to a model: the way in of everything downstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from crlspec.downstream.design import Design, design_of
from crlspec.downstream.fitted import Fitted
from crlspec.downstream.linear import fit_linear
from crlspec.downstream.recovered import RecoveredModel, recovered_model
from crlspec.errors import CrlspecError
from crlspec.results.result import Result

__all__ = ["Fit", "fit", "model_of"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted mechanisms, in observational standard deviations, with what tells their error and how well they fit.

    alternatives, weight  see ``RecoveredModel``
    table                 goodness of fit
    """

    fitted: Fitted
    alternatives: tuple[tuple[Fitted, Fitted], ...]
    weight: float
    table: xr.Dataset


def fit(result: Result) -> Fit:
    """Fit the mechanisms of a result to its latents. Raises SettingMismatch where no graph was estimated."""
    design = design_of(result)
    samples = latents_of(result, design)
    mixing, offset = result.mixing.values, result.encoder.offset.values
    linear = fit_linear(design, samples)
    alternatives = [
        (linear.fitted(mixing, offset, a), linear.fitted(mixing, offset, b)) for a, b in linear.variations()
    ]
    return Fit(linear.fitted(mixing, offset), tuple(alternatives), 0.25, xr.Dataset())


def model_of(result: Result, found: Fit, anchors: Mapping[str, str]) -> RecoveredModel:
    """The fitted mechanisms as a model, each anchored latent in the units of its observed variable.

    Raises CrlspecError for an anchor whose latent or observed variable is not there.
    """
    observed = result.observed
    for latent, name in anchors.items():
        _require(latent, result.names, "latent")
        _require(name, observed, "observed variable")
    fitted = _anchored(found.fitted, anchors, observed)
    return recovered_model(
        fitted,
        observed,
        "recovered",
        {name: result.latents[name].sizes["sample"] for name in fitted.design.environments},
        float(result.diagnostics.get("observation_noise", xr.DataArray(0.0))),
        fit=found.table,
        anchors=dict(anchors),
        alternatives=tuple(
            (_anchored(a, anchors, observed), _anchored(b, anchors, observed)) for a, b in found.alternatives
        ),
        weight=found.weight,
        caveats=_caveats(result),
    )


def latents_of(result: Result, design: Design) -> dict[str, np.ndarray]:
    """Environment → recovered latents (sample, latent), the observational environment first."""
    return {
        name: np.asarray(
            result.latents[name].to_dataset()["z_hat"].transpose("sample", "latent").values, dtype=float
        )
        for name in design.environments
    }


def _anchored(fitted: Fitted, anchors: Mapping[str, str], observed: tuple[str, ...]) -> Fitted:
    """Each anchored latent times its loading, so that it then loads on its anchor with 1."""
    place = {z: i for i, z in enumerate(fitted.design.latents)}
    return fitted.rescaled({z: float(fitted.mixing[observed.index(x), place[z]]) for z, x in anchors.items()})


def _require(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise CrlspecError(
            f"there is no {what} {name!r}; there are {', '.join(names)}.", remedy="choose one of these."
        )


def _caveats(result: Result) -> tuple[str, ...]:
    texts = []
    if not result.status.ok:
        texts.append(f"The result itself is {result.status.code}: {result.status.message}.")
    if result.identified.get("covered") is False:
        texts.append("No theorem covers the setting as it stands.")
    return tuple(texts)
