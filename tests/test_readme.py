"""What the README shows is what works: its specs load, its Python runs, its commands exist."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from crlspec.cli.parser import build_parser
from crlspec.spec.load import loads

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
FIRST_SCREEN = README.partition("## Two commands")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Name → parser of every command."""
    (action,) = (one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_spec_that_is_shown_loads(text: str) -> None:
    spec = loads(text if text.startswith("crlspec:") else f"crlspec: 1\n{text}")
    assert spec.latents or spec.latents_from == "environments"


def test_every_command_is_shown_and_every_shown_command_exists() -> None:
    shown = set(re.findall(r"`crlspec ([a-z]+)", COMMANDS))
    assert shown == set(commands())


def test_every_option_that_is_shown_exists() -> None:
    for call in re.findall(r"`crlspec ([^`]+)`", README + COMMANDS):
        options = {
            option for action in commands()[call.split()[0]]._actions for option in action.option_strings
        }
        assert set(re.findall(r"--[a-z]+", call)) <= options, call


def test_the_first_screen_speaks_in_short_sentences() -> None:
    prose = re.sub(
        r"```.*?```|\(\[[^)]*\)\)|!\[[^)]*\)|\]\([^)]*\)|[*`\[]", " ", FIRST_SCREEN, flags=re.DOTALL
    )
    prose = prose.partition("Where to go:")[0]
    for paragraph in re.split(r"\n\n|\n- ", prose):
        for sentence in re.split(r"(?<=[.?:])\s", " ".join(paragraph.split())):
            assert len(sentence.split()) <= 25, sentence
    assert len(FIRST_SCREEN.splitlines()) <= 65


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_both_commands_of_the_newcomer_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "".join(blocks("sh")), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_python_that_is_shown_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (text,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(text, "README.md", "exec"), names)
    assert (tmp_path / "run.nc").is_file()
    assert names["result"].status.ok  # type: ignore[attr-defined]
