"""The benchmark of images: within its time, on from where it was, and rows that say what they mean."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pixels
import pytest
import xarray as xr

import crlspec
from tests.results import toy

ROW = {
    "mcc": 0.9, "mcc_spearman": 0.95, "ceiling": 0.99, "share": 0.92, "shd": 1, "true_edges": 2, "error": 0.2,
    "degrees": math.nan, "supervised_200": 0.1, "status": "undecided", "seconds": 3.0, "cpu_seconds": 2.0,
}  # fmt: skip


def arguments(tmp_path: Path, *more: str):
    return pixels.parsed(["--out", str(tmp_path / "rows.csv"), "--specs", "a", "b", "--seeds", "2", *more])


def test_profiles_follow_the_device(tmp_path):
    assert arguments(tmp_path).profile == "quick"
    assert arguments(tmp_path, "--device", "cuda").profile == "full"
    assert arguments(tmp_path, "--device", "cuda", "--profile", "quick").profile == "quick"


def test_a_row_is_kept_as_its_run_ends_and_never_run_again(tmp_path, monkeypatch, capsys):
    asked = []

    def child(_, spec, seed, seconds):
        asked.append((spec, seed))
        return "stopped" if len(asked) == 3 else ROW

    monkeypatch.setattr(pixels, "child", child)
    given = arguments(tmp_path)
    assert pixels.within_the_time(given, "here") == 2
    assert asked == [("a", 9000), ("b", 9000), ("a", 9001)]
    assert pixels.within_the_time(given, "here") == 0
    assert asked[3:] == [("a", 9001), ("b", 9001)]
    assert pixels.within_the_time(given, "elsewhere") == 0, "another device is another row"
    assert len(asked) == 9
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "a                  seed 9000  MCC 0.900 (rank 0.950)  ceiling 0.990  share 0.920  SHD 1 of 2  20 labels "
        "0.200 sd (supervised on 200: 0.100)  undecided  3 s, 2 CPU s  here"
    )
    assert told[2] == "a                  seed 9001  stopped"


def test_a_run_that_fails_is_said_and_the_next_one_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pixels, "child", lambda _, spec, *rest: "KeyError: no" if spec == "a" else ROW)
    given = arguments(tmp_path, "--seeds", "1")
    assert pixels.within_the_time(given, "here") == 0
    assert "KeyError: no" in capsys.readouterr().out
    assert [row["spec"] for row in pixels.rows_of(Path(given.out))] == ["b"]


def test_nothing_is_started_when_the_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "child", lambda *_: pytest.fail("started"))
    assert pixels.within_the_time(arguments(tmp_path, "--seconds", "1"), "here") == 4


def test_a_process_that_outlasts_its_time_is_stopped(tmp_path, monkeypatch):
    def run(call, **options):
        raise subprocess.TimeoutExpired(call, options["timeout"])

    monkeypatch.setattr(subprocess, "run", run)
    assert pixels.child(arguments(tmp_path), "a", 1, 2.0) == "stopped"


def test_the_calibrated_error_is_of_rows_without_label():
    model = toy.toy_model()
    data = model.sample(300, seed=1)
    exact = crlspec.Result.from_estimate(toy.toy_estimate(model), data, observational="obs")
    found = pixels.calibrated_error(exact, data, 0)
    assert set(found) == set(model.latents)
    assert max(found.values()) < 0.02
    shuffled = data.copy()
    node = data["obs"].to_dataset()
    broken = node["z"].values[np.random.default_rng(0).permutation(300)]
    shuffled["obs"] = xr.DataTree(node.assign(z=(node["z"].dims, broken)))
    assert min(pixels.calibrated_error(exact, shuffled, 0).values(), default=1.0) > 0.3


@pytest.mark.slow
def test_a_tiny_run_prints_a_row(tmp_path):
    script = Path(pixels.__file__)
    sets = (
        "samples=300",
        "mixing.size=16",
        "estimator.steps=30",
        "estimator.restarts=1",
        "estimator.encoder.code=8",
    )
    call = [
        sys.executable, script, "--seconds", "500", "--specs", "robot/arm-3", "--seeds", "1", "--out",
        tmp_path / "rows.csv", *(text for one in sets for text in ("--set", one)),
    ]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "robot/arm-3        seed 9000  MCC 0." in done.stdout, done.stdout + done.stderr
    again = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "seed 9000" not in again.stdout
    (row,) = pixels.rows_of(tmp_path / "rows.csv")
    assert row["device"].startswith("cpu") and 0 < float(row["share"]) < 1.2
    json.dumps(row)
