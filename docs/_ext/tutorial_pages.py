"""Tutorials as pages: their words, their code, and what it printed and drew when it was run for this site.

A tutorial is a script of cells (``# %%``). Each is run in a process of its own; its page is made anew only where the
script, or any file of crlspec, is another than the last time.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
LONGEST = 4_000
"""Characters of an output that are shown."""


class Cell(NamedTuple):
    """Words, or code, of a tutorial."""

    is_text: bool
    source: str


def cells(script: str) -> Iterator[Cell]:
    """The cells of a script."""
    for part in ("\n" + script).split("\n# %%")[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip("\n").split("\n")]
            yield Cell(True, "\n".join(lines))
        elif body.strip():
            yield Cell(False, body.strip("\n"))


def run(script: Path, pictures: Path) -> list[str]:
    """What each cell of code printed; pictures are saved as <tutorial>-<cell>-<figure>.png."""
    outputs = []
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    for number, cell in enumerate(cells(script.read_text(encoding="utf-8"))):
        if cell.is_text:
            outputs.append("")
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(cell.source, script.name, "exec"), names)
        outputs.append(printed.getvalue())
        _save_figures(pictures, f"{script.stem}-{number}")
    return outputs


def _save_figures(folder: Path, stem: str) -> None:
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is None:
        return
    for figure in plots.get_fignums():
        plots.figure(figure).savefig(folder / f"{stem}-{figure}.png", dpi=110, bbox_inches="tight")
    plots.close("all")


def page(script: Path, outputs: list[str], pictures: Path) -> str:
    """The Markdown of a tutorial that was run."""
    parts = []
    for number, (cell, printed) in enumerate(
        zip(cells(script.read_text(encoding="utf-8")), outputs, strict=True)
    ):
        parts.append(cell.source if cell.is_text else f"```python\n{cell.source}\n```")
        if printed.strip():
            shown = printed.rstrip() if len(printed) <= LONGEST else printed[:LONGEST] + "\n…"
            parts.append(f"````text\n{shown}\n````")
        for picture in sorted(pictures.glob(f"{script.stem}-{number}-*.png")):
            parts.append(f"![What this cell drew]({picture.name})")
    return "\n\n".join(parts) + f"\n\nThe script: `tutorials/{script.name}`.\n"


def make(folder: Path, running: bool = True) -> None:
    """Make the pages of all tutorials in a folder, as far as they are not there for these sources.

    running  whether tutorials are run; without, a page that is not there yet has no outputs
    """
    folder.mkdir(exist_ok=True)
    sources = hashlib.sha256()
    for name in ("crlspec", "models", "specs", "docs/_ext"):
        for path in sorted((ROOT / name).rglob("*")):
            if path.suffix in (".py", ".yaml", ".xml"):
                sources.update(path.read_bytes())
    wanted = {"index.md"}
    for script in sorted((ROOT / "tutorials").glob("*.py")):
        target, stamp = folder / f"{script.stem}.md", folder / f"{script.stem}.digest"
        wanted |= {target.name, stamp.name}
        digest = hashlib.sha256(sources.digest() + script.read_bytes()).hexdigest()
        if target.is_file() and (not running or (stamp.is_file() and stamp.read_text() == digest)):
            continue
        for old in folder.glob(f"{script.stem}-*.png"):
            old.unlink()
        silent = ["" for _ in cells(script.read_text(encoding="utf-8"))]
        outputs = _in_a_process(script, folder) if running else silent
        target.write_text(page(script, outputs, folder), encoding="utf-8")
        stamp.write_text(digest if running else "not run")
    for stray in folder.glob("*.md"):
        if stray.name not in wanted:
            stray.unlink()


def _in_a_process(script: Path, pictures: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as work:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
            "TMPDIR": work,
            "COLUMNS": "100",
        }
        call = [sys.executable, str(Path(__file__).resolve()), str(script.resolve()), str(pictures.resolve())]
        done = subprocess.run(call, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script.name} failed:\n{done.stderr[-3000:]}")
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return [text.replace(work, "…") for text in found]


def setup(app: Any) -> dict[str, bool]:
    """Registers the extension."""
    app.add_config_value("tutorials_run", True, "env", [bool])
    app.connect("builder-inited", lambda app: make(Path(app.srcdir) / "tutorials", app.config.tutorials_run))
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]))))
