"""Data of every usual shape come through one door as the same DataTree; what is guessed is said, faults named."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import crlspec
from crlspec.data import environments_of, observational_of, provenance_of, read_data
from crlspec.data.prepare import prepared
from crlspec.errors import DataError, WrongType
from tests.data.door import ENVIRONMENTS, cells, frame, samples

ORDER = ["KO a", "KO b", "KO c", "control"]
READ = {"environment": "condition", "observational": "control"}


def same(tree: xr.DataTree, given: dict[str, np.ndarray]) -> None:
    assert list(environments_of(tree)) == ORDER
    assert observational_of(tree) == "control"
    for name, x in given.items():
        assert [str(one) for one in tree[name]["x"]["observed"].values] == ["g1", "g2", "g3", "g4"]
        np.testing.assert_array_equal(np.sort(tree[name]["x"].values, axis=0), np.sort(x, axis=0))


@pytest.mark.parametrize(
    "shape", ["csv", "tsv", "txt", "gz", "parquet", "frame", "semicolons", "h5ad", "sparse", "anndata"]
)
def test_one_table_in_every_shape_is_the_same_data(tmp_path: Path, shape: str) -> None:
    given, path = samples(), tmp_path / f"one.{shape}"
    table = frame(given)
    if shape in ("h5ad", "sparse", "anndata"):
        pytest.importorskip("anndata")
        path = tmp_path / "one.h5ad"
        made = cells(given, path, sparse=shape == "sparse")
        same(read_data(made if shape == "anndata" else path, **READ), given)
        return
    if shape == "frame":
        same(read_data(table, **READ), given)
        return
    if shape == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    elif shape == "gz":
        path = tmp_path / "one.csv.gz"
        path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    else:
        path = tmp_path / "one.csv" if shape == "semicolons" else path
        mark = {"tsv": "\t", "txt": " ", "semicolons": ";"}.get(shape, ",")
        table.to_csv(path, index=False, sep=mark, decimal="," if shape == "semicolons" else ".")
    tree = read_data(path, **READ)
    same(tree, given)
    said = {
        "semicolons": ["one.csv: columns are separated by semicolons, decimals by commas."],
        "txt": ["one.txt: columns are separated by blanks."],
    }
    assert provenance_of(tree).get("reading", []) == said.get(shape, [])


def test_mappings_and_xarray_objects_too() -> None:
    given = samples()
    for one in (
        given,
        {name: pd.DataFrame(x, columns=["g1", "g2", "g3", "g4"]) for name, x in given.items()},
    ):
        tree = read_data(one, observational="control")
        assert list(environments_of(tree)) == list(ENVIRONMENTS)
        np.testing.assert_array_equal(tree["KO b"]["x"].values, given["KO b"])
    table = frame(given)
    flat = xr.DataArray(
        table[["g1", "g2", "g3", "g4"]].to_numpy(), dims=("sample", "observed"),
        coords={"observed": ["g1", "g2", "g3", "g4"], "condition": ("sample", table["condition"].to_numpy(object))},
    )  # fmt: skip
    assert set(environments_of(read_data(flat, environment="condition"))) == set(ENVIRONMENTS)


def test_a_folder_of_tables_of_other_separators_and_packed(tmp_path: Path) -> None:
    given = samples()
    for (name, x), (suffix, mark) in zip(
        given.items(), ((".csv", ","), (".tsv", "\t"), (".csv.gz", ","), (".txt", ";")), strict=True
    ):
        table = pd.DataFrame(x, columns=["g1", "g2", "g3", "g4"])
        table.to_csv(tmp_path / f"{name}{suffix}", index=False, sep=mark)
    tree = read_data(tmp_path, observational="control")
    assert list(environments_of(tree)) == ["KO a", "KO b", "KO c", "control"]
    np.testing.assert_array_equal(tree["KO b"]["x"].values, given["KO b"])
    assert provenance_of(tree)["reading"] == ["KO c.txt: columns are separated by semicolons."]
    (tmp_path / "KO d.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(
        DataError, match=r"KO d\.csv: this link leads nowhere\. Remedy: Mend the link, or take it away\."
    ):
        read_data(tmp_path)


def test_an_index_is_taken_for_one_and_said_so(tmp_path: Path) -> None:
    table = frame(samples())
    table.to_csv(tmp_path / "one.csv")
    tree = read_data(tmp_path / "one.csv", **READ)
    same(tree, samples())
    assert provenance_of(tree)["reading"] == [
        "one.csv: the first column has no name and is taken for the index of the rows."
    ]
    named = table.set_axis([f"cell{k}" for k in range(len(table))]).to_csv(sep="\t").removeprefix("\t")
    (tmp_path / "r.tsv").write_text(named)  # as R writes it: the header lacks the first cell
    same(read_data(tmp_path / "r.tsv", **READ), samples())


def test_text_is_refused_with_every_file_named_and_left_out_where_it_is_asked_for(tmp_path: Path) -> None:
    for name, x in samples().items():
        table = pd.DataFrame(x, columns=["g1", "g2", "g3", "g4"]).assign(donor="d1")
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_data(tmp_path, observational="control")
    lines = caught.value.message.splitlines()
    assert [line.rsplit("/", 1)[-1] for line in lines] == [
        f"{name}.csv:2: column 'donor' holds text ('d1'), not numbers." for name in ORDER
    ]
    assert caught.value.remedy == (
        "Leave it out: data: {variables: {drop: [donor]}}. Or name the columns that are observed: data: {variables: "
        "[a, b]}."
    )
    for how in ({"drop": ["donor"]}, {"variables": ["g1", "g2", "g3", "g4"]}):
        same(read_data(tmp_path, observational="control", **how), samples())  # type: ignore[arg-type]


def test_missing_cells_are_refused_by_line_and_dropped_by_row_where_it_is_asked_for(tmp_path: Path) -> None:
    table = frame(samples())
    table.loc[3, "g2"] = np.nan
    path = tmp_path / "one.csv"
    table.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        read_data(path, **READ)
    assert caught.value.message == f"{path}:5: column 'g2': the cell is empty."
    assert "data: {missing: drop-rows}" in str(caught.value.remedy)
    tree = read_data(path, missing="drop-rows", **READ)
    name = table.loc[3, "condition"]
    assert tree[name].sizes["sample"] == 59
    assert provenance_of(tree)["reading"] == [f"1 rows with missing cells were left out ({name} 1)."]
    path.write_text(path.read_text() + "1.5,2\n")
    with pytest.raises(DataError, match=r"one\.csv:242: the row has 2 cells, the header 5\."):
        read_data(path, missing="drop-rows", **READ)


@pytest.mark.parametrize(
    ("options", "message", "remedy"),
    [
        (
            {},
            "nothing says which environment a row belongs to; its columns of text are condition.",
            "Name the column: data: {environment: condition}; in Python environment=. Or give a folder with a file "
            "for each environment.",
        ),
        (
            {"environment": "guide"},
            "there is no column 'guide' for the environments; there are g1, g2, g3, g4, condition.",
            "Name the column in data.environment.",
        ),
        (
            {"environment": "condition", "variables": ["g1", "g22"]},
            "there is no column g22 (did you mean 'g2'?).",
            "Name columns of the table in data.variables.",
        ),
    ],
)
def test_what_one_table_lacks_is_said(
    tmp_path: Path, options: dict[str, Any], message: str, remedy: str
) -> None:
    path = tmp_path / "one.csv"
    frame(samples()).to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        read_data(path, **options)
    assert caught.value.message == f"{path}: {message}"
    assert caught.value.remedy == remedy


def test_a_layer_is_read_and_what_an_anndata_lacks_is_said(tmp_path: Path) -> None:
    pytest.importorskip("anndata")
    given, path = samples(), tmp_path / "cells.h5ad"
    cells(given, path)
    twice = read_data(path, layer="twice", **READ)
    np.testing.assert_allclose(
        np.sort(twice["KO a"]["x"].values, axis=0), 2 * np.sort(given["KO a"], axis=0), rtol=1e-15
    )
    assert str(twice["KO a"]["x"]["sample"].values[0]).startswith("cell")
    for options, words in (
        ({"environment": "guide"}, "there is no obs['guide']; there are condition, batch."),
        ({"environment": "condition", "layer": "raw"}, "there is no layer 'raw'; its layers are twice."),
        (
            {"environment": "condition", "variables": ["g9"]},
            "there is no variable g9; there are g1, g2, g3, g4.",
        ),
        ({}, "nothing says which environment a cell belongs to; obs has condition, batch."),
    ):
        with pytest.raises(DataError) as caught:
            read_data(path, **options)  # type: ignore[arg-type]
        assert caught.value.message == f"{path}: {words}"
        assert caught.value.remedy


def test_a_file_of_another_kind_is_answered_with_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.xlsx").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        read_data(tmp_path / "one.xlsx")
    assert str(caught.value) == (
        f"{tmp_path / 'one.xlsx'}: cannot tell how to read a '.xlsx' file. Remedy: Give a NetCDF (.nc), Zarr (.zarr) "
        "or AnnData (.h5ad) file, one table (.csv, .tsv, .txt, .parquet; .gz) with a column of environments, or a "
        "folder with a table or images for each environment."
    )
    with pytest.raises(
        DataError, match=r"one\.csv: there is no such file or folder\. Did you mean .*one\.xlsx\?"
    ):
        read_data(tmp_path / "one.csv")


def test_transforms_are_done_in_their_order_and_undone() -> None:
    counts = {name: np.round(np.exp(x / 2)) for name, x in samples().items()}
    tree = read_data(counts, observational="control", transform=["log1p", "standardise"])
    ready = prepared(tree)
    assert ready.transform is not None
    pooled = np.concatenate([ready.tree[name]["x"].values for name in counts])
    np.testing.assert_allclose(pooled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(pooled.std(axis=0), 1)
    x = counts["KO a"]
    np.testing.assert_allclose(ready.transform.undone(ready.transform(x)), x, atol=1e-9)
    with pytest.raises(DataError, match=r"log1p has no value for -"):
        prepared(read_data(samples(), observational="control", transform="log1p"))
    with pytest.raises(
        DataError, match=r"There is no transform 'sqrt'\. Remedy: Choose of log1p, standardise\."
    ):
        read_data(counts, transform="sqrt")


@pytest.mark.parametrize("rows", [20, 300])
def test_components_are_orthonormal_and_hold_all_that_lies_in_their_span(rows: int) -> None:
    given = samples(rows=rows, variables=90)
    ready = prepared(read_data(given, observational="control"), (), 3)
    assert ready.components is not None
    directions = ready.components.directions
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-10)
    assert ready.components.share == pytest.approx(1)
    x = given["KO a"]
    np.testing.assert_allclose(ready.components.mean + ready.components(x) @ directions, x, atol=1e-9)
    np.testing.assert_allclose(ready.tree["KO a"]["x"].values, ready.components(x))
    with pytest.raises(DataError, match="95 components are more than"):
        prepared(read_data(given, observational="control"), (), 95)


def test_wrong_kinds_are_answered_with_what_to_write() -> None:
    spec = crlspec.load("linear/hard-5")
    for call, words in (
        (
            lambda: crlspec.solve("linear/hard-5", {}),  # type: ignore[arg-type]
            "Got the text 'linear/hard-5' for a spec. Remedy: Write crlspec.solve(crlspec.load('linear/hard-5'), "
            "data).",
        ),
        (
            lambda: crlspec.solve({}, spec),  # type: ignore[arg-type]
            "Got a dict for a spec, and the spec for the data. Remedy: Turn them: crlspec.solve(spec, data).",
        ),
        (
            lambda: crlspec.solve(spec, None),
            "Got no data. Remedy: Write crlspec.solve(spec, data), or crlspec.read_data(path) for the data.",
        ),
        (
            lambda: crlspec.compile("linear/hard-5"),  # type: ignore[arg-type]
            "Got the text 'linear/hard-5' for a spec. Remedy: Write crlspec.compile(crlspec.load('linear/hard-5'), "
            "seed=0).",
        ),
        (
            lambda: crlspec.loads({"latents": 3}),  # type: ignore[arg-type]
            "Got a dict for the text of a spec. Remedy: Write crlspec.loads(yaml.safe_dump(it)), or give YAML.",
        ),
        (
            lambda: crlspec.from_arrays(np.eye(3)),  # type: ignore[arg-type]
            "Got an array of shape (3, 3) for the arrays of environments. Remedy: Give them by environment: "
            'crlspec.from_arrays({"obs": x, "do_a": y}).',
        ),
    ):
        with pytest.raises(WrongType) as caught:
            call()  # type: ignore[no-untyped-call]
        assert str(caught.value) == words
        assert isinstance(caught.value, TypeError) and caught.value.exit_code == 2
    with pytest.raises(
        WrongType, match=r"Got an array of shape \(3, 3\) for data\. Remedy: Give the path of "
    ):
        crlspec.solve(spec, np.eye(3))
    with pytest.raises(DataError, match=r"Environment 'a': 4 columns where 'obs' has 3\."):
        crlspec.from_arrays({"obs": np.zeros((10, 3)), "a": np.zeros((10, 4))})


def test_whatever_is_read_is_solved_alike() -> None:
    text = """
latents: 3
data: {path: nowhere.csv, environment: condition, observational: control}
assume: {mixing: linear, interventions: {design: single-node, kind: hard, targets: concealed}}
"""
    spec, given = crlspec.loads(text), samples(rows=1500)
    first = crlspec.solve(spec, frame(given))
    tree = read_data(frame(given), **READ)
    assert crlspec.solve(spec, tree).dag_json() == first.dag_json()
    assert crlspec.solve(spec, tree).provenance["digest"] == first.provenance["digest"]
    assert first.targeted_by("z1") == ("KO a",)
