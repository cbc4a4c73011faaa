"""Docstrings in plain words as reStructuredText: prose stays prose, tables and code keep their columns."""

from __future__ import annotations

import re
from typing import Any

TABLE = re.compile(r"^\s*\S.*?\S {2,}\S|^\s+\S")
"""A line with columns, or one that is indented."""
KEPT = re.compile(r"(``.+?``)")


def plain(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText that warns of nothing."""
    found: list[str] = []
    for paragraph in "\n".join(lines).strip("\n").split("\n\n"):
        part = paragraph.split("\n")
        if any(TABLE.match(line) for line in part):
            found += ["::", "", *(f"    {_unmarked(line)}" for line in part), ""]
        else:
            found += [_prose(" ".join(line.strip() for line in part)), ""]
    return found


def _unmarked(line: str) -> str:
    """A line whose columns are kept, without the marks of code."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", line).replace("``", "")


def _prose(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]+)`", r"``\1``", text)
    parts = KEPT.split(text)
    return "".join(part if KEPT.fullmatch(part) else re.sub(r"([*|_`\\])", r"\\\1", part) for part in parts)


def _process(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)


def setup(app: Any) -> dict[str, bool]:
    """Registers the extension."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}
