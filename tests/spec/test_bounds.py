"""Large files are answered in plain words and at once: bounds, capped lists of errors, seconds and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec.errors import COUNTED, SHOWN, Issue, SpecError, more
from crlspec.spec.load import load, loads
from crlspec.spec.yaml12 import MAX_CHARACTERS, read
from tests.spec.large_files import FILES, ROW, listed

SECONDS, MEGABYTES = 2.0, 500

SAID = {
    "equations longer than the bound": "text:1:1: latents: the equations have 245148 characters in all; at most "
    "200000 are allowed. Remedy: declare fewer, or shorter ones.",
    "too many environments": "text:3:3: environments: got 30000 environments. Remedy: at most 2000 are allowed.",
    "unknown keys": "text:1:1: k1: unknown key 'k1', and 89999 more unknown keys beside it. Remedy: allowed: "
    "crlspec, name, latents, profiles, scm, mixing, interventions, environments, conceal, samples, scores, "
    "estimator, data, assume, calibrate.",
    "a thousand profiles": "text:2:1: profiles: the file has 2003 values and 1000 profiles, each of which is "
    "checked. Remedy: at most 20 profiles, and 5000 values times profiles, are allowed.",
    "many environments of a design": "text:4:1: interventions: the environments of the design replace up to 20000 "
    "mechanisms. Remedy: at most 10000 are allowed: have fewer environments.",
    "too many values": "text:1:788879: the text holds more than 100000 values beside rows of numbers. Remedy: "
    "keep data in files of their own.",
    "too large": "text:1:1: the text has 41000003 characters; at most 40000000 are allowed. Remedy: keep data in "
    "files of their own.",
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_beyond_a_bound_is_said(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(FILES[name])
    assert SAID[name] in str(caught.value).splitlines()


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10**11)  # sparse: it could not be read
    with pytest.raises(SpecError, match=f"has 100000000000 characters; at most {MAX_CHARACTERS} are allowed"):
        load(path)


def test_at_most_fifty_errors_are_listed_with_their_number() -> None:
    with pytest.raises(SpecError) as caught:
        loads("latents: 2\nscm: {graph: " + listed("{k}", 60) + "}\n")
    lines = str(caught.value).splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[-1] == f"… and {len(caught.value.issues) - SHOWN} more. Mend these first."
    assert more(SHOWN) == []
    assert more(COUNTED) == [f"… and at least {COUNTED - SHOWN} more. Mend these first."]
    assert len(str(SpecError([Issue("error", "so")] * 20_000)).splitlines()) == SHOWN + 1


def test_json_lists_as_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from crlspec.cli import main

    path = tmp_path / "many.yaml"
    path.write_text("latents: 2\nscm: {graph: " + listed("{k}", 60) + "}\n", encoding="utf-8")
    assert main(["check", str(path), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["issues"]) == SHOWN and answer["issues_found"] > SHOWN


def test_names_have_an_end() -> None:
    with pytest.raises(SpecError, match=r"has 101 characters\. Remedy: use at most 100 characters\."):
        loads(f"latents: [{'a' * 101}]\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: [1, 2.5, -3e2, .5, 007, +1]", [1, 2.5, -300.0, 0.5, 7, 1]),
        ("a: [1.2.3, 1-2, 4000000]", ["1.2.3", "1-2", 4000000]),
        ('a: "[1, 2, 3, 4, 5, 6]"', "[1, 2, 3, 4, 5, 6]"),
        ("a: so [1, 2, 3, 4, 5, 6] it is", "so [1, 2, 3, 4, 5, 6] it is"),
        ("a: 'x'  # [1, 2, 3, 4, 5, 6]", "x"),
        ("a: |\n  [1, 2, 3, 4, 5, 6]\n", "[1, 2, 3, 4, 5, 6]\n"),
        (
            'a: ["\\ue0000xxxxxxxxxxxxx\\ue001", [1, 2, 3, 4, 5, 6]]',
            ["\ue0000xxxxxxxxxxxxx\ue001", [1, 2, 3, 4, 5, 6]],
        ),
        ("a: \ue0005xxxxxxxxxxxxx\ue001", "\ue0005xxxxxxxxxxxxx\ue001"),
    ],
)
def test_rows_of_numbers_are_read_as_the_parser_reads_them(text: str, value: object) -> None:
    got = read(text, "here")[0]["a"]
    assert got == value
    if isinstance(value, list):
        assert [type(one) for one in got] == [type(one) for one in value]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{{{ROW}: 1}}", "here:1:2: a key must be a plain word"),
        (f"a: &x {ROW}", "here:1:4: anchors (&x) are not allowed"),
        (f"a: !t {ROW}", "here:1:4: tags (!t) are not allowed"),
        (f"a: [{'1' * 500}]", "here:1:4: the number has 500 characters"),
        (f"{'[' * 20}{ROW}", "here:1:21: the text is nested deeper than 20"),
    ],
)
def test_rows_of_numbers_are_guarded_too(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text, "here")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\ud800", "\ufffe"])
def test_control_characters_have_a_place(character: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(f"latents: 2\nname: a{character}b\n")
    code = f"U+{ord(character):04X}"
    assert str(caught.value) == (
        f"text:2:8: the text is not YAML: it holds the control character {code}. Remedy: remove it, or write it as "
        "\\x in double quotes."
    )


@pytest.mark.slow
def test_any_file_within_the_bounds_is_checked_in_two_seconds_and_half_a_gigabyte() -> None:
    code = (
        "import json, time\n"
        "from crlspec.errors import SpecError\n"
        "from crlspec.spec.check import check\n"
        "from crlspec.spec.identifiability import identifiability\n"
        "from crlspec.spec.load import loads\n"
        "from tests.spec.large_files import FILES\n"
        "spent = {}\n"
        "for name, text in FILES.items():\n"
        "    start = time.process_time()\n"
        "    try:\n"
        "        spec = loads(text)\n"
        "        str((check(spec), identifiability(spec)))\n"
        "    except SpecError as error:\n"
        "        str(error)\n"
        "    spent[name] = time.process_time() - start\n"
        "status = open('/proc/self/status').read()\n"  # what getrusage says outlives exec
        "print(json.dumps([spent, int(status.split('VmHWM:')[1].split()[0]) // 1024]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    spent, megabytes = json.loads(done.stdout)
    assert {name: seconds for name, seconds in spent.items() if seconds > SECONDS} == {}
    assert megabytes < MEGABYTES
