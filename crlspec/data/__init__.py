"""Observed data in and out, and the Problem that estimators are given.

One convention everywhere: an xarray DataTree with a child per environment, each a Dataset with ``x`` (sample,
observed) and, where a truth is known, ``z`` (sample, latent). xarray and pandas are loaded on first use,
torch never.
"""

from crlspec.data.door import read_data
from crlspec.data.experiments import Experiments
from crlspec.data.labelled import from_xarray
from crlspec.data.problem import Problem, Relabelling
from crlspec.data.tree import environments_of, from_arrays, observational_of, provenance_of
from crlspec.data.write import write_data

__all__ = [
    "Experiments", "Problem", "Relabelling", "environments_of", "from_arrays", "from_xarray", "observational_of",
    "provenance_of", "read_data", "write_data",
]  # fmt: skip
