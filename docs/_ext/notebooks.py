"""Tutorials as notebooks: jupytext makes one of each script, myst-nb runs it, and its page offers it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext

ROOT = Path(__file__).parents[2]
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
OFFER = "Open it in Jupyter: {{download}}`{name}.ipynb`. As a script: `tutorials/{name}.py`."


def make(folder: Path, scripts: Iterator[Path]) -> None:
    """Write a notebook of each script into the folder, without outputs; notebooks of scripts that are gone go too.

    A notebook that is there already and says the same is left as it is, so that its page is not made anew.
    """
    wanted = set()
    for script in scripts:
        notebook = jupytext.read(script, fmt="py:percent")
        notebook.metadata["kernelspec"] = KERNEL
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"
        target, text = folder / f"{script.stem}.ipynb", jupytext.writes(notebook, fmt="ipynb")
        wanted.add(target)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    for stray in set(folder.glob("*.ipynb")) - wanted:
        stray.unlink()


def offered(name: str, text: str) -> str:
    """The JSON of a notebook with a line after its first cell that offers the notebook; the file has no such line."""
    notebook = json.loads(text)
    offer = {"cell_type": "markdown", "id": "offer", "metadata": {}, "source": OFFER.format(name=name)}
    notebook["cells"].insert(1, offer)
    return json.dumps(notebook)


def digest() -> str:
    """Of all that a tutorial may call: outputs in the cache are those of these files."""
    found = hashlib.sha256()
    for folder in ("crlspec", "models", "specs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".xml"):
                found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _read(_app: Any, name: str, source: list[str]) -> None:
    folder, _, stem = name.rpartition("/")
    if folder == "tutorials" and stem != "index":
        source[0] = offered(stem, source[0])


def _begin(app: Any, config: Any) -> None:
    make(Path(app.srcdir) / "tutorials", iter(sorted((ROOT / "tutorials").glob("*.py"))))
    config.nb_execution_cache_path = str(Path(app.srcdir) / "_build" / "cache" / digest())


def setup(app: Any) -> dict[str, bool]:
    """Registers the extension."""
    app.connect("config-inited", _begin)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
