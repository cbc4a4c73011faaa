"""From labels of a few rows to a Calibration: rows found, columns matched to latents, maps fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from crlspec.data.labels import Labels, labels_of
from crlspec.errors import DataError, EstimationError
from crlspec.maps.monotone_fit import held_out, varies
from crlspec.results.calibration import Calibration, LabelledLatent
from crlspec.results.metrics import best_matching, rank_correlations

if TYPE_CHECKING:
    from crlspec.results.record import Record

from crlspec.numerics.ranks import ranks

__all__ = ["calibrate", "calibration_from"]

RESAMPLES = 200
AGREE = 0.95
"""Share of resamples of the labels that must give each column the same latent."""


def calibrate(
    result: Record, labels: Mapping[str, Any], data: Any, latents: Mapping[str, str] | None, unit: str
) -> Calibration:
    """See ``Record.calibrate``."""
    found = labels_of(labels, "labels", located=data is None)
    if data is None:
        return calibration_from(result, found, latents, unit)
    z = result.encoder(data)
    z = z["z_hat"] if isinstance(z, xr.Dataset) else z
    if z.ndim != 2 or len(z) != len(found.values):
        raise DataError(
            f"labels: there are {len(found.values)} labels for {len(z)} observations.",
            remedy="Give one row of labels for each observation, in the same order.",
        )
    return _fitted(result, found, z.transpose(..., "latent").values, latents, unit)


def calibration_from(
    result: Record, labels: Labels, latents: Mapping[str, str] | None = None, unit: str = ""
) -> Calibration:
    """The calibration of a result that has none, by labels of rows that it was made from.

    Raises DataError where environments, rows, columns or latents are not those of the result, or too many, and
    EstimationError where the labels do not tell which column belongs to which latent.
    """
    trees = result.latents.children
    z = np.empty((len(labels.rows), len(result.names)))
    values = {
        name: node.to_dataset()["z_hat"].transpose("sample", "latent").values for name, node in trees.items()
    }
    for k, (name, row) in enumerate(zip(labels.environments, labels.rows, strict=True)):
        if name not in values:
            raise DataError(
                f"{labels.place(k)}: there is no environment '{name}'; there are {', '.join(values)}.",
                remedy="Write the environments as the data call them.",
            )
        if row >= len(values[name]):
            raise DataError(
                f"{labels.place(k)}: environment '{name}' has the rows 0 to {len(values[name]) - 1}, and row {row} "
                "is labelled.",
                remedy="Count rows from 0, within each environment.",
            )
        z[k] = values[name][row]
    return _fitted(result, labels, z, latents, unit)


def _fitted(
    result: Record, labels: Labels, z: np.ndarray, latents: Mapping[str, str] | None, unit: str
) -> Calibration:
    if not np.isfinite(z).all():
        raise DataError(
            f"{labels.source}: a labelled observation has no latents.",
            remedy="Label observations without gaps.",
        )
    margin = support = float("nan")
    named = _named(result, labels.columns, latents, labels.source)
    if named is None:
        columns, margin, support = _matched(labels, z, result.names)
    else:
        columns = np.array([result.names.index(name) for name in named])
    found = []
    for k, column in enumerate(columns):
        one, label = z[:, column], labels.values[:, k]
        if not varies(one):
            raise DataError(
                f"{labels.source}: {result.names[column]} is the same in all labelled rows.",
                remedy="Label rows in which it differs.",
            )
        fit = held_out(one, label)
        correlation = float(np.corrcoef(ranks(one), ranks(label))[0, 1])
        found.append(
            LabelledLatent(
                result.names[column], labels.columns[k], fit.map, one, label, fit.held_out, fit.mean_error,
                correlation,
            )
        )  # fmt: skip
    return Calibration(tuple(found), result.latents, unit, named is None, margin, support)


def _named(
    result: Record, columns: tuple[str, ...], latents: Mapping[str, str] | None, source: str
) -> tuple[str, ...] | None:
    """The latent of each column where names tell it: as it was said, or by the names of latents whose targets are
    known. None where latents are anonymous."""
    known = ", ".join(result.names)
    if latents is not None:
        for column, latent in latents.items():
            if column not in columns:
                raise DataError(
                    f"{source}: there is no column '{column}'; there are {', '.join(columns)}.",
                    remedy="Write latents: {column: latent}.",
                )
            if latent not in result.names:
                raise DataError(
                    f"{source}: there is no latent '{latent}'; there are {known}.", "Choose one of these."
                )
        if len(set(latents.values())) < len(latents):
            raise DataError(
                f"{source}: two columns are said to be one latent.", "Give each latent one column."
            )
        if rest := [name for name in columns if name not in latents]:
            raise DataError(
                f"{source}: no latent is said for the column '{rest[0]}'.",
                remedy="Name the latent of every column, or of none.",
            )
        return tuple(latents[name] for name in columns)
    setting = result.setting
    if setting is not None and setting.targets is None:
        return None
    if strangers := [name for name in columns if name not in result.names]:
        raise DataError(
            f"{source}: the column '{strangers[0]}' is no latent; there are {known}.",
            remedy="Name columns as latents, or say latents: {column: latent}.",
        )
    return columns


def _matched(labels: Labels, z: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, float, float]:
    """The latent of each column by rank correlation, the margin to the next matching, and the support of resamples.

    Raises DataError for more columns than latents, and EstimationError where another matching is nearly as good.
    """
    if len(labels.columns) > len(names):
        raise DataError(
            f"{labels.source}: there are {len(labels.columns)} columns for {len(names)} latents.",
            remedy="Leave out columns that are no latents.",
        )
    correlations = rank_correlations(labels.values, z)
    match = best_matching(correlations)
    each = np.arange(len(match))
    best, others = float(correlations[each, match].mean()), []
    for k in each:
        without = correlations.copy()
        without[k, match[k]] = -len(match)
        second = best_matching(without)
        if second[k] != match[k]:
            others.append((float(correlations[each, second].mean()), second))
    if not others:
        return match, float("nan"), 1.0
    rng = np.random.default_rng(0)
    agree = np.zeros(len(match))
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(z), size=len(z))
        agree += best_matching(rank_correlations(labels.values[drawn], z[drawn])) == match
    agree /= RESAMPLES
    runner_up, second = max(others, key=lambda one: one[0])
    if agree.min() < AGREE:
        raise EstimationError(
            "The labels do not tell which column belongs to which latent: "
            f"{_pairs(labels.columns, match, names)} has a mean rank correlation of {best:.2f}, "
            f"{_pairs(labels.columns, second, names)} of {runner_up:.2f}, and {agree.min():.0%} of resamples agree "
            f"({AGREE:.0%} are asked for).",
            remedy="Label more rows, or say latents: {column: latent}.",
        )
    return match, best - runner_up, float(agree.min())


def _pairs(columns: tuple[str, ...], match: np.ndarray, names: tuple[str, ...]) -> str:
    return ", ".join(f"{column} = {names[k]}" for column, k in zip(columns, match, strict=True))
