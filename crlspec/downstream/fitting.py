"""From a Record to its fitted mechanisms, and from these to a model: the way in of everything downstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import xarray as xr

from crlspec.downstream.decoded import code_of
from crlspec.downstream.fitted import Fitted
from crlspec.downstream.flexible import fit_flexible
from crlspec.downstream.judging import Judged, refuted
from crlspec.downstream.linear import fit_linear
from crlspec.downstream.recovered import RecoveredModel, recovered_model
from crlspec.errors import CrlspecError
from crlspec.results.record import Record

__all__ = ["Fit", "fit", "model_of"]


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted mechanisms, in observational standard deviations, with what tells their error and how well they fit.

    alternatives, weight  see ``RecoveredModel``
    two_sided             see ``RecoveredModel``
    table                 goodness of fit, see ``goodness``
    errors                what standard errors hold: ``latents included``, or ``given the latents``
    """

    fitted: Fitted
    alternatives: tuple[tuple[Fitted, Fitted], ...]
    weight: float
    two_sided: bool
    table: xr.Dataset
    errors: str


def fit(judged: Judged) -> Fit:
    """Fit mechanisms of the families that were found to all latents."""
    mixing, offset, noise = judged.mixing, judged.offset, judged.noise
    if judged.nonlinear:
        flexible = fit_flexible(
            judged.design, judged.samples, judged.nonlinear, frozenset(judged.heteroscedastic)
        )
        best = flexible.fitted(mixing, offset, noise=noise)
        others = [(flexible.fitted(mixing, offset, one, noise), best) for one in flexible.resampled]
        return Fit(best, tuple(others), 1 / (len(others) - 1), False, judged.table, "given the latents")
    linear = fit_linear(judged.design, judged.samples, settle=judged.code is None)
    pairs = [
        (linear.fitted(mixing, offset, a, noise), linear.fitted(mixing, offset, b, noise))
        for a, b in linear.variations()
    ]
    scope = "latents included" if linear.settled else "given the latents"
    return Fit(linear.fitted(mixing, offset, noise=noise), tuple(pairs), 0.25, True, judged.table, scope)


def model_of(result: Record, found: Fit, anchors: Mapping[str, str]) -> RecoveredModel:
    """The fitted mechanisms as a model, each anchored latent in the units of its observed variable.

    Raises CrlspecError for an anchor whose latent or observed variable is not there.
    """
    observed, code = result.observed, code_of(result)
    if anchors and code is not None:
        raise CrlspecError(
            "latents behind a mixing that is not linear have no loading on an observed variable to be anchored by.",
            remedy="leave anchor out: latents are in observational standard deviations.",
        )
    for latent, name in anchors.items():
        _require(latent, result.names, "latent")
        _require(name, observed, "observed variable")
    fitted = _anchored(found.fitted, anchors, observed)
    each = {id(one): one for pair in found.alternatives for one in pair}
    moved = {key: _anchored(one, anchors, observed) for key, one in each.items()}
    return recovered_model(
        fitted,
        observed,
        "recovered",
        {name: result.latents[name].sizes["sample"] for name in fitted.design.environments},
        _noise(result),
        code=code,
        fit=found.table,
        anchors=dict(anchors),
        alternatives=tuple((moved[id(a)], moved[id(b)]) for a, b in found.alternatives),
        weight=found.weight,
        two_sided=found.two_sided,
        errors=found.errors,
        caveats=_caveats(result, found),
    )


def _anchored(fitted: Fitted, anchors: Mapping[str, str], observed: tuple[str, ...]) -> Fitted:
    """Each anchored latent times its loading, so that it then loads on its anchor with 1."""
    place = {z: i for i, z in enumerate(fitted.design.latents)}
    return fitted.rescaled({z: float(fitted.mixing[observed.index(x), place[z]]) for z, x in anchors.items()})


def _noise(result: Record) -> float:
    """The deviation of noise on x; of noise of another size on each variable, the root mean square."""
    noise = result.diagnostics.get("observation_noise", xr.DataArray(0.0))
    return float((noise**2).mean()) ** 0.5


def _require(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise CrlspecError(
            f"there is no {what} {name!r}; there are {', '.join(names)}.", remedy="choose one of these."
        )


def _caveats(result: Record, found: Fit) -> tuple[str, ...]:
    texts = []
    if not result.status.ok:
        texts.append(f"The result itself is {result.status.code}: {result.status.message}.")
    if result.identified.get("covered") is False:
        texts.append("No theorem covers the setting as it stands.")
    design = found.fitted.design
    poor = [z for z in design.latents if refuted(found.table, design, z, "dependence")]
    if poor:
        texts.append(
            f"The fitted mechanisms of {', '.join(poor)} are refuted by held-out latents (see model.fit)."
        )
    if result.diagnostics.get("observation_noise", xr.DataArray(0.0)).dims:
        texts.append(
            "The noise on x is of another size on each variable; the model has their root mean square."
        )
    if found.errors == "given the latents":
        known = "the latents" if result.estimate.mixing is not None else "latents and decoder"
        texts.append(f"Standard errors take {known} as given.")
    return tuple(texts)
