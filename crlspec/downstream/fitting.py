"""From a Result to its fitted mechanisms, and from these to a model: the way in of everything downstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from crlspec.downstream.design import Design, design_of
from crlspec.downstream.fitted import Fitted, quick_spec
from crlspec.downstream.flexible import FlexibleFit, fit_flexible
from crlspec.downstream.goodness import goodness, split
from crlspec.downstream.linear import LinearFit, Noises, Slot, fit_linear, slots_of
from crlspec.downstream.noise import mixture
from crlspec.downstream.recovered import RecoveredModel, recovered_model
from crlspec.errors import CrlspecError
from crlspec.generative.model import Model, compile
from crlspec.generative.program import abduct, noise_site
from crlspec.results.result import Result

__all__ = ["Fit", "fit", "model_of", "refuted"]

LEVEL = 0.001
LITTLE_DEPENDENCE = 0.003
"""Share of the noise's variance below which its dependence on the parents is let pass, however significant."""
LITTLE_DISTANCE = 0.01
"""Distance of distribution functions below which the form of the noise is let pass."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted mechanisms, in observational standard deviations, with what tells their error and how well they fit.

    alternatives, weight  see ``RecoveredModel``
    table                 goodness of fit, see ``goodness``
    errors                what standard errors hold: ``latents included``, or ``given the latents``
    """

    fitted: Fitted
    alternatives: tuple[tuple[Fitted, Fitted], ...]
    weight: float
    table: xr.Dataset
    errors: str


def fit(result: Result) -> Fit:
    """Fit the mechanisms of a result to its latents, as simply as tests of fit allow.

    Linear mechanisms with normal noise first. A network for the mean of a latent whose noise then still knows its
    parents, both with latents as recovered (where leftover mixing shows too) and with latents settled anew (which a
    line where there is none bends). A mixture of normals where the noise is not normal. Tests are made on latents
    that were held out, and the model is then fitted to all.

    Raises SettingMismatch where no graph was estimated, EstimationError where the mixing is not linear.
    """
    design = design_of(result)
    samples = latents_of(result, design)
    mixing, offset = result.mixing.values, result.encoder.offset.values
    kept, held = split(samples)

    def judged(found: LinearFit | FlexibleFit, noise: Noises | None = None) -> tuple[Model, xr.Dataset]:
        model = compile(quick_spec(found.fitted(mixing, offset, noise=noise), result.observed))
        return model, goodness(model, _encoded(model, held, mixing, offset))

    _, given = judged(fit_linear(design, kept, settle=False))
    rough: LinearFit | FlexibleFit = fit_linear(design, kept)
    model, table = judged(rough)
    both = (given, table)
    curved = frozenset(z for z in design.latents if all(_knows_its_parents(one, design, z) for one in both))
    if curved:
        rough = fit_flexible(design, kept, curved, resamples=0)
        model, table = judged(rough)
    noise = _noise(design, model, table, _encoded(model, kept, mixing, offset))
    if any(family["kind"] != "normal" for family in noise.values()):
        model, table = judged(rough, noise)
    table = table.assign_attrs(network=sorted(curved), samples_held_out={n: len(z) for n, z in held.items()})
    if curved:
        flexible = fit_flexible(design, samples, curved)
        best = flexible.fitted(mixing, offset, noise=noise)
        others = [(flexible.fitted(mixing, offset, one, noise), best) for one in flexible.resampled]
        return Fit(best, tuple(others), 1 / (len(others) - 1), table, "given the latents")
    linear = fit_linear(design, samples)
    pairs = [
        (linear.fitted(mixing, offset, a, noise), linear.fitted(mixing, offset, b, noise))
        for a, b in linear.variations()
    ]
    scope = "latents included" if linear.settled else "given the latents"
    return Fit(linear.fitted(mixing, offset, noise=noise), tuple(pairs), 0.25, table, scope)


