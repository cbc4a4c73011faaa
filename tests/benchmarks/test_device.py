"""The benchmark of devices: within its time, on from where it was, and parity that says when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import device as bench
import pytest

SOLVED = {"seconds": 2.0, "mcc": 0.99, "shd": 1}
SCORE = {"seconds": 0.1, "ratio": 1.1, "difference": 1e-14}


def arguments(tmp_path: Path, *more: str):
    return bench.parsed(["--out", str(tmp_path / "rows.csv"), "--specs", "a", "--scored", "10", *more])


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


@pytest.mark.slow
def test_a_tiny_run_prints_its_rows(tmp_path):
    call = [
        sys.executable, bench.__file__, "--device", "cpu", "--specs", "linear/hard-5", "--scored", "1000", "--set",
        "samples=500", "--out", tmp_path / "rows.csv",
    ]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert "in parity" in done.stdout, done.stdout + done.stderr
    rows = bench.rows_of(tmp_path / "rows.csv")
    assert [row["name"] for row in rows] == ["score 1000 x 10", "linear/hard-5"]
    json.dumps(rows)
