"""Labels that several arrays bear: as xarray would make them, whatever else an array has."""

from __future__ import annotations

import numpy as np
import xarray as xr

from crlspec.numerics.axes import Axes


def test_arrays_are_those_that_xarray_makes_of_the_same_labels() -> None:
    names, observed = np.array(["a", "b"], dtype=object), ["x1", "x2", "x3"]
    axes, values = Axes({"latent": names, "observed": observed}), np.arange(6.0).reshape(2, 3)
    expected = xr.DataArray(values, {"latent": names, "observed": observed}, ("latent", "observed"))
    found = axes.array(values, "latent", "observed")
    xr.testing.assert_identical(found, expected)
    assert {k: v.dtype for k, v in found.coords.items()} == {k: v.dtype for k, v in expected.coords.items()}
    xr.testing.assert_identical(axes.array(values, "latent", "other"), expected[:, :3].drop_vars("observed").rename(
        observed="other"
    ))  # fmt: skip


def test_new_labels_leave_everything_else_of_an_array_as_it_was() -> None:
    given = xr.DataArray(
        np.arange(6.0).reshape(2, 3), {"latent": ["a", "b"], "step": [1, 2, 3], "kind": "x"}, ("latent", "step"),
        "z", {"unit": "m"},
    )  # fmt: skip
    found = Axes({"latent": ["c", "d"]}).instead(given)
    xr.testing.assert_identical(found, given.assign_coords(latent=["c", "d"]))
    assert found.sel(latent="d", step=2) == 4
