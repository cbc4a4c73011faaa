"""A package of somebody else, installed from its wheel: its families are as good as those that come along."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.errors import SpecError
from tests.cli.conftest import Answer
from tests.plugins.conftest import Shell, written

BEYOND = "no theorem covers the estimator roots-first in this setting"
SAID = BEYOND.capitalize()[:1] + BEYOND[1:]


@pytest.fixture(scope="module")
def call(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The command line where the package is installed."""
    shell = Shell(written(tmp_path_factory.mktemp("calls")), site)
    yield shell
    shell.close()


@pytest.fixture(scope="module")
def ran(call: Shell) -> Answer:
    """A run of the spec that declares all three families, into the folder ``run``."""
    return call("run", "acme.yaml", "--seed", 3, "--out", "run")


def test_a_spec_that_declares_all_three_runs_and_is_undecided_at_best(call: Shell, ran: Answer) -> None:
    assert ran.status == 4
    assert f"status   undecided: {SAID}. Its answer may be wrong whatever the data say." in ran.out
    assert f"warning: acme.yaml:12:19: estimator.kind: {BEYOND}. Remedy: leave estimator out" in ran.err
    metrics = json.loads((call.folder / "run" / "metrics.json").read_text())
    assert metrics["mcc"] > 0.99
    assert metrics["shd"] == 0


def test_its_result_is_opened_where_the_package_is_not(call: Shell, ran: Answer) -> None:
    result = crlspec.open_result(call.folder / "run")
    assert result.status.code == "undecided"
    assert {edge.pair for edge in result.edges} == {("a", "b"), ("b", "c")}
    assert result.identified["covered"] is False
    assert [one["assumption"] for one in result.identified["missing"]] == ["method"]
    assert "plugins" not in result.provenance
    assert result.provenance["packages"] == {"acme-crl": "1.2.3"}
    with pytest.raises(SpecError, match="unknown mechanism kind 'average'"):
        crlspec.loads(result.provenance["spec"])


def test_its_result_is_reported_compared_exported_and_replayed(call: Shell, ran: Answer) -> None:
    assert call("report", "run", "--out", "again.html").status == 0
    assert "roots-first" in (call.folder / "again.html").read_text()
    with_truth = call("compare", "run")
    assert "SHD 0" in with_truth.out and "edges: 2 both" in with_truth.out
    assert '"a" -> "b"' in call("export", "run").out
    replayed = call("replay", "run", "--out", "second")
    assert replayed.status == 4
    assert "The graph is the same as in" in replayed.out
    with_another = json.loads(call("compare", "run", "second", "--json").out)
    assert with_another["shd"] == 0


def test_its_encoder_transforms_new_observations(call: Shell, ran: Answer) -> None:
    assert call("sample", "acme.yaml", "--seed", 5, "--samples", 100, "--out", "new.nc").status == 0
    assert call("transform", "run", "--data", "new.nc", "--environment", "obs", "--out", "z.csv").status == 0
    with (call.folder / "z.csv").open() as file:
        names, *rows = csv.reader(file)
    result = crlspec.open_result(call.folder / "run")
    x = crlspec.read_data(call.folder / "new.nc")["obs"]["x"]
    assert names == ["a", "b", "c"]
    np.testing.assert_allclose(np.array(rows, dtype=float), result.encoder(x).values, atol=1e-9)


def test_on_ones_own_data_it_has_to_be_allowed_and_is_undecided_at_best(call: Shell, ran: Answer) -> None:
    assert call("sample", "acme.yaml", "--seed", 3, "--out", "data.nc").status == 0
    refused = call("run", "own.yaml", "--out", "own")
    assert refused.status == 2
    assert refused.err.strip() == (
        f"own.yaml:9:19: estimator.kind: {BEYOND}. Remedy: leave estimator out; or say assume: {{beyond_theory: "
        "true}, and its answer is undecided at best."
    )
    allowed = call("run", "own.yaml", "--set", "assume.beyond_theory=true", "--out", "own")
    assert allowed.status == 4
    assert f"status   undecided: {SAID}" in allowed.out
    assert "edges    the graph: 2 of 3 tested pairs" in allowed.out


def test_what_the_package_breaks_is_named_with_a_remedy(call: Shell) -> None:
    absent = call("run", "acme.yaml", "--set", "estimator.kind=not-there", "--out", "none")
    assert absent.status == 2
    assert (
        "the estimator 'not-there' is installed but cannot be loaded: acme_crl.nowhere:NotThere of the package "
        "acme-crl 1.2.3: ModuleNotFoundError: No module named 'acme_crl.nowhere'. "
        "Remedy: mend or reinstall the package that brings it."
    ) in absent.err
    foreign = call("run", "acme.yaml", "--set", "estimator.kind=no-estimator", "--out", "none")
    assert foreign.status == 2
    assert foreign.err.splitlines()[-1] == (
        "estimator: the class collections:Counter of estimator 'no-estimator' is no dataclass that inherits "
        "crlspec.inference.base.Estimator. Remedy: mend the package of acme_crl.faulty, which declares it, or choose "
        "another kind."
    )
    assert not (call.folder / "none").exists()


def test_the_schema_lists_its_kinds(call: Shell) -> None:
    schema = json.loads(call.once("schema").out)["$defs"]
    assert {"AverageMechanism", "ShrunkScores", "RootsFirst"} <= set(schema)
