"""The file of rows: whole rows survive whatever happens to the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from crlspec.errors import OutputExists
from crlspec.studies.sweep.rows import open_rows

FIELDS = ("setting", "seed", "message")


def fill(path: Path, count: int, first: int = 0) -> None:
    with open_rows(path, FIELDS) as file:
        for seed in range(first, first + count):
            file.append({"setting": 'a, "b"', "seed": seed, "message": "two\nlines"})


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.csv"
    fill(path, 2)
    with open_rows(path, FIELDS) as file:
        assert file.rows == [
            {"setting": 'a, "b"', "seed": str(seed), "message": "two lines"} for seed in (0, 1)
        ]


def test_a_row_cut_off_at_any_place_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    fill(path, 2)
    content = path.read_bytes()
    header = content.index(b"\n") + 1
    second = content.index(b"\n", header) + 1
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        with open_rows(path, FIELDS) as file:
            assert len(file.rows) == (cut >= second)
            file.append({"setting": "next", "seed": 9})
        with open_rows(path, FIELDS) as file:
            assert file.rows[-1] == {"setting": "next", "seed": "9", "message": ""}


def test_numbers_that_are_none_stay_empty(tmp_path: Path) -> None:
    with open_rows(tmp_path / "runs.csv", FIELDS) as file:
        file.append({"setting": None, "seed": float("nan")})
        assert file.rows == [{"setting": "", "seed": "", "message": ""}]


def test_other_columns_and_a_second_writer_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    fill(path, 1)
    with pytest.raises(OutputExists, match="other columns"), open_rows(path, FIELDS[:2]):
        pass
    with open_rows(path, FIELDS), pytest.raises(OutputExists, match="another sweep"), open_rows(path, FIELDS):
        pass
