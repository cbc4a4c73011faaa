"""How text meets a terminal: any encoding, its width, and a little colour where somebody looks."""

from __future__ import annotations

import codecs
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from typing import TextIO

__all__ = ["dressed", "plain_where_needed"]

PLAIN = {
    "→": "->", "←": "<-", "−": "-", "±": "+/-", "×": "x", "…": "...", "—": "-", "–": "-", "≤": "<=", "✓": "ok",
    "✗": "no", "⇄": "<>", "·": "-", "²": "^2", "≈": "~", "’": "'",
    "“": '"', "”": '"', "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
COLOURS = {
    re.compile(r"^(status   )?ok\b(?=:)"): "32",
    re.compile(r"^(status   )?(undecided|refuted)\b(?=:)"): "33",
    re.compile(r"^error\b(?=:)"): "31",
    re.compile(r"^(warning|note)\b(?=:)"): "36",
    re.compile(r"Remedy:"): "1",
}
NARROWEST = 40


def plain_where_needed() -> None:
    """Let stdout and stderr write, in place of characters that their encoding lacks, what is nearest to them."""
    codecs.register_error("crlspec.plain", _nearest)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
            reconfigure(errors="crlspec.plain")


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(PLAIN.get(one) or _spelt(one) for one in found), error.end


def _spelt(character: str) -> str:
    """A letter without its accent, a Greek one by its name; a question mark for all else."""
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and len(words) > 3:
        return words[3].lower()
    base = "".join(one for one in unicodedata.normalize("NFKD", character) if one.isascii())
    if base:
        return base
    return words[4].lower() if words[:4] == ["LATIN", "SMALL", "LETTER", "DOTLESS"] else "?"


def dressed(text: str, stream: TextIO) -> str:
    """The text as it is, unless the stream is a terminal: then lines are wrapped to its width, what goes on under
    what it belongs to, and a few words coloured (not with NO_COLOR)."""
    if not stream.isatty():
        return text
    width = max(shutil.get_terminal_size().columns, NARROWEST)
    lines = [part for line in text.split("\n") for part in _wrapped(line, width)]
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return "\n".join(lines)
    return "\n".join(_coloured(line) for line in lines)


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    gap = re.match(r"(\s*\S+\s{2,})", line)
    indent = len(gap[1]) if gap is not None and len(gap[1]) < width // 2 else len(line) - len(line.lstrip())
    return textwrap.wrap(
        line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False,
        drop_whitespace=True, initial_indent="", expand_tabs=False, replace_whitespace=False,
    )  # fmt: skip


def _coloured(line: str) -> str:
    for pattern, code in COLOURS.items():
        line = pattern.sub(lambda found, code=code: f"\033[{code}m{found[0]}\033[0m", line)  # type: ignore[misc]
    return line
