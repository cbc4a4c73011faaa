"""Training curves of a result, grouped for the eye."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["Training", "trainings"]

NAME = re.compile(r"training_(.+?)(?:_(\d+))?$")


@dataclass(frozen=True)
class Training:
    """The losses of networks that belong into one chart: ``lines`` holds (name, steps, losses) of each."""

    stage: str
    kind: str
    lines: tuple[tuple[str, np.ndarray, np.ndarray], ...]


def trainings(result: Record) -> list[Training]:
    """What was trained, in its order: a chart for each fit whose networks belong to environments, and one for all
    other fits of a stage."""
    fits: dict[tuple[str, str, int], list[xr.DataArray]] = {}
    for key, array in result.diagnostics.items():
        if (match := NAME.match(key)) is not None:
            number = int(match[2] or 1) if "environment" in array.dims else 0
            fits.setdefault((match[1], str(array.attrs.get("kind", "loss")), number), []).append(array)
    return [Training(stage, kind, _lines(arrays)) for (stage, kind, _), arrays in fits.items()]


def _lines(arrays: list[xr.DataArray]) -> tuple[tuple[str, np.ndarray, np.ndarray], ...]:
    lines = []
    for k, array in enumerate(arrays):
        (dim,) = (str(name) for name in array.dims if name != "step")
        steps = array["step"].values
        for name, losses in zip(array[dim].values, array.transpose(dim, "step").values, strict=True):
            lines.append((f"{k + 1}: {name}" if len(arrays) > 1 else str(name), steps, losses))
    return tuple(lines)
