"""The pages in docs/ are what works: their files load, their Python runs, their commands and links exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from crlspec.cli import main
from crlspec.cli.parser import build_parser
from crlspec.spec.load import loads

DOCS = Path(__file__).parents[1] / "docs"
JOURNEYS = sorted(DOCS.glob("journey-*.md"))
GUIDES = [DOCS / "quick-start.md", *sorted((DOCS / "how-to").glob("*.md"))]
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "tutorials"} & set(path.parts))
MADE = {"changes.md", "families.md"}
"""Pages that the site makes of files elsewhere in the repository."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def named(page: Path) -> dict[str, str]:
    """The files that a page shows, each called after its ``name:``."""
    return {f"{re.search(r'^name: (.+)$', text, re.M)[1]}.yaml": text for text in blocks(page, "yaml")}  # type: ignore[index]


def masked(text: str) -> set[str]:
    """The lines of a text, numbers taken out."""
    lines = (re.sub(r"[+−-]?\d[\d.,]*(e-?\d+)?", "#", line) for line in text.splitlines())
    return {" ".join(line.split()) for line in lines if line.strip()}


@pytest.mark.usefixtures("own_rng")
@pytest.mark.parametrize("page", JOURNEYS, ids=lambda page: page.stem)
def test_a_journey_begins_with_a_file_is_short_and_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every block in its order: files are written, commands called, Python executed, outputs compared."""
    monkeypatch.chdir(tmp_path)
    written = re.findall(
        r"```(yaml|sh|python|text)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert written[0][0] == "yaml" and "text" in {language for language, _ in written}
    for language, text in written:
        if language == "yaml":
            name = re.search(r"^name: (.+)$", text, re.M)
            assert name is not None
            (tmp_path / f"{name[1]}.yaml").write_text(text, encoding="utf-8")
        elif language == "sh":
            assert [main(shlex.split(line)[1:]) for line in text.splitlines()] == [0] * len(text.splitlines())
        elif language == "python":
            assert len([line for line in text.splitlines() if line.strip()]) <= 20
            exec(compile(text, page.name, "exec"), {})
        else:
            assert not masked(text) - masked(capsys.readouterr().out)


@pytest.mark.usefixtures("own_rng")
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_files_of_a_guide_load_and_its_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in named(page).items():
        assert loads(text, origin=name).name == Path(name).stem
        (tmp_path / name).write_text(text, encoding="utf-8")
    exec(compile("\n".join(blocks(page, "python")), page.name, "exec"), {})


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_commands_of_a_page_are_taken(page: Path) -> None:
    shown = [line for text in blocks(page, "sh") for line in text.splitlines() if line.startswith("crlspec ")]
    assert shown or page not in GUIDES or "```sh" not in page.read_text(encoding="utf-8")
    for line in shown:
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and target not in MADE:
            assert (page.parent / target).exists(), target


def test_every_written_page_is_on_the_site() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in WRITTEN:
        name = str(page.relative_to(DOCS).with_suffix(""))
        below = name.startswith("reference/") and name not in ("reference/index", "reference/theory")
        assert below or name == "index" or page.name in MADE or re.search(rf"^{name}$", index, re.M), name
