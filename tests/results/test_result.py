"""A Result: its convention, labels, graph, encoder, storage."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from crlspec.errors import DataError, OutputExists, WriteError
from crlspec.result import Result, open_result


def test_latents_follow_the_convention_whatever_the_estimators_scale(toy, model):
    data = model.sample(1500, seed=1)
    ways = (np.diag([-2.0, 0.3, 5.0, 1.0]), np.diag([1.0, -1.0, -1e-3, 40.0]))
    results = [Result.from_estimate(toy.toy_estimate(model, way), data, observational="obs") for way in ways]
    for one in results:
        z = one.latents["obs"]["z_hat"].values
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-10)
        np.testing.assert_allclose(z.var(axis=0), 1)
        largest = one.mixing.values[np.abs(one.mixing.values).argmax(axis=0), range(4)]
        assert (largest > 0).all()
    np.testing.assert_allclose(results[0].mixing, results[1].mixing)
    np.testing.assert_allclose(
        results[0].diagnostics["score_differences"], results[1].diagnostics["score_differences"], atol=1e-12
    )
    np.testing.assert_allclose(results[0].stages[-1].encoder.matrix, results[0].encoder.linear.matrix)


def test_strengths_are_magnitudes(toy, model):
    estimate = toy.toy_estimate(model)
    signed = tuple(dataclasses.replace(edge, strength=-edge.strength) for edge in estimate.edges)
    found = Result.from_estimate(
        dataclasses.replace(estimate, edges=signed), model.sample(50), observational="obs"
    )
    assert [edge.strength for edge in found.edges] == [0.5, 0.5, 0.5]


def test_decoding_the_latents_gives_the_observations_back(result, model):
    x = model.sample(50, seed=3)["hard_z2"]["x"]
    back = (result.encoder(x) @ result.mixing) + result.encoder.offset
    xr.testing.assert_allclose(back.transpose("sample", "observed"), x)


def test_latents_are_labelled_in_every_environment(result, model):
    assert set(result.latents.children) == set(model.environments)
    z = result.latents["hard_z3"]["z_hat"]
    assert z.dims == ("sample", "latent")
    assert list(z["latent"].values) == ["z1", "z2", "z3", "z4"]


def test_dag_keeps_isolated_nodes_and_roles(result):
    dag = result.dag
    assert set(dag.nodes()) == {"z1", "z2", "z3", "z4"}
    assert set(dag.edges()) == {("z1", "z2"), ("z2", "z3"), ("z1", "z3")}
    assert set(dag.get_role("recovered")) == {"z1", "z2", "z3", "z4"}
    assert not dag.latents


def test_dag_json_and_dot(result, toy):
    told = json.loads(result.dag_json())
    assert [node["name"] for node in told["nodes"]] == ["z1", "z2", "z3", "z4"]
    assert told["edges"][0] == {
        "from": "z1",
        "to": "z2",
        "strength": 0.5,
        "unit": "standard deviations of the effect for one of the cause",
        "p_value": 1e-20,
        "interval": None,
    }
    unknown = dataclasses.replace(
        result, estimate=dataclasses.replace(result.estimate, edges=(toy.Edge("z1", "z2", np.nan, np.nan),))
    )
    assert json.loads(unknown.dag_json())["edges"][0]["p_value"] is None
    assert '"z4";' in result.dag_dot()
    assert '"z1" -> "z2"' in result.dag_dot()


def test_encoder_takes_arrays_and_labelled_data(result, model):
    tree = model.sample(20, seed=4)
    x = tree["obs"]["x"]
    z = result.encoder(x)
    np.testing.assert_allclose(result.encoder(x.values), z)
    shuffled = x.isel(observed=[3, 1, 0, 2, 6, 5, 4]).transpose("observed", "sample")
    xr.testing.assert_allclose(result.encoder(shuffled), z)
    extra = xr.concat([x, x.isel(observed=[0]).assign_coords(observed=["other"])], "observed", join="exact")
    xr.testing.assert_allclose(result.encoder(extra), z)
    labelled = x.assign_coords(sample=np.arange(20) * 10)
    assert list(result.encoder(labelled)["sample"].values[:2]) == [0, 10]
    xr.testing.assert_allclose(result.encoder(tree)["obs"]["z_hat"], z)
    xr.testing.assert_allclose(result.encoder(tree["obs"].to_dataset())["z_hat"], z)


def test_encoder_passes_missing_values_on_row_by_row(result, model):
    x = model.sample(5, seed=4)["obs"]["x"].values.copy()
    x[2, 0] = np.nan
    assert np.isnan(result.encoder(x).values).all(axis=1).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.isel(observed=slice(5)), "lack x6, x7"),
        (lambda x: x.rename(observed="gene"), "no dimension 'observed'"),
        (lambda x: x.values[:, :3], "have 3 observed variables, the encoder takes 7"),
        (lambda x: x.values[0], "dimensions"),
        (lambda x: x.to_dataset(name="y"), "no variable 'x'"),
        (lambda x: xr.DataTree(), "no environment"),
        (lambda x: x.isel(observed=[0, 0, 1, 2, 3, 4, 5, 6]), "twice"),
    ],
)
def test_encoder_refuses_other_variables_in_words(result, model, change, words):
    with pytest.raises(DataError, match=words) as caught:
        result.encoder(change(model.sample(5, seed=4)["obs"]["x"]))
    assert caught.value.remedy


def _same(one: Result, other: Result) -> None:
    for field in (
        "order",
        "edges",
        "tested",
        "absent_edges",
        "graph",
        "status",
        "names",
        "environment_of",
        "observed",
    ):
        assert getattr(one, field) == getattr(other, field)
    assert (one.identified, one.provenance) == (other.identified, other.provenance)
    assert one.estimate.seconds == other.estimate.seconds
    xr.testing.assert_equal(one.mixing, other.mixing)
    xr.testing.assert_equal(one.encoder.matrix, other.encoder.matrix)
    for name, node in one.latents.children.items():
        xr.testing.assert_equal(node.to_dataset(), other.latents[name].to_dataset())
    assert set(one.diagnostics) == set(other.diagnostics)
    for key, array in one.diagnostics.items():
        xr.testing.assert_equal(array, other.diagnostics[key])
    for a, b in zip(one.stages, other.stages, strict=True):
        assert (a.name, a.order, a.edges, a.seconds, a.note) == (b.name, b.order, b.edges, b.seconds, b.note)
        assert (a.encoder is None) == (b.encoder is None)
        if a.encoder is not None:
            np.testing.assert_array_equal(a.encoder.matrix, b.encoder.matrix)


def test_round_trip_through_netcdf(result, model, tmp_path):
    opened = open_result(result.save(tmp_path / "new" / "run.nc"))
    _same(result, opened)
    xr.testing.assert_identical(result.evaluate(model, 500), opened.evaluate(model, 500))
    assert result.citation() == opened.citation() == "@article{toy}"


def with_absences(result, toy):
    """z1 → z4 open, z2 → z4 excluded, z3 → z4 without a power."""
    absent = (toy.AbsentEdge("z1", "z4", 0.2, False), toy.AbsentEdge("z2", "z4", 0.125, True))
    return dataclasses.replace(result, estimate=dataclasses.replace(result.estimate, absent=absent))


def test_absent_edges_are_kept_and_told(result, toy, tmp_path):
    found = with_absences(result, toy)
    assert found.absent_edges == (*found.estimate.absent, toy.AbsentEdge("z3", "z4"))
    opened = open_result(found.save(tmp_path / "run.nc"))
    _same(found, opened)
    assert json.loads(opened.dag_json())["absent"] == [
        {"source": "z1", "target": "z4", "detectable": 0.2, "claimed": False},
        {"source": "z2", "target": "z4", "detectable": 0.125, "claimed": True},
        {"source": "z3", "target": "z4", "detectable": None, "claimed": False},
    ]
    assert str(opened).splitlines()[-2].strip() == (
        "1 of 3 absent edges is excluded above 0.12; 1 is open: z1 → z4 could be up to 0.2; 1 without a power "
        "calculation"
    )
    assert set(opened.dag.edges()) == {("z1", "z2"), ("z2", "z3"), ("z1", "z3")}
    assert "z4" not in opened.dag_dot().split('"z4";')[1]


def test_absent_edges_follow_names_and_the_order_of_latents(toy, model):
    estimate = toy.toy_estimate(model)
    backwards = tuple(toy.AbsentEdge(a, "z4", 0.3, True) for a in ("z3", "z2", "z1"))
    estimate = dataclasses.replace(estimate, absent=backwards)
    found = Result.from_estimate(estimate, model.sample(50), observational="obs")
    assert [edge.pair for edge in found.estimate.absent] == [("z1", "z4"), ("z2", "z4"), ("z3", "z4")]
    turned = estimate.renamed(
        {"z1": "d", "z2": "c", "z3": "b", "z4": "a"}, {e: e for e in model.environments}
    )
    assert [edge.pair for edge in turned.absent_edges] == [("d", "a"), ("c", "a"), ("b", "a")]
    assert all(edge.claimed for edge in turned.absent_edges)


def test_absent_edges_were_tested_and_not_found(toy, model):
    estimate = toy.toy_estimate(model)
    for pair in (("z1", "z2"), ("z4", "z1")):
        with pytest.raises(ValueError, match="were not tested, or were found"):
            dataclasses.replace(estimate, absent=(toy.AbsentEdge(*pair, 0.1),))


def test_a_file_from_before_absences_were_kept_claims_none(result, tmp_path):
    path = result.save(tmp_path / "run.nc")
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        old = tree.load()
    del old.attrs["digest"]  # nor was their content digested
    old["graph"] = old["graph"].to_dataset().drop_vars(["detectable", "claimed_absent"])
    old.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    opened = open_result(tmp_path / "old.nc")
    assert {(edge.detectable, edge.claimed) for edge in opened.absent_edges} == {(None, False)}
    assert "no power calculation: nothing is said of the three absent edges" in str(opened)


def test_round_trip_of_a_bare_result(toy, model, tmp_path):
    estimate = dataclasses.replace(toy.toy_estimate(model), edges=(), tested=(), stages=(), diagnostics={})
    bare = Result.from_estimate(estimate, model.sample(50), observational="obs")
    _same(bare, open_result(bare.save(tmp_path / "bare.nc")))


def test_the_file_opens_without_crlspec(result, tmp_path):
    tree = xr.open_datatree(result.save(tmp_path / "run.nc"), engine="h5netcdf")
    assert json.loads(tree.attrs["crlspec"])["provenance"]["seeds"] == {"compile": 0, "solve": 2}
    assert tree["latents/obs"]["z_hat"].sizes == {"sample": 1500, "latent": 4}
    tree.close()


def test_saving_is_whole_or_not_at_all(result, tmp_path, monkeypatch):
    path = result.save(tmp_path / "run.nc")
    before = path.read_bytes()
    with pytest.raises(OutputExists):
        result.save(path)

    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crlspec.disk.write.os.fsync", broken)
    with pytest.raises(WriteError) as full:
        result.save(path, force=True)
    assert full.value.message == f"disk full: {path} cannot be written (No space left on device)."
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["run.nc"]


def test_opening_what_is_no_result_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_result(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        open_result(tmp_path / "text.nc")
    xr.Dataset({"x": 1.0}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="holds no result"):
        open_result(tmp_path / "other.nc")


def test_printing(result):
    assert repr(result).startswith("<Result: 4 latents, 3 edges (exact), 7 observed, 5 environments, ok")
    assert "z1 -> z2" in str(result)
    assert "up to scaling" in str(result)


def test_data_without_observational_environment(toy, model):
    tree = xr.DataTree.from_dict({"a": model.sample(20)["obs"].to_dataset()})
    with pytest.raises(DataError, match="observational"):
        Result.from_estimate(toy.toy_estimate(model), tree)


def test_results_import_neither_torch_nor_pgmpy():
    code = (
        "import sys, crlspec.results.record, crlspec.inference.estimate, crlspec.numerics.graphs, "
        "crlspec.report.report; "
        "sys.exit(bool({'torch', 'pyro', 'pgmpy', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
