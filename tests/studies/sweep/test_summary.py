"""Means, errors and failures, by hand; and numbers that stand beside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlspec.spec.table import COLUMNS, Curve
from crlspec.studies.sweep.cases import Case
from crlspec.studies.sweep.one_run import FIELDS, NUMBERS
from crlspec.studies.sweep.run import frame
from crlspec.studies.sweep.summary import TITLES, markdown, summary

ROWS = [
    {"setting": "b", "seed": 0, "status": "ok", "shd": 1.0, "mcc": 0.5, "score_mse": 0.1},
    {"setting": "b", "seed": 1, "status": "undecided", "shd": 4.0, "mcc": 0.7, "score_mse": 0.1},
    {"setting": "b", "seed": 2, "status": "failed", "message": "why"},
    {"setting": "c", "seed": 0, "status": "refuted", "shd": 3.0, "mcc": 0.4, "score_mse": 0.5},
    {"setting": "c", "seed": 1, "status": "refuted", "shd": 3.0, "mcc": 0.4, "score_mse": 0.5},
    {"setting": "c", "seed": 2, "status": "undecided", "shd": 3.0, "mcc": 0.4, "score_mse": 0.5},
    {"setting": "a", "seed": 0, "status": "ok", "shd": 2.0, "mcc": 0.9, "score_mse": 0.01},
]
CURVE = Curve(x="score_mse", y="shd", points={"n": [(0.01, 4.0), (1.0, 2.0)]})
CASES = [
    Case("b", "", beside={"published": {"mcc": 0.6}}, curve=(CURVE, "n")),
    Case("c", ""),
    Case("a", "", {"samples": "50"}),
]


def rows() -> pd.DataFrame:
    return frame(ROWS, CASES, range(3))


def test_a_frame_has_all_columns_numbers_and_what_is_varied() -> None:
    found = rows()
    assert list(found.columns) == ["setting", "samples", *FIELDS[1:]]
    assert found["setting"].tolist() == [*"bbbccca"]
    assert found["shd"].dtype == float and np.isnan(found["shd"][2])
    assert found["message"].tolist() == ["", "", "why", "", "", "", ""]
    assert len(frame(ROWS, CASES, range(1, 2))) == 2


def test_means_deviations_and_errors_leave_failures_out() -> None:
    found = summary(rows())
    assert found.index.tolist() == ["b", "c", "a"]
    line = found.loc["b"]
    assert (line["runs"], line["failed"], line["undecided"], line["shd_count"]) == (3, 1, 1, 2)
    assert line["shd"] == pytest.approx(2.5)
    assert line["shd_sd"] == pytest.approx(np.std([1, 4], ddof=1))
    assert line["shd_se"] == pytest.approx(np.std([1, 4], ddof=1) / np.sqrt(2))
    assert np.isnan(found.loc["a", "shd_se"])


def test_runs_whose_assumptions_the_data_refute_have_a_column_of_their_own() -> None:
    line = summary(rows()).loc["c"]
    assert (line["runs"], line["failed"], line["undecided"], line["refuted"]) == (3, 0, 1, 2)
    assert "| c | 3 | 0 | 1 | 2 |" in markdown(rows(), ("shd",), CASES)


def test_published_numbers_stand_beside() -> None:
    lines = markdown(rows(), ("mcc", "shd", "r2"), CASES).splitlines()
    assert (
        lines[0]
        == "| setting | runs | failed | undecided | refuted | MCC | published MCC | SHD | published SHD |"
    )
    assert lines[2] == "| b | 3 | 1 | 1 | 0 | 0.6000 ± 0.1000 | 0.6000 | 2.50 ± 1.50 | 3.00 |"
    assert lines[4] == "| a | 1 | 0 | 0 | 0 | 0.9000 |  | 2.00 |  |"


def test_nothing_has_ended_yet() -> None:
    assert markdown(frame([], CASES, range(3))) == "No run has ended yet."


def test_every_column_of_a_table_can_be_printed() -> None:
    assert set(COLUMNS) <= set(TITLES) and set(COLUMNS) <= set(NUMBERS)
