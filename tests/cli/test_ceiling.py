"""The command ``ceiling`` and the option of ``run``: tables, JSON, files, exit statuses and what is refused."""

from __future__ import annotations

import json

import pytest

import crlspec
from crlspec.results.ceiling import Ceiling
from crlspec.results.yardsticks import Yardsticks
from tests.inference.short import short_networks

FEW = ("--samples", 150)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Networks that stay near their start, the linear regression: the mixings are linear."""
    short_networks(monkeypatch)


def test_a_table_and_a_file(call, spec, tmp_path):
    told = call("ceiling", spec, *FEW, "--labels", "20,50", "--out", "there")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith(
        "ceiling  a supervised perceptron network on 570 labelled rows, judged on 30 others of 'obs'\n"
    )
    assert "Every latent is seen: R² 0.9 or more." in told.out
    assert told.out.endswith("in there: ceiling.json\n")
    kept = Ceiling.open(tmp_path / "there" / "ceiling.json")
    assert [one.labels for one in kept.fewer] == [20, 50]
    again = call("ceiling", spec, *FEW, "--labels", "20,50", "--out", "there")
    assert again.status == 2
    assert again.err.startswith("there exists and is not empty.")
    as_json = call("ceiling", spec, *FEW, "--labels", "20,50", "--out", "there", "--force", "--json")
    values = json.loads(as_json.out)
    assert Ceiling.from_values(values) == kept
    assert values["hidden"] == []


def test_a_folder_with_truth_is_read(call, spec, own):
    assert call("sample", spec, *FEW, "--out", "drawn").status == 0
    assert call("ceiling", spec, "--data", "drawn", "--json").status == 0
    told = call("ceiling", spec, "--data", "drawn", *FEW)
    assert told.status == 2
    assert told.err.startswith("--samples is for sampled data, and these are read.")


def test_without_truth_it_is_a_wrong_call(call, own):
    for command in (("ceiling", own), ("run", own, "--ceiling")):
        told = call(*command)
        assert told.status == 2
        assert "The true latents of environment 'obs' are not known; expected true latents" in told.err
        assert "Remedy: Give a spec that declares a model (scm: or equations, and mixing:)" in told.err


def test_labels_that_are_not_there(call, spec):
    told = call("ceiling", spec, *FEW, "--labels", "9999")
    assert told.status == 3
    assert told.err.startswith("9999 labels were asked for, and 5 to 570 can be given.")
    assert call("ceiling", spec, "--labels", "10,x").status == 2
    told = call("run", spec, "--labels", "10")
    assert told.status == 2
    assert told.err.startswith("--labels says what --ceiling tries, which is not there.")


@pytest.fixture
def half_shown(tmp_path):
    """A spec whose third latent drowns in the noise of the observations."""
    path = tmp_path / "half.yaml"
    path.write_text(
        "crlspec: 1\nname: half\nlatents: [a, b, c]\nscm:\n  graph: []\n"
        "  mechanism: {kind: linear}\n  noise: {kind: normal, variance: 1}\n"
        "mixing: {kind: linear, observed: 4, noise: 0.05,\n"
        "  matrix: [[1, 0, 0.08], [0, 1, 0], [1, 1, 0], [1, -1, 0]]}\n"
        "interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}\n"
        "samples: 150\nscores: {kind: gaussian}\n"
    )
    return path


def test_a_run_with_yardsticks_keeps_and_prints_them(call, half_shown, fixed_estimator, tmp_path):
    fixed_estimator("ok", "Decided.")
    told = call("run", half_shown, "--yardsticks", "--labels", "20", "--out", "out")
    assert told.status == 0, told.err
    assert "principal components" in told.out and "log ratios alone" in told.out
    assert "c is hidden: R² below 0.9." in told.out
    kept = Yardsticks.from_values(json.loads((tmp_path / "out" / "yardsticks.json").read_text()))
    result = crlspec.open_result(tmp_path / "out")
    assert result.yardsticks() == kept
    assert Ceiling.open(tmp_path / "out" / "ceiling.json") == kept.ceiling


def test_a_run_names_what_nobody_sees_and_claims_nothing_of_it(call, half_shown, fixed_estimator, tmp_path):
    fixed_estimator("ok", "Decided.")
    told = call("run", half_shown, "--ceiling", "--labels", "20", "--out", "out")
    assert told.status == 0, told.err
    assert "nothing is claimed of 'c'" in told.out
    assert "Nothing is claimed of 'c' and its edges, since the observations do not show it." in told.out
    assert "c is hidden: R² below 0.9." in told.out
    kept = Ceiling.open(tmp_path / "out" / "ceiling.json")
    assert kept.hidden == ("c",)
    result = crlspec.open_result(tmp_path / "out")
    assert result.ceiling() == kept
    checks = json.loads((tmp_path / "out" / "status.json").read_text())["checks"]
    assert [one["latents"] for one in checks if one["name"] == "ceiling"] == [["c"]]
    again = call("replay", "out", "--out", "again")
    assert again.status == 0, again.err
    assert Ceiling.open(tmp_path / "again" / "ceiling.json") == kept
