"""What labels of a few rows say of the latents: the unit and sign of each, and how far off it is on other rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from crlspec.maps.monotone import MonotoneMap, Units

__all__ = ["Calibration", "LabelledLatent", "calibration_nodes", "calibration_of"]


@dataclass(frozen=True, eq=False)
class LabelledLatent:
    """One latent and its labels.

    latent       the latent
    column       what its labels are called
    map          from the latent, in observational standard deviations, to the unit of the labels
    z            (label,) the latent as recovered in the labelled rows
    label        (label,) the labels
    held_out     (label,) what a map that was fitted without a label gives for it
    correlation  rank correlation of z and label
    """

    latent: str
    column: str
    map: MonotoneMap
    z: np.ndarray
    label: np.ndarray
    held_out: np.ndarray
    mean_error: float
    correlation: float

    @property
    def error(self) -> float:
        """Mean |label − held_out|, in the unit of the labels."""
        return float(np.abs(self.label - self.held_out).mean())

    @property
    def helps(self) -> bool:
        """Whether the latent tells held-out labels better than their mean does."""
        return self.error < self.mean_error


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibrated latents, and how labels and latents were brought together.

    latents   those with labels; the others keep observational standard deviations
    unit      of the labels, as it was told; may be empty
    matched   whether latents were found by rank correlation, or named
    margin    if matched: how far the mean |rank correlation| is above that of the next best matching; NaN for none
    support   if matched: share of resamples of the labels in which each column goes to the same latent, the least
    recovered latents as they were, in observational standard deviations: environment → ``z_hat`` (sample, latent)
    """

    latents: tuple[LabelledLatent, ...]
    recovered: xr.DataTree
    unit: str = ""
    matched: bool = False
    margin: float = float("nan")
    support: float = float("nan")

    def __getitem__(self, latent: str) -> MonotoneMap:
        """The map of a latent: ``calibration["elbow"](z)`` gives units, ``.inverse(30.0)`` standard deviations."""
        return {one.latent: one.map for one in self.latents}[latent]

    def units(self, names: tuple[str, ...]) -> Units:
        """The maps of all latents, in the order of their names."""
        known = {one.latent: one.map for one in self.latents}
        return Units(tuple(known.get(name) for name in names))

    def in_units(self) -> xr.DataTree:
        """All recovered latents, in the units of their labels."""
        found = {}
        for name, node in self.recovered.children.items():
            z = node.to_dataset()["z_hat"].transpose("sample", "latent")
            units = self.units(tuple(str(one) for one in z["latent"].values))
            found[name] = xr.Dataset({"z_hat": z.copy(data=units(z.values))})
        return xr.DataTree.from_dict(found)

    def lines(self) -> list[str]:
        """What is said of it in a terminal, a line a latent."""
        width = max(len(self.named(one)) for one in self.latents)
        told = [f"{self.named(one):<{width}}  {self.told(one)}" for one in self.latents]
        if self.matched:
            told.append(self.matching())
        return [f"{'labels' if k == 0 else '':<8} {text}" for k, text in enumerate(told)]

    def named(self, one: LabelledLatent) -> str:
        """The latent, and what its labels are called where that is another name."""
        return one.latent if one.latent == one.column and not self.matched else f"{one.latent} = {one.column}"

    def told(self, one: LabelledLatent) -> str:
        """The error of a latent on held-out labels, beside that of their mean."""
        unit = f" {self.unit}" if self.unit else ""
        text = f"mean error {one.error:.3g}{unit} on held-out labels ({len(one.label)}), of their mean "
        text += f"{one.mean_error:.3g}"
        return text if one.helps else f"{text}: no better than the mean"

    def matching(self) -> str:
        """How columns found their latents."""
        strongest = ", ".join(f"{abs(one.correlation):.2f}" for one in self.latents)
        text = f"columns matched to latents by rank correlation ({strongest})"
        if not np.isfinite(self.margin):
            return text
        text += f"; the next matching is {self.margin:.2f} lower in the mean, "
        return f"{text}{self.support:.0%} of resamples agree"


def calibration_nodes(calibration: Calibration) -> dict[str, xr.Dataset]:
    """The arrays of a calibration, a group a latent, by their paths in a file."""
    facts = {
        "unit": calibration.unit,
        "matched": calibration.matched,
        "margin": _number(calibration.margin),
        "support": _number(calibration.support),
        "latents": [
            {
                "latent": one.latent, "column": one.column, "mean_error": one.mean_error,
                "correlation": one.correlation,
            }
            for one in calibration.latents
        ],
    }  # fmt: skip
    nodes = {"/calibration": xr.Dataset(attrs={"calibration": json.dumps(facts, ensure_ascii=False)})}
    for k, one in enumerate(calibration.latents):
        nodes[f"/calibration/{k}"] = xr.Dataset(
            {
                "knots": ("knot", one.map.knots),
                "values": ("knot", one.map.values),
                "slopes": ("knot", one.map.slopes),
                "z": ("label", one.z),
                "label_value": ("label", one.label),
                "held_out": ("label", one.held_out),
            }
        )
    return nodes


def calibration_of(stored: xr.DataTree, recovered: xr.DataTree) -> Calibration:
    """What :func:`calibration_nodes` made of a calibration."""
    facts: dict[str, Any] = json.loads(stored.attrs["calibration"])
    found = []
    for k, told in enumerate(facts.pop("latents")):
        node = stored.children[str(k)].to_dataset(inherit=False)
        one = MonotoneMap(node["knots"].values, node["values"].values, node["slopes"].values)
        arrays: dict[str, Any] = {
            "z": node["z"].values,
            "label": node["label_value"].values,
            "held_out": node["held_out"].values,
        }
        found.append(LabelledLatent(map=one, **told, **arrays))
    for key in ("margin", "support"):
        facts[key] = float("nan") if facts[key] is None else facts[key]
    return Calibration(tuple(found), recovered, **facts)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
