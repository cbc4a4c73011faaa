"""sample and run where the spec declares the truth: real estimates, judged against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlspec.data import read_data
from crlspec.result import open_result
from crlspec.spec.load import load
from tests.cli.conftest import Call

FILES = {
    "result.nc",
    "spec.yaml",
    "run.log",
    "report.html",
    "dag.json",
    "dag.dot",
    "status.json",
    "metrics.json",
}
METRICS = [
    "mcc", "mcc_spearman", "r2", "shd", "shd_closure", "edge_precision", "edge_recall", "mixing_error", "score_error",
    "seconds",
]  # fmt: skip


def metrics_in(folder: str | Path) -> dict[str, object]:
    found = json.loads((Path(folder) / "metrics.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real run of the small spec, by the function that the shell calls."""
    from crlspec.cli import main
    from tests.cli.conftest import SPEC

    folder = tmp_path_factory.mktemp("truth")
    (folder / "small.yaml").write_text(SPEC, encoding="utf-8")
    assert main(["run", str(folder / "small.yaml"), "--samples", "20000", "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_a_run_recovers_the_truth_and_says_so(run_folder: Path) -> None:
    assert {entry.name for entry in run_folder.iterdir()} == FILES
    metrics = metrics_in(run_folder)
    assert list(metrics) == METRICS
    assert metrics["mcc"] > 0.99  # type: ignore[operator]
    assert metrics["shd"] == 0
    assert {"sample", "scores", "inference"} <= set(metrics["seconds"])  # type: ignore[call-overload]
    dag = json.loads((run_folder / "dag.json").read_text(encoding="utf-8"))
    assert [node["name"] for node in dag["nodes"]] == ["a", "b", "c"]
    assert [(edge["from"], edge["to"]) for edge in dag["edges"]] == [("a", "b"), ("b", "c")]


def test_a_run_remembers_its_seeds_and_its_truth(run_folder: Path, call: Call) -> None:
    result = open_result(run_folder / "result.nc")
    assert result.provenance["seeds"] == {"model": 0, "sample": 0, "solve": 0}
    assert result.provenance["truth"] is True
    answer = call("report", run_folder, "--out", "again.html")
    assert answer.status == 0, answer.err
    assert "</html>" in Path("again.html").read_text(encoding="utf-8")


def test_the_resolved_spec_gives_the_same_run_again(run_folder: Path, call: Call) -> None:
    answer = call("replay", run_folder, "--out", "again")
    assert answer.status == 0, answer.err
    assert "the same as" in answer.out
    assert Path("again/dag.json").read_bytes() == (run_folder / "dag.json").read_bytes()
    assert load("again/spec.yaml") == load(run_folder / "spec.yaml")


def test_own_data_are_recovered_without_a_truth(call: Call, own: Path) -> None:
    answer = call("run", own)
    assert answer.status == 0, answer.err
    assert not Path("runs/own-0/metrics.json").exists()
    assert len(json.loads(Path("runs/own-0/dag.json").read_text(encoding="utf-8"))["nodes"]) == 3


@pytest.mark.parametrize("out", ["data.nc", "folder"])
def test_sampled_data_run_as_if_sampled_by_the_run(
    call: Call, spec: Path, fixed_estimator: Callable[..., None], out: str
) -> None:
    fixed_estimator()
    assert call("sample", spec, "--seed", "7", "--out", out).status == 0
    assert call("sample", spec, "--seed", "7", "--out", out).status == 2
    assert call("run", spec, "--seed", "7", "--out", "direct").status == 0
    assert call("run", spec, "--seed", "7", "--data", out, "--out", "read").status == 0
    direct, read = metrics_in("direct"), metrics_in("read")
    del direct["seconds"], read["seconds"]
    assert direct == pytest.approx(read)


def test_data_remember_the_seed_of_their_truth(
    call: Call, spec: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    call("sample", spec, "--seed", "7", "--out", "folder")
    assert call("run", spec, "--seed", "1", "--data", "folder", "--out", "other").status == 0
    assert open_result("other/result.nc").provenance["seeds"] == {"model": 7, "sample": 7, "solve": 1}
    Path("folder/crlspec.json").unlink()
    strange = call("run", spec, "--seed", "1", "--data", "folder", "--out", "strange")
    assert strange.status == 3
    assert "not made by this spec with seed 1" in strange.err
    assert "--seed" in strange.err
    assert call("run", spec, "--seed", "7", "--data", "folder", "--out", "known").status == 0


def test_a_sampled_folder_has_a_table_for_each_environment(call: Call, spec: Path) -> None:
    assert call("sample", spec, "--samples", "50", "--out", "folder").status == 0
    tables = {path.stem: pd.read_csv(path) for path in Path("folder").glob("*.csv")}
    assert set(tables) == {"obs", "do_a", "do_b", "do_c"}
    assert all(list(table.columns) == [f"x{k}" for k in range(1, 7)] for table in tables.values())
    assert all(len(table) == 50 for table in tables.values())
    tree = read_data("folder")
    written = np.loadtxt("folder/do_a.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(tree["do_a"]["x"].values, written)


def test_a_spec_of_own_data_cannot_be_sampled(call: Call, own: Path) -> None:
    answer = call("sample", own, "--out", "new.nc")
    assert answer.status == 2
    assert "declares no model" in answer.err


def test_exact_scores_come_from_the_model(call: Call, spec: Path) -> None:
    answer = call("run", spec, "--set", "scores.kind=exact", "--out", "out")
    assert answer.status == 0, answer.err
    assert metrics_in("out")["score_error"] == pytest.approx(0, abs=1e-8)
