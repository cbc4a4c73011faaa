"""The losses that were recorded while networks trained, as diagnostics of an estimate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from crlspec.inference.estimate import Estimate
from crlspec.progress import Losses, Recorder

__all__ = ["PREFIX", "with_training"]

PREFIX = "training_"


def with_training(estimate: Estimate, recorder: Recorder) -> Estimate:
    """The estimate with ``training_<stage>`` for the first fit of each stage, ``training_<stage>_2`` for the next, …:
    arrays (network or environment, step), what the losses are in the attribute ``kind``."""
    curves = {
        PREFIX + re.sub(r"\W+", "_", stage) + (f"_{k + 1}" if k else ""): _curves(fit)
        for stage, fits in recorder.fits.items()
        for k, fit in enumerate(fits)
    }
    return replace(estimate, diagnostics={**estimate.diagnostics, **curves})


def _curves(fit: Sequence[Losses]) -> xr.DataArray:
    first = fit[0]
    names = list(first.values)
    return xr.DataArray(
        [[losses.values[name] for losses in fit] for name in names],
        dims=(first.dim, "step"),
        coords={first.dim: np.array(names, dtype=object), "step": [losses.step for losses in fit]},
        attrs={"kind": first.kind},
    )
