"""What the site makes of docstrings, of links, and of tutorials; the site itself is built by ``make docs``."""

from __future__ import annotations

import json
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
    if name == "notebooks":
        pytest.importorskip("jupytext", reason="jupytext is not installed: it comes with `make docs`")
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
        == "[t](tutorials/03_x.ipynb), [c](changes.md), f (`crlspec/a.py`), [own](edges.md#a)"
    )
    deeper = "[t](../../tutorials/03_x.py) and [d](../data.md#a)"
    assert extension.linked(deeper, 1) == "[t](../tutorials/03_x.ipynb) and [d](../data.md#a)"


@pytest.mark.parametrize("extension", ["repository_links"], indirect=True)
def test_a_value_of_a_table_stays_with_its_error(extension: ModuleType) -> None:
    assert extension.unbroken("a ± b\n| 1 ± 2 |\n") == "a ± b\n| 1\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}2 |\n"


@pytest.mark.parametrize("extension", ["notebooks"], indirect=True)
def test_a_tutorial_becomes_a_notebook_that_its_page_offers(extension: ModuleType, tmp_path: Path) -> None:
    script, folder = tmp_path / "01_x.py", tmp_path / "site"
    folder.mkdir()
    (folder / "99_gone.ipynb").write_text("old", "utf-8")
    script.write_text("# %% [markdown]\n# # Title\n#\n# Words.\n\n# %%\na = 1\nprint(a + 1)\n", "utf-8")
    extension.make(folder, iter([script]))
    (made,) = folder.iterdir()
    told = [
        (cell["cell_type"], "".join(cell["source"])) for cell in json.loads(made.read_text("utf-8"))["cells"]
    ]
    assert made.name == "01_x.ipynb"
    assert told == [("markdown", "# Title\n\nWords."), ("code", "a = 1\nprint(a + 1)")]
    page = json.loads(extension.offered("01_x", made.read_text("utf-8")))
    offer = "Open it in Jupyter: {download}`01_x.ipynb`. As a script: `tutorials/01_x.py`."
    assert [cell["source"] for cell in page["cells"]][1] == offer

    first = made.stat().st_mtime_ns
    extension.make(folder, iter([script]))
    assert made.stat().st_mtime_ns == first, "a notebook that says the same is left alone"
