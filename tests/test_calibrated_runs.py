"""solve with declared labels: the estimate is that without, and labels that cannot be used cost nothing."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec
from crlspec.errors import DataError

SETS = ["samples=2000", "latents=3", "mixing.observed=6"]


@pytest.fixture(scope="module")
def solved():
    spec = crlspec.load("linear/hard-5", sets=SETS)
    data = crlspec.compile(spec, seed=0).sample(2000, seed=1)
    return data, crlspec.solve(spec, data, seed=2)


def with_labels(labels, data):
    return crlspec.solve(
        crlspec.load("linear/hard-5", sets=[*SETS, f"calibrate={{labels: {labels}}}"]), data, seed=2
    )


def test_the_estimate_is_the_same_to_the_last_bit(solved):
    data, plain = solved
    found = with_labels(20, data)
    assert found.calibration is not None
    np.testing.assert_array_equal(found.estimate.encoder.matrix, plain.estimate.encoder.matrix)
    np.testing.assert_array_equal(found.estimate.mixing, plain.estimate.mixing)
    assert found.edges == plain.edges and found.status_json() == plain.status_json()
    np.testing.assert_array_equal(
        found.standardised.transform(data["obs"]["x"]), plain.transform(data["obs"]["x"])
    )
    truth = data["obs"]["z"].values
    error = np.abs(found.transform(data["obs"]["x"]).values - truth).mean(axis=0)
    assert (error < 0.25 * np.abs(truth - truth.mean(axis=0)).mean(axis=0)).all()


def test_labels_that_cannot_be_used_leave_the_result(solved, tmp_path):
    data, plain = solved
    path = tmp_path / "labels.csv"
    path.write_text("environment,row,z1\n" + "".join(f"obs,{k},1\n" for k in range(6)), encoding="utf-8")
    found = with_labels(path, data)
    assert found.calibration is None and found.status == plain.status
    assert found.provenance["calibration_refused"]["exit"] == 3
    assert f"labels   not used: {path}: column 'z1': all labels are 1." in str(found)


def test_labels_that_are_not_there_are_told_before_the_estimate(solved, tmp_path):
    data, _ = solved
    with pytest.raises(DataError, match=r"calibrate\.labels: .*none\.csv: there is no such file"):
        with_labels(tmp_path / "none.csv", data)
    with pytest.raises(DataError, match="2001 rows of the truth are asked for; 'obs' has 2000 rows"):
        with_labels(2001, data)
