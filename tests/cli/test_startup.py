"""What a run loads: nothing heavy that it does not use."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec.cli.loading import loading

UNUSED = (
    "scipy.stats", "sympy", "torch._dynamo", "torch._inductor", "sklearn", "pgmpy", "joblib",
    "matplotlib", "PIL", "scipy.ndimage", "scipy.interpolate", "networkx", "crlspec.data.door",
    "crlspec.downstream.flexible", "crlspec.handlers.messenger", "crlspec.inference.encoders.image_code",
    "crlspec.inference.likelihood.flexible",
)  # fmt: skip
"""Loaded by no run of a linear-Gaussian spec, its report included."""

PROGRAM = """
import json, sys
from crlspec.cli import main
sys.argv = ["crlspec", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit as end:
    assert end.code in (None, 0, 4), end.code
print("LOADED", json.dumps(sorted(sys.modules)))
"""


def modules_of(call: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(call)],
        check=False, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.split("LOADED ")[1]))


@pytest.mark.parametrize("spec", ["linear/hard-5", pytest.param("linear/soft-5", marks=pytest.mark.slow)])
def test_a_run_with_its_report_loads_nothing_that_it_does_not_use(spec: str, tmp_path: Path) -> None:
    sizes = ["--samples", "600", "--set", "latents=3", "--set", "mixing.observed=6"]
    found = modules_of(["run", spec, *sizes, "--out", str(tmp_path / "run")])
    assert found.isdisjoint(UNUSED), sorted(found & set(UNUSED))
    assert (tmp_path / "run" / "report.html").is_file()


def test_checking_a_device_that_is_there_anyway_loads_no_torch() -> None:
    program = (
        "import sys; from crlspec.cli.call import refuse_device as check; check('cpu'); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert "torch" not in done.stdout.split()


def test_packages_are_kept_out_of_the_search_for_garbage_in_a_process_of_ones_own_alone() -> None:
    frozen = gc.get_freeze_count()
    with loading(alone=False):
        assert gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() == frozen
    try:
        with loading(alone=True):
            assert not gc.isenabled()
        assert gc.isenabled() and gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
