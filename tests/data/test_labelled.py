"""xarray data in every layout come out the same."""

import numpy as np
import pytest
import xarray as xr

from crlspec.data import environments_of, from_xarray, observational_of, read_data
from crlspec.errors import DataError

DIMS = {"environment": "guide", "sample": "cell", "observed": "gene"}
GENES = ["g1", "g2", "g3", "g4"]


def flat(arrays) -> xr.DataArray:
    guides = np.repeat(list(arrays), [len(values) for values in arrays.values()])
    stacked = np.concatenate(list(arrays.values()))
    order = np.random.default_rng(0).permutation(len(stacked))
    return xr.DataArray(
        stacked[order], dims=("cell", "gene"),
        coords={"gene": GENES, "guide": ("cell", guides[order]), "cell": [f"c{k}" for k in order]},
    )  # fmt: skip


def padded(arrays) -> xr.DataArray:
    block = np.full((len(arrays), 50, 4), np.nan)
    for k, values in enumerate(arrays.values()):
        block[k, : len(values)] = values
    return xr.DataArray(block, dims=("guide", "cell", "gene"), coords={"guide": list(arrays), "gene": GENES})


def grouped(arrays) -> xr.DataTree:
    sets = {
        f"/{name}": xr.Dataset({"expression": (("gene", "cell"), values.T)}, coords={"gene": GENES})
        for name, values in arrays.items()
    }
    return xr.DataTree.from_dict(sets)


@pytest.mark.parametrize("layout", [flat, padded, grouped])
@pytest.mark.parametrize("through", ["memory", "netcdf", "zarr"])
def test_layouts_agree(arrays, tmp_path, layout, through):
    data = layout(arrays)
    if isinstance(data, xr.DataArray):
        data = data.to_dataset(name="expression")
    options = {"variable": "expression", "dims": DIMS, "observational": "obs"}
    if through == "memory":
        tree = from_xarray(data, **options)
    elif through == "netcdf":
        data.to_netcdf(tmp_path / "assay.nc", engine="h5netcdf")
        tree = read_data(tmp_path / "assay.nc", **options)
    else:
        data.to_zarr(tmp_path / "assay.zarr", zarr_format=2)
        tree = read_data(tmp_path / "assay.zarr", **options)
    assert set(environments_of(tree)) == set(arrays)
    assert observational_of(tree) == "obs"
    for name, values in arrays.items():
        got = tree[name]["x"]
        assert got.dims == ("sample", "observed")
        assert [str(gene) for gene in got.observed.values] == GENES
        expected = values
        if layout is flat:
            assert str(got.sample.values[0]).startswith("c")
            got, expected = np.sort(got.values, axis=0), np.sort(values, axis=0)
        np.testing.assert_array_equal(got, expected)


def test_flat_rows_keep_their_label(arrays):
    data = flat(arrays)
    tree = from_xarray(data, dims=DIMS)
    cell = tree["do_b"]["x"][3]
    np.testing.assert_array_equal(cell.values, data.sel(cell=str(cell.sample.values)).values)
    assert str(data.sel(cell=str(cell.sample.values)).guide.values) == "do_b"


def test_a_data_variable_may_label_the_samples(arrays):
    data = flat(arrays).to_dataset(name="x").reset_coords("guide")
    assert set(environments_of(from_xarray(data, dims=DIMS))) == set(arrays)


def test_one_dataset_is_observational():
    data = xr.DataArray(np.eye(3), dims=("sample", "observed"))
    assert environments_of(from_xarray(data)) == ("obs",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variable": "counts", "dims": DIMS}, "no variable 'counts'; there are expression"),
        ({"variable": "expression"}, r"dimensions \(cell, gene\)"),
        ({"variable": "expression", "dims": {**DIMS, "environment": "batch"}}, "no 'batch' among"),
        ({"variable": "expression", "dims": {**DIMS, "observed": "probe"}}, r"\(cell, probe\) are needed"),
        ({"variable": "expression", "dims": {"guides": "guide"}}, "cannot rename guides"),
        ({"variable": "expression", "dims": DIMS, "observational": "control"}, "no environment 'control'"),
    ],
)
def test_wrong_names(arrays, tmp_path, options, words):
    flat(arrays).to_dataset(name="expression").to_netcdf(tmp_path / "assay.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=words) as caught:
        read_data(tmp_path / "assay.nc", **options)
    assert caught.value.remedy


def test_environment_named_twice():
    data = xr.DataArray(
        np.zeros((2, 3, 2)), dims=("environment", "sample", "observed"), coords={"environment": ["a", "a"]}
    )
    with pytest.raises(DataError, match="names a twice"):
        from_xarray(data)


def test_samples_without_environment():
    data = xr.DataArray(
        np.zeros((2, 2)), dims=("sample", "observed"), coords={"environment": ("sample", ["obs", ""])}
    )
    with pytest.raises(DataError, match="empty for sample 1"):
        from_xarray(data)


def test_not_netcdf(tmp_path):
    (tmp_path / "data.nc").write_bytes(b"CDF\x01 an old format, or junk")
    with pytest.raises(DataError, match=r"data\.nc.*NetCDF-4"):
        read_data(tmp_path / "data.nc")


def test_no_groups(tmp_path):
    xr.Dataset().to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="no variable 'x'"):
        read_data(tmp_path / "data.nc")
