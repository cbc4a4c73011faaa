"""The benchmark of devices: within its time, on from where it was, and parity that says when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import busy
import device as bench
import pytest

SOLVED = {"seconds": 2.0, "mcc": 0.99, "shd": 1}
SCORE = {"seconds": 0.1, "ratio": 1.1, "difference": 1e-14}


def arguments(tmp_path: Path, *more: str):
    return bench.parsed(
        ["--out", str(tmp_path / "rows.csv"), "--specs", "a", "--scored", "10", "--swept", "", *more]
    )


def test_rows_are_kept_and_those_that_are_missing_are_run_next(tmp_path, monkeypatch, capsys):
    asked = []

    def child(_, name, device, seconds):
        asked.append((name, device))
        return SCORE if name.startswith("score") else SOLVED if len(asked) > 3 else "stopped"

    monkeypatch.setattr(bench, "child", child)
    monkeypatch.setattr(bench, "named", lambda device: f"{device} (here)")
    given = arguments(tmp_path, "--device", "cuda")
    assert bench.within_the_time(given) == 2
    assert asked == [("score 10 x 10", "cuda"), ("a", "cuda"), ("a", "cpu")]
    assert bench.within_the_time(given) == 0
    assert asked[3:] == [("a", "cuda"), ("a", "cpu")]
    assert "cuda (here)  2 s  MCC 0.990, SHD 1" in capsys.readouterr().out


def test_nothing_is_started_when_the_time_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "child", lambda *_: pytest.fail("started"))
    assert bench.within_the_time(arguments(tmp_path, "--device", "cpu", "--seconds", "1")) == 2


@pytest.mark.parametrize(("mcc", "agree"), [("0.985", True), ("0.9", False)])
def test_parity(tmp_path, mcc, agree):
    rows = [
        {"name": "a", "device": "cuda (x)", "set": "", "seconds": "2", "mcc": mcc, "shd": "1", "difference": ""},
        {"name": "a", "device": "cpu (8)", "set": "", "seconds": "9", "mcc": "0.99", "shd": "1", "difference": ""},
    ]  # fmt: skip
    (line,), found = bench.compared(rows, arguments(tmp_path))
    assert found is agree and "4.50 times as fast" in line and ("NOT" in line) is not agree


def test_scores_that_differ_fail(tmp_path):
    row = {"name": "score 10 x 10", "device": "cuda (x)", "set": "", "difference": "1e-3"}
    assert bench.compared([row], arguments(tmp_path)) == ([], False)


def test_a_sweep_of_as_many_seeds_as_there_are_cores_is_held_against_that_of_the_device(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    given = arguments(tmp_path, "--device", "cuda", "--swept", "a", "--seeds", "20")
    assert list(bench.tasks(given))[-2:] == [("sweep a x 20", "cuda"), ("sweep a x 8", "cpu")]
    rows = [
        {
            "name": name,
            "device": device,
            "set": "",
            "seconds": s,
            "mcc": "0.99",
            "shd": "0.5",
            "difference": "",
        }
        for name, device, s in (("sweep a x 20", "cuda (x)", "1"), ("sweep a x 8", "cpu (8)", "25"))
    ]
    (line,), found = bench.compared(rows, given)
    assert found and line.startswith("sweep a") and "25.00 times as fast" in line


def test_the_device_is_busy_between_two_looks_of_one_training():
    looks = [(1.0, ""), (2.0, "encoder"), (3.0, "encoder"), (4.0, "edges"), (5.0, "edges"), (6.0, "")]
    samples = [(0.5, 0.0), (1.5, 0.0), (2.5, 80.0), (3.5, 0.0), (4.5, 60.0), (5.5, 0.0), (6.5, 0.0)]
    assert busy.Watch(looks, samples).share == pytest.approx(0.7)
    assert busy.Watch(looks).share is None


def test_a_training_that_is_not_captured_stands_in_its_row():
    watch = busy.Watch()
    watch.progress("graph: kernels are called one by one: it waits")
    row = {**SOLVED, "busy": 0.5, "uncaptured": "; ".join(watch.uncaptured)}
    assert bench.line("a", "cuda", row).endswith(
        "busy 50 % of its trainings (graph: kernels are called one by one: it waits)"
    )


def test_without_a_gpu_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(busy.subprocess, "Popen", lambda *_, **__: pytest.fail("asked"))
    with busy.watched(False) as watch:
        watch.progress("encoder", 1, 2, losses=object())
    assert watch.share is None


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for nvidia-smi")
def test_what_nvidia_smi_says_is_heard(tmp_path, monkeypatch):
    script = tmp_path / "says.sh"
    script.write_text("#!/bin/sh\nwhile true; do echo 75; sleep 0.01; done\n")
    monkeypatch.setattr(busy, "QUESTION", ("sh", str(script)))
    with busy.watched(True) as watch:
        end = time.monotonic() + 10
        while watch.share is None and time.monotonic() < end:
            watch.progress("encoder", 1, 2, losses=object())
            time.sleep(0.02)
    assert watch.share == 0.75


@pytest.mark.slow
def test_a_tiny_run_prints_its_rows(tmp_path):
    call = [
        sys.executable, bench.__file__, "--device", "cpu", "--specs", "linear/hard-5", "--scored", "1000", "--set",
        "samples=500", "--swept", "linear/hard-5", "--seeds", "2", "--out", tmp_path / "rows.csv",
    ]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert "in parity" in done.stdout, done.stdout + done.stderr
    rows = bench.rows_of(tmp_path / "rows.csv")
    assert [row["name"] for row in rows] == ["score 1000 x 10", "linear/hard-5", "sweep linear/hard-5 x 2"]
    json.dumps(rows)
