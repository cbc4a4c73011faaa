"""A stored result that is damaged: what is wrong with it, and what of it can still be saved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crlspec.errors import DataError

__all__ = ["damaged", "reading"]

BROKEN = (
    KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError, OverflowError, ArithmeticError,
    NotImplementedError, RuntimeError, OSError, EOFError,
)  # fmt: skip
"""What reading raises where a file does not hold what was written."""


def damaged(path: Path, what: str) -> DataError:
    """The error that says so; ``what`` is a sentence without its full stop."""
    return DataError(f"{path}: the result is damaged: {what.rstrip('.')}.", remedy=_saved(path))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises DataError in place of everything that comes of a file that does not hold what was written."""
    try:
        yield
    except BROKEN as error:
        text = " ".join(str(error).split())[:200] or "it does not say why"
        if isinstance(error, KeyError):
            raise damaged(path, f"{text} is missing") from error
        raise damaged(path, f"it cannot be read ({text})") from error


def _saved(path: Path) -> str:
    """What lies beside it and is whole, and how the result is made again."""
    folder = path.parent
    whole = [name for name in ("dag.json", "status.json", "metrics.json") if _is_json(folder / name)]
    if (folder / "report.html").is_file():
        whole.append("report.html")
    kept = f"{', '.join(whole)} beside it {'is' if len(whole) == 1 else 'are'} whole. " if whole else ""
    seed = _seed(folder / "spec.yaml")
    if seed is None:
        return f"{kept}Run its spec again, or take a copy of the file."
    given = "" if seed == "0" else f" --seed {seed}"
    return f"{kept}crlspec run {folder / 'spec.yaml'}{given} --out NEW makes it again."


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _seed(path: Path) -> str | None:
    """The seed that a run's spec.yaml names in its first line; None where there is no such spec."""
    from crlspec.errors import CrlspecError
    from crlspec.spec.load import load

    try:
        load(path)
        first = path.read_text(encoding="utf-8").partition("\n")[0]
    except (CrlspecError, OSError, ValueError):
        return None
    found = re.search(r", seed (\d+)", first)
    return "0" if found is None else found[1]
