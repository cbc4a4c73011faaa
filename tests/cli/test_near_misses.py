"""What is nearly right is answered in one line that names what was meant; any terminal and encoding will do."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec import __version__
from crlspec.cli.terminal import dressed
from tests.cli.conftest import OWN, Call


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ("run", "frist.yaml"),
            "frist.yaml: is neither a file nor a shipped spec. Remedy: did you mean first.yaml?",
        ),
        (
            ("run", "first.yml"),
            "first.yml: is neither a file nor a shipped spec. Remedy: did you mean first.yaml?",
        ),
        (
            ("run", "nosuch.yaml"),
            "nosuch.yaml: is neither a file nor a shipped spec. Remedy: name a YAML file, or a shipped spec; crlspec "
            "show lists those.",
        ),
        (
            ("run", "linear/hard5"),
            "linear/hard5: is neither a file nor a shipped spec. Remedy: did you mean linear/hard-5?",
        ),
        (
            ("run", "tables/umni"),
            "tables/umni: this is a table of specs. Remedy: crlspec sweep tables/umni runs it.",
        ),
        (
            ("new", "x.yaml", "--from", "linear/hard5"),
            "There is no shipped spec 'linear/hard5'. Remedy: Did you mean linear/hard-5? crlspec show lists them.",
        ),
        (
            ("chek", "first.yaml"),
            "There is no command 'chek'. Remedy: Did you mean check? crlspec help lists them.",
        ),
        (
            ("help", "trasform"),
            "There is no command 'trasform'. Remedy: Did you mean transform? crlspec help lists them.",
        ),
        (
            ("run", "first.yaml", "--smaples", "3"),
            "--smaples means nothing here. Remedy: Did you mean --samples? crlspec help COMMAND says what it takes.",
        ),
        (
            ("report", "runs/first-0", "--force"),
            "--force is no option of this command. Remedy: crlspec help COMMAND says what it takes.",
        ),
        (
            ("new",),
            "The following arguments are required: FILE. Remedy: crlspec help new says what it takes.",
        ),
    ],
)
def test_a_near_miss_is_one_line_that_names_what_is_meant(
    call: Call, argv: tuple[str, ...], said: str
) -> None:
    Path("first.yaml").write_text(OWN, encoding="utf-8")
    answer = call(*argv)
    assert answer.status == 2
    assert answer.err == said + "\n"


def test_help_version_and_completion(call: Call) -> None:
    assert call("-V").out == f"crlspec {__version__}\n" == call("--version").out
    assert call("help").out == call().out
    assert call("help", "transform").out == call("transform", "--help").out
    pytest.importorskip("shtab")
    for shell in ("bash", "zsh", "fish"):
        assert "transform" in call("completion", shell).out


def test_a_check_looks_at_the_data(call: Call) -> None:
    Path("own.yaml").write_text(OWN, encoding="utf-8")
    Path("dat").mkdir()
    answer = call("check", "own.yaml")
    assert answer.status == 3
    folder = Path("data").resolve()
    assert answer.out.endswith(
        f"error: {folder}: there is no such file or folder. Did you mean {folder.with_name('dat')}? Remedy: Check "
        "the path of the data.\n"
    )


def test_any_encoding_of_stdout_will_do(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "crlspec", "check", "linear/hard-5"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "(Varici et al., JMLR 2025)" in done.stdout
    assert "probability 1 - delta" in done.stdout
    assert "Acarturk" in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_wrapped_and_coloured_where_somebody_looks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = "status   ok: " + "a few words and " * 4
    assert dressed(text, io.StringIO()) == text
    lines = dressed(text, Terminal()).split("\n")
    assert lines[0].startswith("\033[32mstatus   ok\033[0m: a few")
    assert all(line.startswith(" " * 9 + "a") or line.startswith(" " * 9 + "w") for line in lines[1:])
    monkeypatch.setenv("NO_COLOR", "1")
    plain = dressed(text, Terminal())
    assert "\033" not in plain and max(map(len, plain.split("\n"))) <= 40
    assert plain.replace("\n" + " " * 9, " ").split() == text.split()
