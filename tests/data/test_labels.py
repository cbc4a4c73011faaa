"""Labels of a few rows: what is read, and what is said of a table that cannot be used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crlspec.data.labels import labels_of, read_labels
from crlspec.errors import DataError

GOOD = "environment,row,elbow\n" + "".join(f"obs,{k},{k / 2}\n" for k in range(6))


def write(folder, text):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read(tmp_path):
    found = read_labels(write(tmp_path, GOOD))
    assert found.columns == ("elbow",)
    assert found.environments == ("obs",) * 6
    np.testing.assert_array_equal(found.rows, range(6))
    np.testing.assert_array_equal(found.values[:, 0], np.arange(6) / 2)
    frame = pd.read_csv(tmp_path / "labels.csv")
    np.testing.assert_array_equal(labels_of(frame, "labels").values, found.values)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("row", "line", "{path}: the column 'row' is missing; there are environment, line, elbow."),
        ("environment", "where", "{path}: the column 'environment' is missing; there are where, row, elbow."),
        ("obs,5,2.5", "obs,5,nan", "{path}:7: column 'elbow': nan is not a finite number."),
        ("obs,5,2.5", "obs,5,", "{path}:7: column 'elbow': the cell is empty."),
        ("obs,5,2.5", "obs,5,bent", "{path}:7: column 'elbow': bent is not a finite number."),
        ("obs,5,2.5", "obs,5", "{path}:7: the row has 2 cells, the header 3."),
        ("obs,5,2.5", "obs,-1,2.5", "{path}:7: column 'row': '-1' is no row number."),
        ("obs,5,2.5", "obs,2.5,2.5", "{path}:7: column 'row': '2.5' is no row number."),
        ("obs,5,2.5", "obs,0,2.5", "{path}:7: row 0 of 'obs' is labelled twice, first in {path}:2."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, old, new, message):
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert caught.value.message == message.format(path=path)
    assert caught.value.remedy


def test_five_rows_are_enough_and_four_are_not(tmp_path):
    assert len(read_labels(write(tmp_path, GOOD.split("obs,5")[0])).values) == 5
    path = write(tmp_path, GOOD.split("obs,4")[0])
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert caught.value.message == f"{path}: 4 rows are labelled, and a calibration takes 5 or more."


def test_constant_labels_and_none_are_refused(tmp_path):
    path = write(tmp_path, "environment,row,elbow\n" + "".join(f"obs,{k},3\n" for k in range(6)))
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert caught.value.message == f"{path}: column 'elbow': all labels are 3."
    with pytest.raises(DataError, match="there is no column of labels"):
        read_labels(write(tmp_path, "environment,row\n" + "".join(f"obs,{k}\n" for k in range(6))))
    with pytest.raises(DataError, match="there is no such file"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"labels are read from \.csv or \.parquet"):
        read_labels(write(tmp_path, GOOD).rename(tmp_path / "labels.txt"))


def test_labels_beside_observations_name_no_rows():
    values = np.arange(5.0)
    assert labels_of({"elbow": values}, "labels", located=False).environments == ()
    with pytest.raises(
        DataError, match="the column 'row' names rows of the data, and the observations are given"
    ):
        labels_of({"elbow": values, "row": values}, "labels", located=False)
    with pytest.raises(DataError, match="the columns differ in length"):
        labels_of({"elbow": values, "wrist": values[:4]}, "labels", located=False)
