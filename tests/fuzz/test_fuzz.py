"""Inputs of each kind, 300 where they are cheap: no traceback, hang or execution, errors of a spec at their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.data import Folders, Netcdf
from tests.fuzz.fuzzing import Fuzzer, fuzz
from tests.fuzz.results import Checkpoints, Results
from tests.fuzz.specs import Equations, Specs


@pytest.mark.parametrize("kind", [Specs, Equations])
def test_texts_are_taken_or_refused_in_good_words(kind: type[Fuzzer], tmp_path: Path) -> None:
    counts = fuzz(kind(tmp_path), seed=0, count=300)
    assert counts.sound, "\n".join(counts.examples)
    assert counts.inputs == 300 and counts.taken > 10


FILES = [(Folders, 120), (Netcdf, 40), (Results, 10), (Checkpoints, 300)]
"""So many inputs as take less than 2 s; fewer than 300 where an input is a folder, or a NetCDF file."""


@pytest.mark.parametrize(("kind", "count"), FILES)
def test_files_are_taken_or_refused_in_good_words(kind: type[Fuzzer], count: int, tmp_path: Path) -> None:
    counts = fuzz(kind(tmp_path), seed=0, count=count)
    assert counts.sound, "\n".join(counts.examples)
    assert counts.inputs == count


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Folders, Netcdf, Results])
def test_more_files_are_taken_or_refused_in_good_words(kind: type[Fuzzer], tmp_path: Path) -> None:
    counts = fuzz(kind(tmp_path), seed=1, count=300)
    assert counts.sound, "\n".join(counts.examples)
    assert counts.inputs == 300


def test_inputs_are_the_same_every_time(tmp_path: Path) -> None:
    import random

    for kind in (Specs, Equations):
        one = kind(tmp_path)
        assert [one.make(random.Random(k)) for k in range(9)] == [
            one.make(random.Random(k)) for k in range(9)
        ]


class Wrong(Fuzzer):
    """Does everything that a fuzzer looks for."""

    kind = "wrong"
    placed = True

    def make(self, rng: object) -> int:
        return len(self.kind)

    def take(self, made: int) -> None:
        import os

        os.system("true")
        raise KeyError("raw")


def test_what_is_wrong_is_counted(tmp_path: Path) -> None:
    counts = fuzz(Wrong(tmp_path), seed=0, count=2)
    assert (counts.inputs, counts.tracebacks, counts.executions, counts.sound) == (2, 2, 2, False)
    assert "KeyError" in counts.examples[0]
