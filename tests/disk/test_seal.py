"""A seal notices every byte that changes, and other programs do not notice it."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from crlspec.disk import netcdf as module
from crlspec.disk.netcdf import netcdf
from crlspec.disk.seal import LENGTH, is_whole, sealed
from crlspec.errors import WriteError


def test_every_byte_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(sealed(io.BytesIO(b"a few bytes")))
    path.write_bytes(content)
    assert is_whole(path)
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :])
        assert not is_whole(path)
    path.write_bytes(content[:-1])
    assert is_whole(path) is None
    path.write_bytes(content[LENGTH - 5 :][:10])
    assert is_whole(path) is None


def test_netcdf_is_made_in_memory_and_read_by_others(tmp_path: Path) -> None:
    nodes = {
        "/": xr.Dataset(attrs={"crlspec": '{"a": 1}'}),
        "/empty": xr.Dataset(),
        "/a/b": xr.Dataset(
            {"x": (("s", "o"), np.array([[1.5, np.nan]])), "flag": ("s", np.array([3], dtype=np.int8))},
            coords={"o": np.array(["α", "b"], dtype=object)},
        ),
    }
    tree = xr.DataTree.from_dict(nodes)
    path = tmp_path / "file.nc"
    path.write_bytes(netcdf(tree))
    assert is_whole(path)
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        assert opened.load().identical(tree)
    with h5py.File(path, "r+") as file:
        file["a/b/flag"][0] = 4
    assert is_whole(path) is not True


def test_what_memory_cannot_hold_is_said_before(monkeypatch) -> None:
    monkeypatch.setattr(module, "_free", lambda: 1000)
    with pytest.raises(WriteError) as refused:
        netcdf(xr.DataTree(xr.Dataset({"x": ("s", np.zeros(1000))})))
    assert str(refused.value) == (
        "A NetCDF file of 8 kB is made in memory, and 1 kB are free. Remedy: Choose .zarr, or a name without suffix "
        "for a folder, which are written piece by piece."
    )
