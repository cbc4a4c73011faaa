"""Calibrated results: units in all that gives latents, nothing else changed, and labels that tell nothing refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from crlspec import open_result
from crlspec.errors import DataError, EstimationError
from crlspec.result import Result
from crlspec.spec.setting import Setting

ROWS = np.arange(0, 1500, 60)


@pytest.fixture(scope="module")
def data(model):
    return model.sample(1500, seed=1)


def labels(data, names=("z1", "z2"), rows=ROWS):
    """Degrees: bent for the first latent, falling for the second."""
    z = data["obs"].to_dataset()["z"].sel(latent=list(names)).values[rows]
    columns = {names[0]: 40 * np.tanh(z[:, 0] / 2), names[1]: 90 - 12 * z[:, 1]}
    return {"environment": ["obs"] * len(rows), "row": rows, **columns}


@pytest.fixture(scope="module")
def calibrated(result, data):
    return result.calibrate(labels(data), unit="degrees")


def test_what_gives_latents_gives_units(result, calibrated, data):
    x, z = data["hard_z1"]["x"], data["hard_z1"]["z"]
    found = calibrated.transform(x)
    for latent, truth in (("z1", 40 * np.tanh(z.sel(latent="z1") / 2)), ("z2", 90 - 12 * z.sel(latent="z2"))):
        error = np.abs(found.sel(latent=latent).values - truth.values).mean()
        assert error < 0.12 * truth.values.std(), latent
    others = ["z3", "z4"]
    np.testing.assert_array_equal(found.sel(latent=others), result.transform(x).sel(latent=others))
    np.testing.assert_array_equal(calibrated.latents["hard_z1"]["z_hat"], calibrated.encoder(x))
    np.testing.assert_allclose(calibrated.reconstruct(x), result.reconstruct(x), atol=1e-9)
    np.testing.assert_allclose(calibrated.reconstruct(found), result.reconstruct(x), atol=1e-9)


def test_a_latent_moves_by_its_unit(result, calibrated):
    moved = calibrated.traverse("z2", [80.0, 90.0])
    back = calibrated.calibration["z2"].inverse([80.0, 90.0])
    np.testing.assert_allclose(moved, result.traverse("z2", back), atol=1e-9)
    assert calibrated.calibration["z2"](back) == pytest.approx([80.0, 90.0])


def test_all_else_is_what_it_was(result, calibrated):
    assert calibrated.estimate is result.estimate
    assert calibrated.status is result.status
    assert calibrated.dag_json() == result.dag_json()
    assert calibrated.standardised.latents is result.latents
    np.testing.assert_array_equal(calibrated.mixing, result.mixing)
    effect = {"z1": 1.0}
    np.testing.assert_array_equal(calibrated.do(effect).effect()["z"], result.do(effect).effect()["z"])
    again = calibrated.calibrate({"z1": [1.0, 2, 3, 4, 5], "row": range(5), "environment": ["obs"] * 5})
    assert again.standardised.latents is result.latents


def test_it_comes_back_from_its_file_number_for_number(calibrated, data, tmp_path):
    again = open_result(calibrated.save(tmp_path / "result.nc"))
    x = data["obs"]["x"]
    np.testing.assert_array_equal(again.transform(x), calibrated.transform(x))
    np.testing.assert_array_equal(again.latents["obs"]["z_hat"], calibrated.latents["obs"]["z_hat"])
    np.testing.assert_array_equal(again.standardised.transform(x), calibrated.standardised.transform(x))
    assert str(again) == str(calibrated)
    for one, other in zip(again.calibration.latents, calibrated.calibration.latents, strict=True):
        np.testing.assert_array_equal(one.held_out, other.held_out)
    assert open_result(calibrated.standardised.save(tmp_path / "plain.nc")).calibration is None


def test_observations_with_their_labels_give_the_same(result, calibrated, data):
    given = {name: values for name, values in labels(data).items() if name.startswith("z")}
    x = data["obs"]["x"].values[ROWS]
    for table in (given, pd.DataFrame(given)):
        found = result.calibrate(table, data=x)
        np.testing.assert_allclose(found.transform(x), calibrated.transform(x), atol=1e-9)
    with pytest.raises(DataError, match=f"labels: there are {len(ROWS)} labels for 4 observations"):
        result.calibrate(given, data=x[:4])


def test_errors_on_held_out_labels_are_told(calibrated, tmp_path):
    one, two = calibrated.calibration.latents
    assert one.error < 0.2 * one.mean_error and one.helps
    lines = [line for line in str(calibrated).splitlines() if "held-out labels" in line]
    assert lines[0] == (
        f"labels   z1  mean error {one.error:.3g} degrees on held-out labels (25), of their mean {one.mean_error:.3g}"
    )
    assert len(lines) == 2 and "z2" in lines[1]
    page = calibrated.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Mean error, degrees" in page and f"{two.error:.3g}" in page


def anonymous(result: Result) -> Result:
    environments = ("hard_z1", "hard_z2", "hard_z3", "hard_z4")
    setting = Setting("linear", "single-node", "hard", result.names, "obs", environments)
    return replace(result, assumed=setting.as_values())


def test_columns_find_anonymous_latents(result, data):
    given = labels(data, ("z3", "z4"))
    given = {"elbow": given.pop("z4"), "wrist": given.pop("z3"), **given}
    found = anonymous(result).calibrate(given).calibration
    assert [(one.column, one.latent) for one in found.latents] == [("elbow", "z4"), ("wrist", "z3")]
    assert found.matched and found.support >= 0.95 and found.margin > 0.1
    text = "\n".join(found.lines())
    assert "z4 = elbow" in text and "columns matched to latents by rank correlation" in text
    said = result.calibrate(given, latents={"elbow": "z4", "wrist": "z3"}).calibration
    assert not said.matched
    np.testing.assert_array_equal(said.latents[0].held_out, found.latents[0].held_out)


def test_a_doubtful_matching_is_refused(result, data):
    rng = np.random.default_rng(0)
    z = data["obs"].to_dataset()["z"].values[ROWS]
    both = z[:, 2] + z[:, 3]
    given = {"environment": ["obs"] * 25, "row": ROWS}
    given |= {"a": both + 0.1 * rng.normal(size=25), "b": both + 0.1 * rng.normal(size=25)}
    with pytest.raises(EstimationError) as caught:
        anonymous(result).calibrate(given)
    message = str(caught.value)
    assert message.startswith("The labels do not tell which column belongs to which latent: ")
    assert "of resamples agree (95% are asked for)" in message
    assert message.endswith("Remedy: Label more rows, or say latents: {column: latent}.")


@pytest.mark.parametrize(
    ("change", "latents", "message"),
    [
        (
            {"environment": ["nowhere"] * 25},
            None,
            "labels: label 1: there is no environment 'nowhere'; there are ",
        ),
        (
            {"row": ROWS + 60},
            None,
            "labels: label 25: environment 'obs' has the rows 0 to 1499, and row 1500 is labelled.",
        ),
        ({"elbow": ROWS}, None, "labels: the column 'elbow' is no latent; there are z1, z2, z3, z4."),
        ({}, {"z1": "z9", "z2": "z2"}, "labels: there is no latent 'z9'; there are z1, z2, z3, z4."),
        ({}, {"z1": "z1"}, "labels: no latent is said for the column 'z2'."),
        ({}, {"z1": "z1", "z2": "z1"}, "labels: two columns are said to be one latent."),
        ({}, {"z7": "z1"}, "labels: there is no column 'z7'; there are z1, z2."),
        ({"z1": [np.nan] * 25}, None, "labels: label 1: column 'z1': nan is not a finite number."),
    ],
)
def test_labels_that_do_not_fit_are_refused(result, data, change, latents, message):
    with pytest.raises(DataError) as caught:
        result.calibrate({**labels(data), **change}, latents=latents)
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


def test_more_columns_than_latents_are_refused(result, data):
    names = [f"c{k}" for k in range(5)]
    given = labels(data)
    columns = {name: given["z1"] + k for k, name in enumerate(names)}
    with pytest.raises(DataError, match="labels: there are 5 columns for 4 latents"):
        anonymous(result).calibrate({"environment": given["environment"], "row": ROWS, **columns})


def test_a_latent_that_knows_nothing_of_its_labels_is_named(result):
    found = result.calibrate(
        {"environment": ["obs"] * 25, "row": ROWS, "z4": [1.0, -1.0, 0.5, 2.0, -2.5] * 5}
    )
    one = found.calibration.latents[0]
    told = next(line for line in str(found).splitlines() if "held-out labels" in line)
    assert told.endswith(": no better than the mean") == (not one.helps)
    assert one.error > 0.9 * one.mean_error
