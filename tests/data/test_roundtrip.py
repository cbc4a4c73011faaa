"""What is written is read again, value for value and label for label; nothing is half written."""

import json
import subprocess
import sys

import numpy as np
import pytest

from crlspec.data import (
    environments_of,
    from_arrays,
    observational_of,
    provenance_of,
    read_data,
    write_data,
)
from crlspec.disk.write import write_file
from crlspec.errors import DataError, OutputExists

FORMS = [("data.nc", {}), ("data.zarr", {}), ("folder", {}), ("folder", {"table": "parquet"})]


@pytest.fixture
def tree(arrays):
    truth = {name: values[:, :2] for name, values in arrays.items()}
    return from_arrays(arrays, ["p", "q", "r", "größe"], truth, latents=["u", "v"], provenance={"seed": 3})


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_roundtrip_is_exact(tree, arrays, tmp_path, name, options):
    path = write_data(tree, tmp_path / name, **options)
    back = read_data(path)
    assert back.identical(tree)
    assert environments_of(back) == tuple(arrays)
    assert list(back["obs"]["x"].observed.values) == ["p", "q", "r", "größe"]
    np.testing.assert_array_equal(back["do_b"]["x"].values, arrays["do_b"])
    assert provenance_of(back) == {"observational": "obs", "seed": 3}
    assert observational_of(back) == "obs"


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_refuses_to_overwrite(tree, tmp_path, name, options):
    write_data(tree, tmp_path / name, **options)
    with pytest.raises(OutputExists, match="force") as caught:
        write_data(tree, tmp_path / name, **options)
    assert caught.value.exit_code == 2
    smaller = from_arrays({"obs": np.eye(3)})
    write_data(smaller, tmp_path / name, force=True, **options)
    assert environments_of(read_data(tmp_path / name)) == ("obs",)


def test_force_spares_a_folder_of_other_things(tree, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputExists, match=r"thesis\.tex"):
        write_data(tree, tmp_path / "home", force=True)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


def test_a_failed_write_leaves_no_trace(tmp_path):
    target = tmp_path / "data.nc"
    target.write_text("before")

    def fail(file):
        file.write(b"half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_file(target, fail, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["data.nc"]
    assert target.read_text() == "before"


def test_a_link_keeps_pointing(tree, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_data(tree, tmp_path / "link")
    write_data(tree, tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert read_data(tmp_path / "real").identical(tree)


def test_unknown_suffix(tree, tmp_path):
    with pytest.raises(DataError, match=r"\.xlsx"):
        write_data(tree, tmp_path / "data.xlsx")
    (tmp_path / "data.xlsx").write_text("")
    with pytest.raises(DataError, match=r"\.xlsx"):
        read_data(tmp_path / "data.xlsx")


def test_extreme_values_survive_csv(tmp_path):
    values = np.array([[5e-324, 1.7976931348623157e308, -0.1, 1 / 3], [2**53 + 1.0, -0.0, 1e-17, np.pi]])
    back = read_data(write_data(from_arrays({"obs": values}), tmp_path / "folder"))
    np.testing.assert_array_equal(back["obs"]["x"].values, values)


def test_attributes_are_one_json_string(tree):
    assert set(tree.attrs) == {"crlspec"}
    assert json.loads(tree.attrs["crlspec"])["observational"] == "obs"


def test_labels_come_from_what_is_given(arrays):
    import pandas as pd
    import xarray as xr

    frame = pd.DataFrame(arrays["obs"], columns=["p", "q", "r", "s"])
    array = xr.DataArray(arrays["obs"], dims=("cell", "gene"), coords={"gene": ["p", "q", "r", "s"]})
    for given in (frame, array):
        tree = from_arrays({"control": given}, observational="control")
        assert list(tree["control"]["x"].observed.values) == ["p", "q", "r", "s"]
        assert observational_of(tree) == "control"


def test_torch_is_not_loaded(tmp_path):
    code = (
        "import sys, numpy, crlspec.data as d; assert not {'pandas', 'xarray'} & set(sys.modules);"
        f"d.write_data(d.from_arrays({{'obs': numpy.eye(3)}}), {str(tmp_path / 'a.nc')!r});"
        f"d.read_data({str(tmp_path / 'a.nc')!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: from_arrays({}), "No environments"),
        (lambda: from_arrays({"obs": np.zeros(3)}), r"shape \(3,\)"),
        (lambda: from_arrays({"obs": [["a", "b"]]}), "not all real numbers"),
        (lambda: from_arrays({"obs": np.eye(2) * 1j}), "not all real numbers"),
        (lambda: from_arrays({"obs": np.eye(2)}, observed=["a"]), "2 columns but 1"),
        (lambda: from_arrays({"a/b": np.eye(2)}), "cannot name an environment"),
        (lambda: from_arrays({"a": np.eye(2)}, observational="b"), "no environment 'b'"),
        (lambda: from_arrays({"obs": np.eye(2)}, truth={"obs": np.eye(3)}), "3 rows of truth"),
        (lambda: from_arrays({"obs": np.eye(2)}, truth={"do_a": np.eye(2)}), "without observations"),
    ],
)
def test_bad_arrays(call, words):
    with pytest.raises(DataError, match=words) as caught:
        call()
    assert caught.value.remedy
