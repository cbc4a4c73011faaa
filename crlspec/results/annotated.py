"""Latents of cells beside the cells: what a result adds to an AnnData, in memory or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from crlspec.data.annotated import annotate, cells_of, dense, opened, write_annotated
from crlspec.results.loadings import strongest

if TYPE_CHECKING:
    from crlspec.results.record import Record
    from crlspec.spec.schema import Data

__all__ = ["annotated", "data_of", "notes_of", "write_annotated_copy"]

ROWS = 20_000
"""Cells that are encoded at a time."""


def annotated(result: Record, given: Any, layer: str | None = None) -> Any:
    """The AnnData with ``obsm["X_crlspec"]`` and ``uns["crlspec"]``; the layer that of the spec, if not given."""
    return annotate(given, _latents(result, given, layer), notes_of(result))


def write_annotated_copy(result: Record, source: Path, copy: IO[bytes]) -> int:
    """A copy of an ``.h5ad`` file with the same, into a file open for both; returns how many cells it has."""
    latents = _latents(result, source, None)
    write_annotated(source, copy, latents, notes_of(result))
    return len(latents)


def data_of(result: Record) -> Data | None:
    """The block ``data:`` of the spec that a result was made by; None where it has none, or is not known."""
    from crlspec.errors import SpecError
    from crlspec.spec.load import loads

    try:
        return loads(str(result.provenance["spec"])).data
    except (KeyError, SpecError):  # a plug-in that is not there, which says nothing of data
        return None


def _latents(result: Record, given: Any, layer: str | None) -> np.ndarray:
    """(cell, latent) of every cell, whatever its environment; NaN where one of its values is missing."""
    parts, told = opened(given), data_of(result)
    layer = layer if layer is not None or told is None else told.layer
    matrix = cells_of(parts, layer, result.observed)
    found = np.empty((matrix.shape[0], len(result.names)))
    for start in range(0, len(found), ROWS):
        found[start : start + ROWS] = result.encoder(dense(matrix[start : start + ROWS])).values
    return found


def notes_of(result: Record) -> dict[str, Any]:
    """What goes beside the latents: their names, the environments that target them, graph, status, provenance."""
    return {
        "latents": list(result.names),
        "environments": {name: list(result.targeted_by(name)) for name in result.names},
        "variables": {
            name: [[one.variable, one.value, one.error] for one in strongest(result.diagnostics, name)]
            for name in result.names
        },
        "graph": result.graph,
        "edges": [[edge.source, edge.target, edge.strength, edge.p_value] for edge in result.edges],
        "status": str(result.status),
        "provenance": dict(result.provenance),
    }
