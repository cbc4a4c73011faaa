"""From data as they come to a result that names genes and conditions: the journeys of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crlspec
from crlspec.spec.load import load
from tests.cli.conftest import Call
from tests.data.door import cells, frame, samples


def noisy(rows: int, variables: int, noise: float = 0.3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {name: x + noise * rng.normal(size=x.shape) for name, x in samples(rows, variables).items()}


def test_cells_go_from_a_file_to_latents_beside_them_by_three_commands(call: Call, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    cells(noisy(1200, 60), tmp_path / "cells.h5ad", sparse=True)
    new = call("new", "screen.yaml", "--data", "cells.h5ad")
    assert new.out == (
        "cells.h5ad: 4 environments of 1,200 rows, 60 variables.\n"
        "screen.yaml is written. Next: crlspec check screen.yaml\n"
    )
    spec = load("screen.yaml")
    assert spec.latents_from == "environments"
    assert spec.data is not None and spec.assume is not None
    assert (spec.data.environment, spec.data.observational, spec.data.components) == (
        "condition",
        "control",
        3,
    )
    assert (spec.assume.interventions.design, spec.assume.interventions.kind) == ("single-node", "hard")
    run = call("run", "screen.yaml", "--out", "run")
    assert run.status == 0, run.out
    assert "a graph of three edges" in run.out
    assert "KO_a ← KO a  g" in run.out
    assert "4 environments of 1,200 samples; 3 components (" in run.out
    done = call("transform", "run", "--data", "cells.h5ad", "--out", "latents.h5ad")
    assert done.out == (
        "latents.h5ad is written: 4,800 cells, their latents KO_a, KO_b, KO_c in obsm['X_crlspec'], names, "
        "environments and provenance in uns['crlspec'].\n"
    )
    before, after = anndata.read_h5ad("cells.h5ad"), anndata.read_h5ad("latents.h5ad")
    np.testing.assert_array_equal(before.X.toarray(), after.X.toarray())
    result = crlspec.open_result("run")
    np.testing.assert_allclose(after.obsm["X_crlspec"], result.encoder(before.X.toarray()).values)
    np.testing.assert_array_equal(result.annotate(before).obsm["X_crlspec"], after.obsm["X_crlspec"])
    assert list(after.uns["crlspec"]["latents"]) == ["KO_a", "KO_b", "KO_c"]
    assert json.loads(after.uns["crlspec"]["environments"])["KO_a"] == ["KO a"]
    page = Path("run/report.html").read_text(encoding="utf-8")
    strongest = result.loadings("KO_a")[0].variable
    assert "KO a" in page and strongest in page and str(result.provenance["digest"]) in page


def test_a_spec_is_written_for_one_table_with_what_a_person_must_decide(call: Call, tmp_path: Path) -> None:
    table = frame(samples(200), "guide").assign(donor="d1", row=1.0, g4=lambda one: one["g4"].abs().round())
    table["row"] = np.arange(len(table))
    table.loc[7, "g2"] = np.nan
    table.to_csv(tmp_path / "screen.tsv", index=False, sep="\t")
    assert call("new", "screen.yaml", "--data", "screen.tsv").status == 0
    text = Path("screen.yaml").read_text(encoding="utf-8")
    assert "  environment: guide\n" in text
    assert "  variables: {drop: [donor, row]}\n" in text
    assert "  # donor: text; row: counts the rows\n" in text
    assert "  missing: drop-rows    # DECIDE: 1 rows miss a cell, and would be left out\n" in text
    assert "components" not in text
    checked = call("check", "screen.yaml")
    assert checked.status == 0, checked.out
    assert (
        "data     " + str(tmp_path / "screen.tsv") + ": 4 environments of 4 variables, 49.8 rows"
        in checked.out
    )
    assert "control      200 rows  without intervention" in checked.out
    assert "note: 1 rows with missing cells were left out (" in checked.out
    assert checked.out.endswith("The data fit the spec.\n")
    told = json.loads(call("check", "screen.yaml", "--json").out)["data"]
    assert told["environments"]["KO a"] + told["environments"]["KO b"] in (399, 400)
    assert told["fault"] is None


def test_environments_in_twos_and_names_without_a_control_are_noticed(call: Call, tmp_path: Path) -> None:
    given = samples(200)
    (tmp_path / "data").mkdir()
    for name, x in zip(("base1", "a_lo", "a_hi", "b_lo"), given.values(), strict=True):
        pd.DataFrame(x, columns=list("wxyz")).to_csv(tmp_path / "data" / f"{name}.csv", index=False)
    assert call("new", "one.yaml", "--data", "data").status == 0
    assert "DECIDE: which environment has no intervention?" in Path("one.yaml").read_text(encoding="utf-8")
    (tmp_path / "data" / "base1.csv").rename(tmp_path / "data" / "control.csv")
    pd.DataFrame(given["KO a"], columns=list("wxyz")).to_csv(tmp_path / "data" / "b_hi.csv", index=False)
    assert call("new", "two.yaml", "--data", "data").status == 0
    text = Path("two.yaml").read_text(encoding="utf-8")
    assert "    design: coupled " in text and "    pairs: [[a_hi, a_lo], [b_hi, b_lo]]\n" in text
    alone = call("new", "three.yaml", "--data", "data/control.csv")
    assert alone.status == 3
    assert "control.csv: no column tells environments apart" in alone.err


def test_many_variables_and_few_rows_are_answered_with_components(call: Call, tmp_path: Path) -> None:
    given = noisy(300, 400)
    (tmp_path / "data").mkdir()
    for name, x in given.items():
        table = pd.DataFrame(x, columns=[f"g{k}" for k in range(400)])
        table.to_csv(tmp_path / "data" / f"{name}.csv", index=False)
    Path("own.yaml").write_text(
        "latents: 3\ndata: {path: data, observational: control}\n"
        "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}\n"
    )
    refused = call("run", "own.yaml")
    assert refused.status == 3
    assert "300 samples of 400 observed variables are too few to tell the variables apart." in refused.err
    assert "data: {components: 3}" in refused.err
    run = call("run", "own.yaml", "--set", "data.components=3", "--out", "run")
    assert run.status in (0, 4)
    assert "3 principal components" in run.err
    dag = json.loads(Path("run/dag.json").read_text(encoding="utf-8"))
    assert {name for name, _, _ in dag["nodes"][0]["variables"]} <= {f"g{k}" for k in range(400)}
    assert crlspec.open_result("run").mixing.shape == (400, 3)


def test_transform_keeps_the_rows_of_one_table_in_their_order(call: Call, tmp_path: Path) -> None:
    table = frame(samples(1500))
    table.to_csv(tmp_path / "one.csv", index=False)
    Path("own.yaml").write_text(
        "latents: 3\ndata: {path: one.csv, environment: condition, observational: control, transform: standardise}\n"
        "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}\n"
    )
    assert call("run", "own.yaml", "--out", "run").status == 0
    result = crlspec.open_result("run")
    table.loc[2, "g1"] = np.nan
    table.to_csv(tmp_path / "new.csv", index=False)
    assert call("transform", "run", "--data", "new.csv", "--out", "z.csv").status == 0
    z = pd.read_csv("z.csv")
    assert len(z) == len(table) and z.loc[2].isna().all() and z.notna().sum().min() == len(table) - 1
    np.testing.assert_allclose(
        z.to_numpy()[5], result.encoder(table[["g1", "g2", "g3", "g4"]].to_numpy()).values[5]
    )
    one = result.latents["KO a"]["z_hat"].values
    assert (
        call("transform", "run", "--data", "one.csv", "--environment", "KO a", "--out", "a.csv").status == 0
    )
    np.testing.assert_allclose(pd.read_csv("a.csv").to_numpy(), one, atol=1e-12)
    back = result.reconstruct(result.transform(table[["g1", "g2", "g3", "g4"]].to_numpy()[10:20])).values
    np.testing.assert_allclose(back[:, :3].std(axis=0).max() < 20, True)


def test_run_show_and_stability_speak_json(call: Call, spec: Path) -> None:
    shown = json.loads(call("show", spec, "--json").out)
    assert shown["latents"] == ["a", "b", "c"]
    assert "linear/hard-5" in json.loads(call("show", "--json").out)
    told = json.loads(call("run", spec, "--out", "run", "--json").out)
    assert told["status"] in ("ok", "undecided") and told["folder"] == "run"
    assert [node["name"] for node in told["nodes"]] == ["a", "b", "c"] and "mcc" in told["metrics"]
