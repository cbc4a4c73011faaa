"""check --power: the table, JSON, refusals, resumption, and that a plain check loads no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call


def test_rates_beside_the_verdict(call: Call, spec: Path) -> None:
    answer = call("check", spec, "--power", "200,1000", "--seeds", 2, "--progress")
    assert answer.status == 0, answer.err
    assert "Theorem:" in answer.out and "| 1,000 |" in answer.out and "graph right" in answer.out
    assert "100 %" in answer.err


def test_json_holds_the_plan(call: Call, spec: Path) -> None:
    answer = call("check", spec, "--json", "--power", "300,200", "--seeds", 2)
    plan = json.loads(answer.out)["plan"]
    assert [line["samples"] for line in plan["rates"]] == [200, 300]
    assert plan["seeds"] == 2 and plan["promised"] == "graph_right"
    assert all(
        line["graph_right_low"] <= line["graph_right"] <= line["graph_right_high"] for line in plan["rates"]
    )
    assert "NaN" not in answer.out
    assert "plan" not in json.loads(call("check", spec, "--json").out)


def test_without_numbers_it_is_the_samples_of_the_spec(call: Call, spec: Path) -> None:
    for order in ((spec, "--power"), ("--power", spec)):
        answer = call("check", *order, "--seeds", 1, "--set", "samples=250")
        assert answer.status == 0, answer.err
        assert "| 250 |" in answer.out


@pytest.mark.parametrize("text", ["", "0", "100,", "1e3", "-5", "100,abc", "1.5", "²"])
def test_wrong_numbers_are_refused(call: Call, spec: Path, text: str) -> None:
    answer = call("check", spec, f"--power={text}")
    assert answer.status == 2
    assert "is not a whole number of 1 or more" in answer.err and "--power 1000,3000,10000" in answer.err


def test_runs_are_kept_and_gone_on_with(call: Call, spec: Path) -> None:
    first = call("check", spec, "--power", "200", "--seeds", 1, "--out", "kept")
    again = call("check", spec, "--power", "200", "--seeds", 2, "--out", "kept", "--progress")
    assert first.status == again.status == 0
    assert len(Path("kept/runs.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert call("check", spec, "--power", "200", "--out", spec).status == 2


def test_it_plans_for_own_data(call: Call, own: Path) -> None:
    answer = call("check", own, "--power", "500", "--seeds", 1)
    assert answer.status == 0, answer.err
    assert "the model is guessed" in answer.out


def test_no_result_at_all_is_no_success(call: Call, spec: Path) -> None:
    assert call("check", spec, "--power", "1", "--seeds", 1).status == 4


def test_what_no_estimator_can_take_is_refused(call: Call, spec: Path) -> None:
    sets = ("--set", "mixing.kind=glm", "interventions.kind=soft")
    answer = call("check", spec, "--power", "100", "--seeds", 1, *sets)
    assert answer.status == 2 and "no estimator takes this" in answer.err


def test_a_plain_check_loads_no_torch(spec: Path) -> None:
    code = (
        "import sys\nfrom crlspec.cli import main\n"
        f"assert main(['check', {str(spec)!r}]) == 0\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
