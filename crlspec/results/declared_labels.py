"""The labels that a spec declares: required before an estimate, read and used once it is complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from crlspec.errors import DataError, EstimationError
from crlspec.results.record import Record

if TYPE_CHECKING:
    from crlspec.data.labels import Labels
    from crlspec.spec.schema import Calibrate

__all__ = ["calibrated_as_declared", "require_labels"]

LABELLED = 0xCA1B
"""Beside the seed, what the rows that are labelled by the truth are drawn from."""

SomeRecord = TypeVar("SomeRecord", bound=Record)


def require_labels(declared: Calibrate | None, data: xr.DataTree, observational: str) -> None:
    """Raises DataError where labels are declared that are not there; none is read."""
    if declared is None:
        return
    if isinstance(declared.labels, str):
        if not Path(declared.labels).is_file():
            raise DataError(
                f"calibrate.labels: {declared.labels}: there is no such file.",
                remedy="Give the path of a table of labels.",
            )
        return
    node = data.children[observational].to_dataset()
    known = f"{node.sizes['sample']} rows" if "z" in node.data_vars else "no truth"
    if "z" not in node.data_vars or node.sizes["sample"] < declared.labels:
        raise DataError(
            f"calibrate.labels: {declared.labels} rows of the truth are asked for; '{observational}' has {known}.",
            remedy="Give a table, labels: labels.csv, or ask for fewer rows.",
        )


def calibrated_as_declared(
    result: SomeRecord, declared: Calibrate | None, data: xr.DataTree, seed: int
) -> SomeRecord:
    """The result in the units of the declared labels; where these cannot be used as it is, with the reason in its
    provenance (``calibration_refused``: message and exit status)."""
    if declared is None:
        return result
    from crlspec.data.labels import read_labels
    from crlspec.results.calibrate import calibration_from

    try:
        labels = read_labels(declared.labels) if isinstance(declared.labels, str) else None
        labels = labels or _of_the_truth(data, result.observational, int(declared.labels), seed)
        found = calibration_from(result, labels, declared.latents, declared.unit or "")
    except (DataError, EstimationError) as error:
        refused = {"message": str(error), "exit": error.exit_code}
        return replace(result, provenance={**result.provenance, "calibration_refused": refused})
    return result.calibrated(found)


def _of_the_truth(data: xr.DataTree, observational: str, count: int, seed: int) -> Labels:
    """True latents of ``count`` rows of the observational environment, drawn by the seed."""
    from crlspec.data.labels import labels_of

    truth = data.children[observational].to_dataset()["z"].transpose("sample", "latent")
    rows = np.sort(np.random.default_rng([seed, LABELLED]).permutation(len(truth))[:count])
    columns = {str(name): truth.values[rows, k] for k, name in enumerate(truth["latent"].values)}
    return labels_of({"environment": [observational] * count, "row": rows, **columns}, "the truth")
