"""sweep: rows, resumption after a kill, tables, failures, exit statuses."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import crlspec
from tests.cli.conftest import Call

SMALL = ("--set", "samples=400")


def rows(folder: str | Path) -> list[dict[str, str]]:
    with (Path(folder) / "runs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_a_run_and_a_summary(call: Call, spec: Path) -> None:
    answer = call("sweep", spec, "--set", "samples=400,2000", "--seeds", 2, "--out", "out", "--progress")
    assert answer.status == 0, answer.err
    assert "100 %" in answer.err
    assert {entry.name for entry in Path("out").iterdir()} == {"runs.csv", "summary.csv", "summary.md"}
    found = pd.read_csv("out/runs.csv")
    assert sorted(zip(found["setting"], found["seed"], strict=True)) == [
        (f"samples={n}", seed) for n in (2000, 400) for seed in (0, 1)
    ]
    assert found["edges_true"].tolist() == ["a>b b>c"] * 4
    assert (found["true_closure"] == 3).all() and (found["cpu_seconds"] > 0).all()
    assert found[found["setting"] == "samples=2000"]["mcc"].min() > 0.9
    assert "| samples=2000 | 2 | 0 |" in answer.out
    assert answer.out.startswith(Path("out/summary.md").read_text(encoding="utf-8"))


def test_a_killed_sweep_goes_on_where_it_was(call: Call, spec: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "crlspec.cli",
        "sweep",
        str(spec),
        *SMALL,
        "--seeds",
        "1000",
        "--out",
        "out",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    path = tmp_path / "out" / "runs.csv"
    try:
        until = time.monotonic() + 120
        while not path.is_file() or path.read_bytes().count(b"\n") < 3:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    whole = path.read_bytes().rpartition(b"\n")[0] + b"\n"
    path.write_bytes(whole + b'small,0123456789ab,2,ok,"0.9')
    seeds = whole.count(b"\n") + 1
    assert call("sweep", spec, *SMALL, "--seeds", seeds, "--out", "out").status == 0
    assert path.read_bytes().startswith(whole)
    assert [int(row["seed"]) for row in rows("out")] == list(range(seeds))
    again = call("sweep", spec, *SMALL, "--seeds", seeds, "--out", "out")
    assert again.status == 0 and len(rows("out")) == seeds
    call("sweep", spec, *SMALL, "--seeds", 3, "--out", "fresh")
    timeless = [{k: v for k, v in row.items() if "seconds" not in k} for row in rows("out")[:3]]
    assert timeless == [{k: v for k, v in row.items() if "seconds" not in k} for row in rows("fresh")]


def test_runs_side_by_side_give_the_same_rows(call: Call, spec: Path) -> None:
    call("sweep", spec, *SMALL, "--seeds", 2, "--out", "one")
    assert call("sweep", spec, *SMALL, "--seeds", 2, "--jobs", 2, "--out", "two").status == 0

    def known(folder: str) -> list[tuple[str, ...]]:
        return sorted((row["seed"], row["mcc"], row["edges_found"]) for row in rows(folder))

    assert known("one") == known("two")


def test_a_failure_is_a_row(call: Call, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crlspec import solving

    whole = solving.solve

    def sometimes(*given: object, seed: int, **more: object) -> object:
        if seed == 1:
            raise ArithmeticError("the matrix\nis singular")
        return whole(*given, seed=seed, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(solving, "solve", sometimes)
    answer = call("sweep", spec, *SMALL, "--seeds", 3, "--out", "out")
    assert answer.status == 0
    failed = next(row for row in rows("out") if row["seed"] == "1")
    assert (failed["status"], failed["message"]) == ("failed", "ArithmeticError: the matrix is singular")
    assert failed["true_edges"] == "2" and failed["mcc"] == ""
    assert "| small | 3 | 1 |" in answer.out
    assert "1 failed (seed 1): ArithmeticError: the matrix is singular" in answer.out
    assert call("sweep", spec, *SMALL, "--first", 1, "--seeds", 1, "--out", "none").status == 4


def test_what_is_not_the_same_sweep_is_refused(
    call: Call, spec: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    assert call("sweep", spec, "--seeds", 1, "--out", "out").status == 0
    other = call("sweep", spec, *SMALL, "--seeds", 1, "--out", "out")
    assert other.status == 2 and "another spec under the name 'small'" in other.err
    assert call("sweep", spec, *SMALL, "--seeds", 1, "--out", "out", "--force").status == 0
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine", encoding="utf-8")
    full = call("sweep", spec, "--out", "full")
    assert full.status == 2 and "holds no runs.csv" in full.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), ["No spec is named"]),
        (("linear/hard-5", "--only", "n=5"), ["--only", "table"]),
        (("tables/recovery", "--only", "n=77"), ["n=77", "linear hard n=5 N=5k"]),
        (("tables/none",), ["tables/none", "neither a file nor a shipped table"]),
        (("linear/hard-5", "--set", "samples=10,x"), ["samples", "whole number"]),
        (("linear/hard-5", "--jobs", "0"), ["--jobs", "whole number"]),
    ],
)
def test_a_wrong_call_is_refused_before_any_run(call: Call, given: tuple[str, ...], words: list[str]) -> None:
    answer = call("sweep", *given)
    assert answer.status == 2
    assert all(word in answer.err for word in words), answer.err
    assert not Path("runs").exists()


def test_a_scheduler_needs_its_package(call: Call, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("joblib")
    monkeypatch.setattr("crlspec.studies.cluster.client.PATIENCE", 0.5)
    try:
        import distributed  # noqa: F401
    except ImportError:
        answer = call("sweep", spec, *SMALL, "--seeds", 1, "--scheduler", "tcp://localhost:1", "--out", "out")
        assert answer.status == 2 and "crlspec[dask]" in answer.err
    else:
        answer = call("sweep", spec, *SMALL, "--seeds", 1, "--scheduler", "tcp://localhost:1", "--out", "out")
        assert answer.status == 2 and "running scheduler" in answer.err


def test_a_table_prints_its_published_numbers(call: Call, spec: Path) -> None:
    Path("table.yaml").write_text(
        "table: 1\nname: mine\ntitle: My table\nsource: a paper\nseeds: 1\ncolumns: [shd, mcc]\nsettings:\n"
        "  - {name: one, spec: small.yaml, set: [samples=400], beside: {published: {shd: 1.5}}}\n"
        "  - {name: two, spec: small.yaml}\n",
        encoding="utf-8",
    )
    answer = call("sweep", "table.yaml")
    assert answer.status == 0, answer.err
    assert "# My table" in answer.out and "Beside: a paper" in answer.out
    assert "| setting | runs | failed | undecided | refuted | SHD | published SHD | MCC |" in answer.out
    assert len(rows("runs/mine-sweep")) == 2
    assert len(rows("runs/mine-sweep")) == 2
    assert call("sweep", "table.yaml", "--only", "two", "--out", "two").status == 0
    assert [row["setting"] for row in rows("two")] == ["two"]


def test_own_data_are_swept_without_a_truth(call: Call, own: Path) -> None:
    answer = call("sweep", own, "--seeds", 2, "--out", "out")
    assert answer.status == 0, answer.err
    assert all(row["status"] == "ok" and row["mcc"] == "" and row["edges_found"] for row in rows("out"))


def test_the_python_face_gives_a_table(spec: Path) -> None:
    found = crlspec.sweep(spec, seeds=2, first=3, vary={"samples": [400, 500]})
    assert found["samples"].tolist() == [400, 400, 500, 500]
    assert found["seed"].tolist() == [3, 4, 3, 4]
    means = crlspec.summary(found)
    assert means.loc["samples=400", "shd"] == pytest.approx(found["shd"][:2].mean())
