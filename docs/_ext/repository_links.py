"""Links of pages to files of the repository, as the site has them: tutorials are pages, source files are names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\((?:\.\./)+([^)#\s]+)(#[^)\s]*)?\)")
PAGES = {"CHANGELOG.md": "changes.md", "README.md": "index.md", "models/README.md": "families.md"}


def linked(text: str, depth: int = 0) -> str:
    """The text of a page so many folders deep, with its links out of ``docs`` as the site has them."""
    up = "../" * depth

    def target(found: re.Match[str]) -> str:
        words, path, anchor = found[1], found[2], found[3] or ""
        if path.startswith("tutorials/") and path.endswith(".py"):
            return f"[{words}]({up}{path.removesuffix('.py')}.ipynb)"
        if path in PAGES:
            return f"[{words}]({up}{PAGES[path]}{anchor if path != 'README.md' else ''})"
        return found[0] if (path.endswith((".md", ".gif", ".png")) and depth) else f"{words} (`{path}`)"

    return LINK.sub(target, text)


def unbroken(text: str) -> str:
    """The text with every ``value ± error`` of a table kept in one line."""
    return re.sub(
        r"^\|.*$",
        lambda row: row[0].replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"),
        text,
        flags=re.M,
    )


def bring_in(folder: Path) -> None:
    """Files of the repository that are pages of the site, with their links as they are seen from ``docs``."""
    for source, target in PAGES.items():
        if source != "README.md":
            text = (folder.parent / source).read_text(encoding="utf-8")
            (folder / target).write_text(re.sub(r"\]\((?:\.\./)*docs/", "](", text), encoding="utf-8")


def _read(_app: Any, name: str, source: list[str]) -> None:
    source[0] = unbroken(linked(source[0], name.count("/")))


def setup(app: Any) -> dict[str, bool]:
    """Registers the extension."""
    app.connect("builder-inited", lambda app: bring_in(Path(app.srcdir)))
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
