"""YAML 1.2 core scalars, marks and guards."""

import pytest

from crlspec.errors import SpecError
from crlspec.spec.yaml12 import read, scalar, write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("-2", -2), ("010", 10), ("0o10", 8),
        ("0x1F", 31),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("1:30", "1:30"), ("1_000",
        "1_000"),
        ("true", True), ("False", False), ("~", None), ("null", None), ("", None), ("2026-01-01",
        "2026-01-01"),
        ("e5", "e5"), ("1e", "1e"), ("+.inf", float("inf")), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    got = scalar(text)
    assert got == value
    assert type(got) is type(value)


def test_keys_are_words_whatever_they_look_like() -> None:
    tree, _ = read("{no: 1, 1: 2, 1e3: 3, true: 4, null: 5}", "here")
    assert list(tree) == ["no", "1", "1e3", "true", "null"]


def test_quoted_scalars_stay_words() -> None:
    assert read("""{a: "1", b: 'true', c: "no"}""", "here")[0] == {"a": "1", "b": "true", "c": "no"}


def test_marks_count_from_one_and_point_inside_scalars() -> None:
    _, source = read('a:\n  b: [1, "two words"]\n', "here")
    assert (source.keys["a", "b"].line, source.keys["a", "b"].column) == (2, 3)
    assert (source.values["a", "b", 1].line, source.values["a", "b", 1].column) == (2, 10)
    inside = source.inside(("a", "b", 1), 4)
    assert (inside.line, inside.column) == (2, 15), "the w of words, behind the quote"


def test_marks_inside_block_scalars_count_lines() -> None:
    _, source = read("a: |\n  one\nb: 2\n", "here")
    assert source.inside(("a",), 1).line == 2


def test_columns_count_characters_not_bytes() -> None:
    _, source = read('{"é": 1, b: 2}', "here")
    assert source.keys[("b",)].column == 10


def test_texts_of_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crlspec.spec.yaml12.MAX_VALUES", 10)
    assert read("[1,1,1,1,1,1,1,1,1]", "here")[0] == [1] * 9
    with pytest.raises(SpecError, match="more than 10 values"):
        read("[1,1,1,1,1,1,1,1,1,1]", "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: !!python/object:os.system 1\n", "tags"),
        ("a: !mine 1\n", "tags"),
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("a: 1\na: 2\n", "given twice, first in line 1"),
        ("[" * 40, "nested deeper than 20"),
        ("? [a]\n: 1\n", "a key must be a plain word"),
        ("a: " + "1" * 500, "500 characters"),
        ("a: [1", "not YAML"),
        ("a" * 40_000_001, "at most 40000000"),
    ],
)
def test_guards(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read(text, "here")


def test_all_guards_complain_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        read("a: &x 1\nb: *x\na: 2\nc: !t 3\n", "here")
    assert [issue.line for issue in caught.value.issues] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "value",
    ["no", "1e-3", "0o7", "0x1f", "1:30", "~", "", "true", "a: b", "- a", "é", " x", "#", "1.", 1e-300, 1e22],
)
def test_what_is_written_is_read_back(value: object) -> None:
    assert read(write({"a": value, "b": [value]}), "here")[0] == {"a": value, "b": [value]}
