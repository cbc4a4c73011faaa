"""new, check, show, schema: the commands about specs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crlspec.spec.load import load, loads
from crlspec.spec.resolve import resolve
from tests.cli.conftest import SPEC, Call


@pytest.mark.parametrize("kind", ["designed", "equations", "data"])
def test_new_writes_a_spec_that_checks(call: Call, kind: str) -> None:
    assert call("new", "first.yaml", "--kind", kind).status == 0
    answer = call("check", "first.yaml")
    assert "Covered by the theory" in answer.out
    if kind == "data":  # the template names a folder that its reader has yet to make
        assert answer.status == 3
        assert "error: " in answer.out and "/data: there is no such file or folder." in answer.out
    else:
        assert answer.status == 0
    assert load("first.yaml").name == "first"


def test_new_copies_a_shipped_spec_and_never_overwrites_unasked(call: Call) -> None:
    assert call("new", "mine.yaml", "--from", "linear/hard-5").status == 0
    assert load("mine.yaml").latents == load("linear/hard-5").latents
    refused = call("new", "mine.yaml")
    assert (refused.status, "--force" in refused.err) == (2, True)
    assert call("new", "mine.yaml", "--force").status == 0
    assert call("new", "mine.txt").status == 2
    assert "linear/hard-5" in call("new", "other.yaml", "--from", "linear/hard-55").err
    assert not Path("other.yaml").exists()


def test_check_gives_verdict_and_issues_as_json(call: Call, spec: Path) -> None:
    answer = call("check", spec, "--json")
    told = json.loads(answer.out)
    assert answer.status == 0
    assert told["valid"]
    assert told["verdict"]["covered"]
    assert told["verdict"]["graph"] == "exact"
    assert told["issues"] == []


def test_check_says_file_line_and_column_of_every_error(call: Call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(SPEC.replace("hard", "herd").replace("samples: 4000", "samples: many"), encoding="utf-8")
    answer = call("check", bad)
    assert answer.status == 2
    assert f"{bad}:9:" in answer.err
    assert f"{bad}:10:" in answer.err
    assert "did you mean" in answer.err.lower()
    told = call("check", bad, "--json")
    issues = json.loads(told.out)["issues"]
    assert told.status == 2
    assert {issue["line"] for issue in issues} == {9, 10}
    assert all(issue["remedy"] and issue["column"] for issue in issues)


def test_check_takes_several_values_after_one_set(call: Call, spec: Path) -> None:
    assert call("check", "--set", "samples=10", "mixing.observed=7", spec).status == 0
    answer = call("check", spec, "--set", "samples=none")
    assert answer.status == 2
    assert "--set samples" in answer.err


@pytest.mark.parametrize(
    "argv",
    [
        ("check",),
        ("check", "nowhere.yaml"),
        ("check", "."),
        ("check", "a.yaml", "b.yaml"),
        ("run", "small.yaml", "--samples", "-1"),
        ("run", "small.yaml", "--seed", "x"),
        ("run", "small.yaml", "--device", "nowhere"),
        ("run", "small.yaml", "--plugin", "no_such_module"),
        ("sample", "small.yaml"),
        ("show", "small.yaml", "--set", "nothing"),
        ("transform", "nowhere.nc", "--data", "x.csv", "--out", "z.csv"),
        ("report", "nowhere"),
        ("replay", "nowhere"),
        ("sing",),
    ],
)
def test_a_wrong_call_has_exit_status_2_and_a_sentence(call: Call, spec: Path, argv: tuple[str, ...]) -> None:
    answer = call(*argv)
    assert answer.status == 2
    assert answer.err.strip()
    assert "unexpectedly" not in answer.err


def test_show_prints_the_resolved_spec(call: Call, spec: Path) -> None:
    answer = call("show", spec, "--seed", "3")
    assert answer.status == 0
    assert "intervenes on b" in answer.out
    drawn = loads(call("show", spec, "--seed", "3", "--yaml").out)
    assert drawn == resolve(load(spec), 3)
    assert loads(answer.out) == drawn


def test_show_without_a_spec_lists_what_is_shipped(call: Call) -> None:
    answer = call("show")
    assert answer.status == 0
    assert "linear/hard-5" in answer.out
    assert all(len(line.split(maxsplit=1)) == 2 for line in answer.out.splitlines())


def test_schema_is_json_schema_of_all_slots(call: Call, tmp_path: Path) -> None:
    told = json.loads(call("schema").out)
    assert {"latents", "scm", "mixing", "interventions", "data", "assume"} <= set(told["properties"])
    assert call("schema", "--out", "schema.json").status == 0
    assert json.loads((tmp_path / "schema.json").read_text(encoding="utf-8")) == told
