"""All fuzzers."""

from __future__ import annotations

from tests.fuzz.data import Folders, Netcdf
from tests.fuzz.fuzzing import Fuzzer
from tests.fuzz.results import Checkpoints, Results
from tests.fuzz.specs import Equations, Specs

FUZZERS: tuple[type[Fuzzer], ...] = (Specs, Equations, Folders, Netcdf, Results, Checkpoints)