def refuted(table: xr.Dataset, design: Design, latent: str, test: str, little: float) -> bool:
    """Whether a mechanism's fit is refuted where nothing touches it: by its p-values, and by more than a little."""
    shown = table.sel(latent=latent, environment=list(design.untouched(latent)))
    p_values, effects = shown[f"{test}_p"].values, shown[test].values
    if np.isnan(p_values).all():
        return False
    return bool(len(p_values) * np.nanmin(p_values) < LEVEL and np.nanmean(effects) > little)


def model_of(result: Result, found: Fit, anchors: Mapping[str, str]) -> RecoveredModel:
    """The fitted mechanisms as a model, each anchored latent in the units of its observed variable.

    Raises CrlspecError for an anchor whose latent or observed variable is not there.
    """
    observed = result.observed
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
        float(result.diagnostics.get("observation_noise", xr.DataArray(0.0))),
        fit=found.table,
        anchors=dict(anchors),
        alternatives=tuple((moved[id(a)], moved[id(b)]) for a, b in found.alternatives),
        weight=found.weight,
        errors=found.errors,
        caveats=_caveats(result, found),
    )


def latents_of(result: Result, design: Design) -> dict[str, np.ndarray]:
    """Environment → recovered latents (sample, latent), the observational environment first."""
    return {
        name: np.asarray(
            result.latents[name].to_dataset()["z_hat"].transpose("sample", "latent").values, dtype=float
        )
        for name in design.environments
    }


def _knows_its_parents(table: xr.Dataset, design: Design, latent: str) -> bool:
    return refuted(table, design, latent, "dependence", LITTLE_DEPENDENCE)


def _encoded(
    model: Model, samples: Mapping[str, np.ndarray], mixing: np.ndarray, offset: np.ndarray
) -> dict[str, np.ndarray]:
    """Latents as recovered, by way of the observations they stand for, to those of a model."""
    return {
        name: model.mixing.inverse(torch.as_tensor(y @ mixing.T + offset)).numpy()
        for name, y in samples.items()
    }


def _noise(design: Design, model: Model, table: xr.Dataset, samples: Mapping[str, np.ndarray]) -> Noises:
    """The noise family of every mechanism: normal, unless that is refuted."""
    found: dict[Slot, Mapping[str, float | str | list[float]]] = {}
    taken = {name: abduct(model.environments[name].scm, torch.as_tensor(z)) for name, z in samples.items()}
    for slot in slots_of(design):
        if slot.environment is None:
            wrong = refuted(table, design, slot.latent, "distribution", LITTLE_DISTANCE)
            shown = design.untouched(slot.latent)
        else:
            own = table.sel(latent=slot.latent, environment=slot.environment)
            wrong = bool(own["distribution_p"] < LEVEL and own["distribution"] > LITTLE_DISTANCE)
            shown = (slot.environment,)
        residuals = np.concatenate([taken[name][noise_site(slot.latent)].numpy() for name in shown])
        found[slot] = mixture(residuals) if wrong else {"kind": "normal"}
    return found


def _anchored(fitted: Fitted, anchors: Mapping[str, str], observed: tuple[str, ...]) -> Fitted:
    """Each anchored latent times its loading, so that it then loads on its anchor with 1."""
    place = {z: i for i, z in enumerate(fitted.design.latents)}
    return fitted.rescaled({z: float(fitted.mixing[observed.index(x), place[z]]) for z, x in anchors.items()})


def _require(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise CrlspecError(
            f"there is no {what} {name!r}; there are {', '.join(names)}.", remedy="choose one of these."
        )


def _caveats(result: Result, found: Fit) -> tuple[str, ...]:
    texts = []
    if not result.status.ok:
        texts.append(f"The result itself is {result.status.code}: {result.status.message}.")
    if result.identified.get("covered") is False:
        texts.append("No theorem covers the setting as it stands.")
    design = found.fitted.design
    poor = [z for z in design.latents if _knows_its_parents(found.table, design, z)]
    if poor:
        texts.append(
            f"The fitted mechanisms of {', '.join(poor)} are refuted by held-out latents (see model.fit)."
        )
    if found.errors == "given the latents":
        texts.append("Standard errors take the latents as given.")
    return tuple(texts)
