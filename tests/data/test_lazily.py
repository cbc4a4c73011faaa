"""Data that stay where they are: the same values, findings and preparations as in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crlspec.data import Problem, from_arrays, lazily, provenance_of, read_data, write_data
from crlspec.data.prepare import prepared
from crlspec.data.write_parts import rows_in_part, write_parts
from crlspec.errors import CrlspecError, DataError
from crlspec.numerics.rows import Rows
from crlspec.spec.setting import Setting
from tests.data.test_labelled import DIMS, flat, grouped, padded

SETTING = Setting("linear", "single-node", "hard", ("a", "b"), "obs", ("do_a", "do_b"))


@pytest.fixture
def stay(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every table of a file stays there, however small."""
    monkeypatch.setattr(lazily, "LARGE", 0)
    return monkeypatch


@pytest.mark.parametrize("layout", [flat, padded, grouped])
@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_layouts_agree_where_tables_stay(arrays, tmp_path: Path, stay, layout, kind: str) -> None:
    data, path = layout(arrays), tmp_path / f"assay.{kind}"
    data = data.to_dataset(name="expression") if isinstance(data, xr.DataArray) else data
    data.to_netcdf(path, engine="h5netcdf") if kind == "nc" else data.to_zarr(path, zarr_format=2)
    tree = read_data(path, variable="expression", dims=DIMS, observational="obs")
    stay.setattr(lazily, "LARGE", 2**28)
    whole = read_data(path, variable="expression", dims=DIMS, observational="obs")
    for name in arrays:
        assert isinstance(tree[name]["x"].data, Rows)
        assert isinstance(whole[name]["x"].data, np.ndarray)
        xr.testing.assert_identical(tree[name]["x"].compute(), whole[name]["x"])


def _broken(arrays: dict[str, np.ndarray], fault: str) -> dict[str, np.ndarray]:
    found = {name: values.copy() for name, values in arrays.items()}
    if fault == "not finite":
        found["do_a"][7, 2] = np.nan
        found["do_a"][9, 2] = np.inf
    elif fault == "constant":
        found["do_b"][:, 1] = 3.0
    elif fault == "twins":
        found["do_b"] = found["do_a"].copy()
    elif fault == "few":
        found["do_b"] = found["do_b"][:4]
    return found


@pytest.mark.parametrize("fault", ["not finite", "constant", "twins", "few"])
def test_findings_are_those_of_arrays(arrays, tmp_path: Path, stay, fault: str) -> None:
    tree = from_arrays(_broken(arrays, fault))
    path = write_data(tree, tmp_path / "x.zarr")
    said = []
    for large in (0, 2**28):
        stay.setattr(lazily, "LARGE", large)
        with pytest.raises(DataError) as caught:
            Problem.from_data(read_data(path), SETTING)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("wanted", [
    {"transform": ["standardise"]}, {"transform": ["log1p", "standardise"], "components": 3}, {"components": 2},
    {"variables": ["x3", "x1"]},
])  # fmt: skip
def test_preparations_are_those_of_arrays(arrays, tmp_path: Path, stay, wanted) -> None:
    path = write_data(from_arrays({name: np.exp(x) for name, x in arrays.items()}), tmp_path / "x.zarr")
    found = []
    for large in (0, 2**28):
        stay.setattr(lazily, "LARGE", large)
        found.append(prepared(read_data(path, **wanted)))
    here, there = found
    for name in arrays:
        assert isinstance(here.tree[name]["x"].data, Rows)
        xr.testing.assert_allclose(here.tree[name]["x"].compute(), there.tree[name]["x"], rtol=1e-9)
    if there.components is not None and here.components is not None:
        assert here.components.share == pytest.approx(there.components.share, rel=1e-9)
        np.testing.assert_allclose(here.components.noise, there.components.noise, rtol=1e-7, atol=1e-12)


def test_rows_with_missing_cells_are_left_out_where_they_stay(arrays, tmp_path: Path, stay) -> None:
    path = write_data(from_arrays(_broken(arrays, "not finite")), tmp_path / "x.zarr")
    found = []
    for large in (0, 2**28):
        stay.setattr(lazily, "LARGE", large)
        found.append(read_data(path, missing="drop-rows"))
    here, there = found
    assert isinstance(here["do_a"]["x"].data, Rows)
    assert provenance_of(here)["reading"] == provenance_of(there)["reading"]
    xr.testing.assert_identical(here["do_a"]["x"].compute(), there["do_a"]["x"])


