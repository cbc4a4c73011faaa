"""run and transform on somebody's own data: the whole flow, with an estimator that is told its answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crlspec.result import open_result
from crlspec.spec.load import load
from tests.cli.conftest import Call
from tests.reference.generator import Reference

FILES = {"result.nc", "spec.yaml", "run.log", "report.html", "dag.json", "dag.dot", "status.json"}


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_run_leaves_all_that_is_promised_and_no_metrics(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator(pictures=True)
    answer = call("run", own, "--seed", "4")
    folder = Path("runs/own-4")
    assert answer.status == 0, answer.err
    assert answer.err == (
        "own: linear mixing of 3 latents, hard single-node interventions, targets concealed, estimator lscale-i, "
        f"data of {own.parent / 'data'}.\n"
    )
    assert names_in(folder) == FILES
    assert names_in(Path("runs")) == {"own-4"}
    dag = json.loads((folder / "dag.json").read_text(encoding="utf-8"))
    assert [node["name"] for node in dag["nodes"]] == ["z1", "z2", "z3"]
    assert [node["environments"] for node in dag["nodes"]] == [["do_0"], ["do_1"], ["do_2"]]
    assert {len(node["variables"]) for node in dag["nodes"]} == {6}
    assert [set(edge) for edge in dag["edges"]] == [{"from", "to", "strength", "unit", "p_value", "interval"}]
    assert "all well" in answer.out
    assert str(folder) in answer.out
    log = (folder / "run.log").read_text(encoding="utf-8")
    assert all(stage in log for stage in ("reading data", "scores", "inference", "all well"))
    provenance = open_result(folder / "result.nc").provenance
    assert provenance["seeds"] == {"solve": 4}
    assert provenance["data"] == str(Path("data").resolve())
    assert {"crlspec", "torch", "python"} <= set(provenance["versions"])


def test_latents_are_called_in_the_order_of_their_environments(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    call("run", own)
    result = open_result("runs/own-0/result.nc")
    assert dict(result.environment_of) == {"z1": "do_0", "z2": "do_1", "z3": "do_2"}


@pytest.mark.parametrize("code", ["undecided", "refuted"])
def test_an_estimation_that_does_not_decide_exits_with_4_and_writes_everything(
    call: Call, own: Path, fixed_estimator: Callable[..., None], code: str
) -> None:
    fixed_estimator(code, "more components than latents", "declare more latents", pictures=True)
    answer = call("run", own, "--out", "out")
    assert answer.status == 4
    assert names_in(Path("out")) == FILES
    assert f"{code}: more components than latents" in answer.out
    assert "declare more latents" in answer.out
    assert open_result("out/result.nc").status.code == code


def test_a_used_folder_is_refused_and_replaced_by_force_alone(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    Path("out").mkdir()
    assert call("run", own, "--out", "out").status == 0
    Path("out/notes.txt").write_text("mine", encoding="utf-8")
    Path("out/metrics.json").write_text("{}", encoding="utf-8")
    before = Path("out/result.nc").read_bytes()
    refused = call("run", own, "--out", "out", "--seed", "1")
    assert refused.status == 2
    assert "--force" in refused.err
    assert Path("out/result.nc").read_bytes() == before
    assert call("run", own, "--out", "out", "--seed", "1", "--force").status == 0
    assert names_in(Path("out")) == FILES | {"notes.txt"}
    assert open_result("out/result.nc").provenance["seeds"] == {"solve": 1}
    assert call("run", own, "--out", "own.yaml").status == 2


def test_a_run_that_fails_late_leaves_nothing(
    call: Call, own: Path, fixed_estimator: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_estimator()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("crlspec.result.Result.report", full)
    before = names_in(Path())
    answer = call("run", own, "--out", "deep/out")
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == (
        "disk full: deep/out cannot be written (No space left on device). Remedy: Free some space, or choose another "
        "place. Nothing was left there."
    )
    assert names_in(Path()) == before


def test_the_resolved_spec_runs_again_by_itself(
    call: Call, own: Path, fixed_estimator: Callable[..., None], tmp_path: Path
) -> None:
    fixed_estimator()
    call("run", own, "--out", "out")
    shutil.copy("out/spec.yaml", "elsewhere.yaml")
    own.unlink()
    assert load("elsewhere.yaml").data.path == str(tmp_path / "data")  # type: ignore[union-attr]
    assert call("run", "elsewhere.yaml", "--out", "again").status == 0
    assert Path("again/dag.json").read_bytes() == Path("out/dag.json").read_bytes()
    answer = call("replay", "out")
    assert answer.status == 0
    assert "the same as" in answer.out
    assert names_in(Path("out-replay")) == FILES


def test_the_data_of_the_call_go_before_those_of_the_spec(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    shutil.move("data", "other")
    missing = call("run", own)
    assert missing.status == 3
    assert "data" in missing.err
    assert call("run", own, "--data", "other").status == 0
    assert call("run", own, "--samples", "10", "--out", "out").status == 2


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda lines: [lines[0], "nan" + lines[1][lines[1].index(",") :], *lines[2:]], "do_1.csv:2"),
        (lambda lines: [lines[0], *lines[1:4]], "do_1"),
        (lambda lines: [lines[0].replace("sensor_2", "other"), *lines[1:]], "sensor_2"),
        (lambda lines: [], "do_1.csv"),
    ],
    ids=["nan", "too few", "wrong name", "empty"],
)
def test_data_that_do_not_fit_exit_with_3_and_name_the_place(
    call: Call,
    own: Path,
    spoil: Callable[[list[str]], list[str]],
    named: str,
    fixed_estimator: Callable[..., None],
) -> None:
    fixed_estimator()
    path = Path("data/do_1.csv")
    path.write_text("\n".join(spoil(path.read_text(encoding="utf-8").splitlines())), encoding="utf-8")
    answer = call("run", own)
    assert answer.status == 3
    assert named in answer.err
    assert not Path("runs/own-0").exists()


def test_transform_applies_the_encoder_to_new_observations(
    call: Call, own: Path, fixed_estimator: Callable[..., None], reference: Reference
) -> None:
    fixed_estimator()
    call("run", own, "--out", "out")
    encoder = open_result("out/result.nc").encoder
    expected = encoder(reference.x["obs"]).values
    assert call("transform", "out/result.nc", "--data", "data/obs.csv", "--out", "z.csv").status == 0
    table = pd.read_csv("z.csv")
    assert list(table.columns) == ["z1", "z2", "z3"]
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-12)
    columns = pd.read_csv("data/obs.csv")
    columns[sorted(columns.columns, reverse=True)].to_csv("turned.csv", index=False)
    assert call("transform", "out", "--data", "turned.csv", "--out", "z.parquet").status == 0
    np.testing.assert_allclose(pd.read_parquet("z.parquet").to_numpy(), expected, atol=1e-12)
    assert call("transform", "out", "--data", "data", "--environment", "obs", "--out", "one.csv").status == 0
    assert Path("one.csv").read_bytes() == Path("z.csv").read_bytes()
    everything = call("transform", "out", "--data", "data", "--out", "all.csv")
    assert "rows 1-4000: environment do_0" in everything.out
    assert len(pd.read_csv("all.csv")) == 4 * 4000


def test_transform_refuses_what_does_not_fit(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    call("run", own, "--out", "out")
    pd.read_csv("data/obs.csv").drop(columns="sensor_3").to_csv("few.csv", index=False)
    lacking = call("transform", "out", "--data", "few.csv", "--out", "z.csv")
    assert (lacking.status, "sensor_3" in lacking.err) == (3, True)
    assert call("transform", "out", "--data", "data", "--environment", "no", "--out", "z.csv").status == 3
    assert call("transform", "out", "--data", "data/obs.csv", "--out", "z.txt").status == 2
    assert call("transform", "own.yaml", "--data", "data/obs.csv", "--out", "z.csv").status == 2
    assert not Path("z.csv").exists()
    Path("z.csv").write_text("mine", encoding="utf-8")
    assert call("transform", "out", "--data", "data/obs.csv", "--out", "z.csv").status == 2
    assert Path("z.csv").read_text(encoding="utf-8") == "mine"


def test_report_is_written_again(call: Call, own: Path, fixed_estimator: Callable[..., None]) -> None:
    fixed_estimator(pictures=True)
    call("run", own, "--out", "out")
    Path("out/report.html").unlink()
    assert call("report", "out").status == 0
    assert "</html>" in Path("out/report.html").read_text(encoding="utf-8")
    assert call("report", "out/result.nc", "--out", "here.html").status == 0
    assert Path("here.html").is_file()


def test_progress_is_shown_where_it_is_asked_for(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    answer = call("run", own, "--progress")
    assert "scores 50 %" in answer.err
    assert "\r" not in answer.err


def test_a_number_of_samples_is_refused_where_data_are_read(call: Call, own: Path) -> None:
    for more in ((), ("--data", "data")):
        refused = call("run", own, "--samples", 10, *more)
        assert refused.status == 2
        assert refused.err.startswith("--samples is for sampled data, and these are read.")
