"""What the site makes of docstrings, of links, and of tutorials; the site itself is built by ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

EXTENSIONS = Path(__file__).parents[1] / "docs" / "_ext"


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """The extension of Sphinx that a test names."""
    from importlib import import_module

    monkeypatch.syspath_prepend(EXTENSIONS)
    name = request.param
    monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module(name)


@pytest.mark.parametrize("extension", ["plain_docstrings"], indirect=True)
def test_prose_stays_prose_and_tables_keep_their_columns(extension: ModuleType) -> None:
    lines = [
        "Gives ``x`` of :meth:`fit`,",
        "for *args* and z_.",
        "",
        "data   an ``array``",
        "       or a path",
        "",
    ]
    assert extension.plain(lines) == [
        "Gives ``x`` of ``fit``, for \\*args\\* and z\\_.", "",
        "::", "", "    data   an array", "           or a path", "",
    ]  # fmt: skip


@pytest.mark.parametrize("extension", ["repository_links"], indirect=True)
def test_links_out_of_the_folder_lead_to_pages(extension: ModuleType) -> None:
    text = "[t](../tutorials/03_x.py), [c](../CHANGELOG.md), [f](../crlspec/a.py), [own](edges.md#a)"
    assert (
        extension.linked(text)
        == "[t](tutorials/03_x.md), [c](changes.md), f (`crlspec/a.py`), [own](edges.md#a)"
    )
    deeper = "[t](../../tutorials/03_x.py) and [d](../data.md#a)"
    assert extension.linked(deeper, 1) == "[t](../tutorials/03_x.md) and [d](../data.md#a)"


@pytest.mark.parametrize("extension", ["tutorial_pages"], indirect=True)
def test_a_tutorial_becomes_a_page_with_what_it_printed(extension: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "01_x.py"
    script.write_text(
        "# %% [markdown]\n# # Title\n#\n# Words.\n\n# %%\na = 1\n\n# %%\nprint(a + 1)\n", "utf-8"
    )
    outputs = extension.run(script, tmp_path)
    assert outputs == ["", "", "2\n"]
    (tmp_path / "01_x-2-1.png").write_bytes(b"")
    assert extension.page(script, outputs, tmp_path) == (
        "# Title\n\nWords.\n\n```python\na = 1\n```\n\n```python\nprint(a + 1)\n```\n\n````text\n2\n````\n\n"
        "![What this cell drew](01_x-2-1.png)\n\nThe script: `tutorials/01_x.py`.\n"
    )


@pytest.mark.parametrize("extension", ["tutorial_pages"], indirect=True)
def test_pages_are_made_once_and_strays_go(extension: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "99_gone.md").write_text("old", encoding="utf-8")
    extension.make(tmp_path, running=False)
    made = sorted(path.stem for path in tmp_path.glob("*.md"))
    assert made == sorted(path.stem for path in (EXTENSIONS.parents[1] / "tutorials").glob("*.py"))
    page = tmp_path / "01_first_spec_to_dag.md"
    page.write_text("kept", encoding="utf-8")
    extension.make(tmp_path, running=False)
    assert page.read_text(encoding="utf-8") == "kept"
