"""Which families the mechanisms of a result need: as simple as tests of fit on held-out latents allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from crlspec.downstream.decoded import Code, code_of
from crlspec.downstream.design import Design, design_of
from crlspec.downstream.fitted import quick_spec
from crlspec.downstream.goodness import goodness, split
from crlspec.downstream.linear import LinearFit, Noises, Slot, fit_linear, slots_of
from crlspec.generative.model import Model, compile
from crlspec.generative.program import noise_site
from crlspec.results.record import Record

if TYPE_CHECKING:
    from crlspec.downstream.flexible import FlexibleFit

__all__ = ["Judged", "judge", "latents_of", "mechanisms", "refuted"]

LEVEL = 0.001
LITTLE = {"dependence": 0.003, "size": 0.003, "distribution": 0.01}
"""What is let pass, however significant: of the variance of the noise, or of its square, the share that its
parents explain; between the distribution functions of the noise as it is and as declared the greatest difference."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Which families the mechanisms of a result need, and how well these fit latents that were held out.

    samples          environment → latents as recovered (sample, latent)
    code             encoder and decoder where the mixing is not linear
    mixing, offset   x = mixing · z + offset; 1 and 0 beside a code
    nonlinear        latents whose mean is a network
    heteroscedastic  those of them whose noise has a scale, a network too → the p-value that refuted one size of it
    noise            slot → the family of its noise
    table            goodness of fit, see ``goodness``
    """

    design: Design
    samples: Mapping[str, np.ndarray]
    code: Code | None
    mixing: np.ndarray
    offset: np.ndarray
    nonlinear: frozenset[str]
    heteroscedastic: Mapping[str, float]
    noise: Noises
    table: xr.Dataset


def judge(result: Record) -> Judged:
    """Find mechanisms as simple as tests of fit allow, on four of five samples, tested on the others.

    Linear mechanisms with normal noise first. A network for the mean of a latent whose noise then still knows its
    parents, both with latents as recovered (where leftover mixing shows too) and with latents settled anew (which a
    line where there is none bends). A scale of the noise where its size knows the parents even so. A mixture of
    normals where the noise is not normal.

    Raises SettingMismatch where no graph was estimated, EstimationError where there is no way back to observations.
    """
    design = design_of(result)
    samples = latents_of(result, design)
    code, n = code_of(result), len(design.latents)
    mixing, offset, observed = (
        np.eye(n),
        np.zeros(n),
        result.names,
    )  # through a decoder, latents are what is seen
    if code is None:
        mixing, offset, observed = result.mixing.values, result.encoder.offset.values, result.observed
    kept, held = split(samples)

    def judged(found: LinearFit | FlexibleFit, noise: Noises | None = None) -> tuple[Model, xr.Dataset]:
        model = compile(quick_spec(found.fitted(mixing, offset, noise=noise), observed))
        return model, goodness(model, _encoded(model, held, mixing, offset))

    _, given = judged(fit_linear(design, kept, settle=False))
    rough: LinearFit | FlexibleFit = fit_linear(design, kept, settle=code is None)
    model, table = judged(rough)
    both = (given, table)
    nonlinear = frozenset(
        z for z in design.latents if all(_knows_its_parents(one, design, z) for one in both)
    )
    if nonlinear:
        from crlspec.downstream.flexible import fit_flexible

        rough = fit_flexible(design, kept, nonlinear, resamples=0)
        model, table = judged(rough)
    sizes = {z: _worst(table, design, Slot(z, design.parents[z]), "size")[1] for z in sorted(nonlinear)}
    heteroscedastic = {z: p_value for z, p_value in sizes.items() if refuted(table, design, z, "size")}
    if heteroscedastic:
        from crlspec.downstream.flexible import fit_flexible

        rough = fit_flexible(design, kept, nonlinear, frozenset(heteroscedastic), resamples=0)
        model, table = judged(rough)
    noise = _noise(design, model, table, _encoded(model, kept, mixing, offset))
    if any(family["kind"] != "normal" for family in noise.values()):
        model, table = judged(rough, noise)
    table = table.assign_attrs(
        network=sorted(nonlinear),
        scale=sorted(heteroscedastic),
        samples_held_out={n: len(z) for n, z in held.items()},
    )
    return Judged(design, samples, code, mixing, offset, nonlinear, heteroscedastic, noise, table)


def refuted(table: xr.Dataset, design: Design, latent: str, test: str) -> bool:
    """Whether a mechanism's fit is refuted where nothing touches it: by its p-values, and by more than a little."""
    effect, p_value = _worst(table, design, Slot(latent, design.parents[latent]), test)
    return bool(p_value < LEVEL and effect > LITTLE[test])


