"""What is written is, object for object, what h5netcdf writes of the same tree."""

from __future__ import annotations

import io
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from packaging.version import Version
from xarray.backends import H5NetCDFStore

from crlspec.disk.netcdf import netcdf

FLAT = xr.Dataset(
    {
        "real": (("a", "b"), np.array([[1.5, np.nan, -0.0, 2], [3, 4, 5, np.inf]]), {"meaning": "of é"}),
        "single": ("a", np.array([1, 2], dtype="f4")),
        "count": ("b", np.arange(4), {"_FillValue": -1, "units": "m"}),
        "byte": (("b", "a"), np.ones((4, 2), dtype=np.uint8)),
        "flag": ("a", np.array([True, False])),
        "text": ("a", np.array(["yé", ""])),
        "object": ("a", np.array(["p", "q"], dtype=object)),
        "bytes": ("a", np.array([b"ab", b"c"])),
        "number": 1.5,
        "word": "alone",
    },
    coords={"a": ["k", "l"], "label": ("a", ["u", "v"]), "two": (("a", "b"), np.ones((2, 4)))},
    attrs={"n": 3, "x": 1.5, "names": ["a", "b"], "row": np.array([1.0, 2.0]), "title": "", "one": ["é"]},
)
TREES = {
    "flat": FLAT,
    "time": xr.Dataset({"v": ("t", np.arange(3.0))}, {"t": pd.date_range("2020-01-01", periods=3)}),
    "nothing": xr.Dataset(),
    "no sample": xr.Dataset({"z": (("sample", "latent"), np.zeros((0, 2))), "w": ("sample", np.zeros(0))}),
    "groups": xr.DataTree.from_dict(
        {
            "/": FLAT,
            "/one": xr.Dataset({"of root": (("a", "own"), np.ones((2, 3)))}),
            "/deep": xr.Dataset(coords={"other": ["x", "y", "z"]}),
            "/deep/below": xr.Dataset({"seen": (("other", "a"), np.ones((3, 2)))}),
            "/deep/beside": xr.Dataset({"own": ("own", np.arange(5)), "more": ("own", np.arange(5.0))}),
        }
    ),
}


def by_h5netcdf(tree: xr.DataTree | xr.Dataset) -> io.BytesIO:
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        for node in (xr.DataTree(tree) if isinstance(tree, xr.Dataset) else tree).subtree:
            node.to_dataset(inherit=False).dump_to_store(H5NetCDFStore(file, group=node.path))
    return content


def attributes(holder: Any, file: h5py.File) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in holder.attrs.items():
        if key == "REFERENCE_LIST":
            found[key] = sorted((file[where].name, int(axis)) for where, axis in value)
        elif key == "DIMENSION_LIST":
            found[key] = [[file[where].name for where in axis] for axis in value]
        elif key != "_NCProperties":  # names the program
            stored = holder.attrs.get_id(key)
            found[key] = repr(value), str(stored.dtype), stored.shape, stored.get_type().get_class()
    return found


def objects(content: Any) -> dict[str, Any]:
    """Path → what is there, with its attributes; links in the order of their creation."""
    with h5py.File(content) as file:
        found: dict[str, Any] = {"/": (list(file), attributes(file, file))}

        def visit(path: str, one: Any) -> None:
            if isinstance(one, h5py.Group):
                found[path] = list(one), attributes(one, file)
            else:
                values = one[()] if one.dtype != np.dtype(">f4") else None  # scales that are no variables
                shape = one.shape, one.maxshape, one.compression
                facts = str(one.dtype), one.id.get_type().get_class(), repr(one.fillvalue), repr(values)
                found[path] = shape, facts, attributes(one, file)

        file.visititems(visit)
        return found


@pytest.mark.skipif(Version(h5netcdf.__version__) < Version("1.8"), reason="it left some of the numbers out")
@pytest.mark.parametrize("name", TREES)
def test_the_file_holds_the_objects_that_h5netcdf_writes(name: str) -> None:
    ours, theirs = objects(io.BytesIO(netcdf(TREES[name]))), objects(by_h5netcdf(TREES[name]))
    assert ours.keys() == theirs.keys()
    for path, found in ours.items():
        assert found == theirs[path], path


def test_the_groups_are_read_back() -> None:
    tree = TREES["groups"]
    with xr.open_datatree(io.BytesIO(netcdf(tree)), engine="h5netcdf") as opened:
        assert [node.path for node in opened.subtree] == [node.path for node in tree.subtree]
        for node in tree.subtree:
            if node.path != "/":  # numbers among attributes come back as arrays
                assert opened[node.path].to_dataset(inherit=False).identical(node.to_dataset(inherit=False))


def test_what_netcdf_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="no '/' in their names: 's/t'"):
        netcdf(xr.Dataset({"v": ("s/t", [1.0])}))
    with pytest.raises(TypeError, match=r"the attribute 'bare' of / holds None, which NetCDF cannot"):
        netcdf(xr.Dataset(attrs={"bare": None}))
