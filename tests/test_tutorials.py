"""The tutorials run, and the results that they promise are asserted in them."""

from __future__ import annotations

import ast
import os
import random
import runpy
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.inference.short import short_edges


def extras_of(path: Path) -> list[str]:
    """The packages that a tutorial imports and this environment lacks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    found += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [name for name in {one.partition(".")[0] for one in found} if find_spec(name) is None]


TUTORIALS = sorted((Path(__file__).parents[1] / "tutorials").glob("*.py"))
LONG = ("11_what_to_measure_next",)
"""What they show is tested faster elsewhere: ``tests/downstream/proposals``."""
NO_EDGES = ("06_robot_pose",)
"""They are about latents: their edges are cut short, but where each runs in a process of its own."""


@pytest.mark.usefixtures("own_rng")
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] if path.stem in LONG else []) for path in TUTORIALS],
    ids=lambda path: path.stem,
)
def test_a_tutorial_runs_and_its_assertions_hold(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\nassert " in path.read_text(encoding="utf-8"), "a tutorial asserts its results"
    if lacking := extras_of(path):
        pytest.skip(f"{', '.join(lacking)} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if path.stem in NO_EDGES:
        short_edges(monkeypatch)
    before = random.getstate(), np.random.get_state()  # noqa: NPY002  Pyro seeds both
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_in_a_process_of_its_own(path: Path, tmp_path: Path) -> None:
    if lacking := extras_of(path):
        pytest.skip(f"{', '.join(lacking)} is not installed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_tutorials_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:2]) for path in TUTORIALS] == [*range(1, len(TUTORIALS) + 1)]
