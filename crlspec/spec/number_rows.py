"""Rows of plain numbers, ``[0.5, 1.25, …]``, read without the YAML parser: matrices are most of a large spec.

Each row is taken out of the text before it is parsed, and a word of the same length stands in its place, so that
lines and columns stay. Where the word turns up inside another scalar, a quoted one, the row is put back.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["OPEN", "NumberRows"]

OPEN, CLOSE = "\ue000", "\ue001"
"""A private-use character before and after a row's number."""
SHORTEST = 16
"""Characters of a row that is worth it, and that the word has room in."""

_NUMBER = r"[-+]?[0-9.][-+0-9.eE]*"
_ROW = re.compile(rf"\[ *{_NUMBER}(?: *, *{_NUMBER})* *\]")
_WORD = re.compile(f"{OPEN}([0-9]+)x*{CLOSE}")


_OWN = (OPEN, CLOSE, "\\u", "\\U")
"""What a text may hold such characters by: it is then left as it is."""


class NumberRows:
    """The rows of one text; ``text`` is what is left for the parser."""

    def __init__(self, text: str) -> None:
        self.rows: list[str] = []
        self.text = text if any(mark in text for mark in _OWN) else _ROW.sub(self._taken, text)

    def _taken(self, found: re.Match[str]) -> str:
        row = found[0]
        if len(row) < SHORTEST:
            return row
        self.rows.append(row)
        number = str(len(self.rows) - 1)
        return f"{OPEN}{number}{'x' * (len(row) - len(number) - 2)}{CLOSE}"

    def row(self, word: str) -> str | None:
        """The text of the row that a plain scalar stands for; None where it is no such word."""
        found = _WORD.fullmatch(word) if self.rows else None
        return None if found is None else self.rows[int(found[1])]

    def restored(self, word: str) -> str:
        """A scalar with its rows put back."""
        return _WORD.sub(lambda found: self.rows[int(found[1])], word) if self.rows else word


def numbers(row: str) -> list[Any]:
    """The entries of a row, by the YAML 1.2 core schema: int or float, and str where a piece is none (``1.2.3``)."""
    return [_number(piece.strip()) for piece in row[1:-1].split(",")]


def _number(piece: str) -> Any:
    try:
        return float(piece) if "." in piece or "e" in piece or "E" in piece else int(piece)
    except ValueError:
        return piece