def test_a_problem_in_memory_is_refused_where_it_does_not_fit(arrays, tmp_path: Path, stay) -> None:
    path = write_data(from_arrays(arrays), tmp_path / "x.zarr")
    problem = Problem.from_data(read_data(path), SETTING)
    assert problem.rows_bytes == 8 * 4 * 100
    whole = problem.in_memory("estimator: {kind: ropes}")
    assert whole.rows_bytes == 0
    assert all(np.array_equal(whole.samples[name], arrays[name]) for name in arrays)
    stay.setattr("crlspec.data.memory.free_bytes", lambda: 1000)
    with pytest.raises(CrlspecError) as caught:
        problem.in_memory("estimator: {kind: ropes}")
    told = "need about 0.0 MB of memory, and 0.0 MB are free."
    assert (
        caught.value.message == f"The observations, which estimator: {{kind: ropes}} takes in memory, {told}"
    )


def test_a_store_written_in_parts_is_the_one_written_at_once(arrays, tmp_path: Path) -> None:
    truth = {name: x[:, :2] * 2 for name, x in arrays.items()}
    tree = from_arrays(arrays, truth=truth, provenance={"seed": 4})
    at_once = read_data(write_data(tree, tmp_path / "once.zarr"))
    parts = (
        (name, {"x": x[first : first + 8], "z": truth[name][first : first + 8]})
        for name, x in arrays.items()
        for first in range(0, len(x), 8)
    )
    names = {"observed": ["x1", "x2", "x3", "x4"], "latent": ["z1", "z2"]}
    notes = {"seed": 4, "observational": "obs"}
    path = write_parts(tmp_path / "parts.zarr", parts, names, notes, environments=list(arrays), rows=8)
    in_parts = read_data(path)
    assert provenance_of(in_parts) == provenance_of(at_once)
    assert list(in_parts.children) == list(at_once.children)
    for name in arrays:
        xr.testing.assert_identical(in_parts[name].to_dataset(), at_once[name].to_dataset())
    with pytest.raises(DataError, match="only a Zarr store is written part by part"):
        write_parts(tmp_path / "x.nc", [], names, notes, environments=[], rows=8)
    assert rows_in_part(100) == 10485


def test_parts_that_fail_leave_nothing(arrays, tmp_path: Path) -> None:
    def parts():
        yield "obs", {"x": arrays["obs"]}
        raise RuntimeError("no more")

    names = {"observed": ["x1", "x2", "x3", "x4"]}
    with pytest.raises(RuntimeError, match="no more"):
        write_parts(tmp_path / "x.zarr", parts(), names, {}, environments=["obs"], rows=50)
    assert list(tmp_path.iterdir()) == []


def test_large_parquet_files_are_read_by_row_groups(arrays, tmp_path: Path, stay) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    for name, x in arrays.items():
        frame = pd.DataFrame(x, columns=["b", "a", " c", "d"])
        frame.to_parquet(tmp_path / f"{name}.parquet", row_group_size=8, index=False)
    tree = read_data(tmp_path)
    stay.setattr(lazily, "LARGE", 2**28)
    whole = read_data(tmp_path)
    for name in arrays:
        rows = tree[name]["x"].data
        assert isinstance(rows, Rows) and rows.chunk == 8
        assert np.array_equal(rows[5:19], whole[name]["x"].values[5:19])
        xr.testing.assert_identical(tree[name]["x"].compute(), whole[name]["x"])


def test_arrays_of_dask_stay_chunked_whatever_their_size(arrays) -> None:
    pytest.importorskip("dask.array")
    given = {
        name: xr.DataArray(x, dims=("sample", "observed")).chunk({"sample": 8}) for name, x in arrays.items()
    }
    tree = from_arrays(given)
    for name, x in arrays.items():
        rows = tree[name]["x"].data
        assert isinstance(rows, Rows) and rows.chunk == 8
        assert np.array_equal(np.asarray(rows), x)