def _worst(table: xr.Dataset, design: Design, slot: Slot, test: str) -> tuple[float, float]:
    """Mean effect over the environments that show a mechanism, and the least p-value times their number; NaN for a
    test that does not apply."""
    shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
    column = table.get_index("latent").get_loc(slot.latent)
    rows = table.get_index("environment").get_indexer_for(list(shown))
    p_values, effects = (table[key].values[rows, column] for key in (f"{test}_p", test))
    if np.isnan(p_values).all():
        return float("nan"), float("nan")
    return float(np.nanmean(effects)), float(min(len(p_values) * np.nanmin(p_values), 1.0))


def mechanisms(judged: Judged) -> pd.DataFrame:
    """A row for each mechanism, and its worst tests: those that nothing touches first, over all environments that
    show them; then what environments put in their place. See ``Queries.goodness_of_fit``."""
    design, rows = judged.design, []
    for slot in slots_of(design):
        row: dict[str, Any] = {
            "latent": slot.latent,
            "environment": slot.environment or "",
            "parents": slot.parents,
            "mean": "constant"
            if not slot.parents
            else "network"
            if slot.latent in judged.nonlinear
            else "linear",
            "scale": "network" if slot.parents and slot.latent in judged.heteroscedastic else "constant",
            "additive_p": judged.heteroscedastic.get(slot.latent, float("nan"))
            if slot.parents
            else float("nan"),
            "noise": judged.noise[slot]["kind"],
        }
        wrong = []
        for test in ("dependence", "distribution"):
            effect, p_value = _worst(judged.table, design, slot, test)
            row |= {test: effect, f"{test}_p": p_value}
            wrong.append(p_value < LEVEL and effect > LITTLE[test])
        rows.append({**row, "refuted": any(wrong)})
    return pd.DataFrame(rows)


def latents_of(result: Record, design: Design) -> dict[str, np.ndarray]:
    """Environment → recovered latents (sample, latent), the observational environment first."""
    return {
        name: np.asarray(
            result.latents[name].to_dataset()["z_hat"].transpose("sample", "latent").values, dtype=float
        )
        for name in design.environments
    }


def _knows_its_parents(table: xr.Dataset, design: Design, latent: str) -> bool:
    return refuted(table, design, latent, "dependence")


def _encoded(
    model: Model, samples: Mapping[str, np.ndarray], mixing: np.ndarray, offset: np.ndarray
) -> dict[str, np.ndarray]:
    """Latents as recovered, by way of the observations they stand for, to those of a model."""
    return {
        name: model.mixing.inverse(model.tensor(y @ mixing.T + offset)).cpu().numpy()
        for name, y in samples.items()
    }


def _noise(design: Design, model: Model, table: xr.Dataset, samples: Mapping[str, np.ndarray]) -> Noises:
    """The noise family of every mechanism: normal, unless that is refuted."""
    found: dict[Slot, Mapping[str, float | str | list[float]]] = {}
    taken = {name: model.abduct(z, name) for name, z in samples.items()}
    for slot in slots_of(design):
        shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
        effect, p_value = _worst(table, design, slot, "distribution")
        wrong = p_value < LEVEL and effect > LITTLE["distribution"]
        residuals = np.concatenate([taken[name][noise_site(slot.latent)].cpu().numpy() for name in shown])
        if wrong:
            from crlspec.downstream.noise import mixture

            found[slot] = mixture(residuals)
        else:
            found[slot] = {"kind": "normal"}
    return found
