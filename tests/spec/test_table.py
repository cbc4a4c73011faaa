"""Tables: the shipped ones can be run, and what is wrong in one is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from crlspec.errors import SpecError
from crlspec.spec.load import shipped, shipped_tables
from crlspec.spec.table import find_table, loads_table
from crlspec.studies.sweep.cases import cases_of_table

TABLE = """\
table: 1
name: two
columns: [mcc, shd]
settings:
  - {name: small, spec: linear/hard-5, set: [samples=500], beside: {published: {shd: 1.5}}}
  - {name: large, spec: linear/hard-5, set: [samples=900]}
"""


@pytest.mark.parametrize("name", shipped_tables())
def test_every_setting_of_a_shipped_table_can_be_run(name: str) -> None:
    table = find_table(name)
    assert table is not None and f"tables/{table.name}" == name
    assert [case.name for case in cases_of_table(table)] == [row.name for row in table.settings]


def test_tables_are_not_among_the_specs() -> None:
    assert "tables/recovery" in shipped_tables()
    assert not set(shipped()) & set(shipped_tables())
    assert find_table("linear/hard-5") is None


def test_the_cases_of_a_table_hold_its_changes_and_numbers() -> None:
    small, large = cases_of_table(loads_table(TABLE))
    assert (small.spec().samples, large.spec().samples) == (500, 900)
    assert small.beside == {"published": {"shd": 1.5}}
    assert [case.spec().samples for case in cases_of_table(loads_table(TABLE), ["samples=50"])] == [50, 50]


def test_a_table_takes_the_specs_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("latents: 5\n", encoding="utf-8")
    (tmp_path / "table.yaml").write_text(TABLE.replace("linear/hard-5", "mine.yaml"), encoding="utf-8")
    table = find_table(tmp_path / "table.yaml")
    assert table is not None
    assert table.settings[0].spec == str(tmp_path.resolve() / "mine.yaml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mcc, shd", "mcc, sdh", ["text:3:", "sdh", "did you mean shd"]),
        ("name: large", "name: small", ["'small' is listed twice"]),
        ("name: two", "nmae: two", ["nmae", "name"]),
        ("settings:", "seeds: none\nsettings:", ["text:4:", "whole number"]),
        ("set: [samples=900]", "curve: n3", ["the curve 'n3'"]),
    ],
)
def test_a_faulty_table_is_refused_with_its_place(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        loads_table(TABLE.replace(old, new))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="did you mean tables/recovery"):
        find_table("tables/recovry")


def test_settings_are_chosen_by_parts_of_their_names() -> None:
    table = loads_table(TABLE)
    assert [row.name for row in table.chosen(("lar",)).settings] == ["large"]
    assert table.chosen(()) == table
    with pytest.raises(SpecError, match="'small', 'large'"):
        table.chosen(("huge",))
