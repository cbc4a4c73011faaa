"""Observed data in and out, and the Problem that estimators are given.

One convention everywhere: an xarray DataTree with a child per environment, each a Dataset with ``x`` (sample,
observed) and, where a truth is known, ``z`` (sample, latent). Names are loaded on first use (PEP 562), as xarray and
pandas are; torch never.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec.data.door import read_data
    from crlspec.data.experiments import Experiments
    from crlspec.data.labelled import from_xarray
    from crlspec.data.problem import Problem, Relabelling
    from crlspec.data.tree import environments_of, from_arrays, observational_of, provenance_of
    from crlspec.data.write import write_data

_HOMES = {
    "Experiments": "experiments",
    "Problem": "problem",
    "Relabelling": "problem",
    "environments_of": "tree",
    "from_arrays": "tree",
    "from_xarray": "labelled",
    "observational_of": "tree",
    "provenance_of": "tree",
    "read_data": "door",
    "write_data": "write",
}

__all__ = [
    "Experiments", "Problem", "Relabelling", "environments_of", "from_arrays", "from_xarray", "observational_of",
    "provenance_of", "read_data", "write_data",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"crlspec.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'crlspec.data' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
