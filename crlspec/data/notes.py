"""The notes beside data: read with their types, since what they say decides which environment is which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crlspec.data.strangers import require_regular
from crlspec.errors import DataError

__all__ = ["NOTES", "TRUTH", "notes_in", "notes_of"]

TRUTH, NOTES = "truth", "crlspec.json"
"""The subfolder of latents, and the file of notes, in a folder of data."""


def notes_in(path: Path, environments: Mapping[str, object]) -> dict[str, Any]:
    """The notes of a folder; a name of an environment that has since gone is forgotten. Empty where there are none.

    Raises DataError where the file is damaged.
    """
    if not path.exists() and not path.is_symlink():
        return {}
    require_regular(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(str(path), str(getattr(error, "strerror", None) or error)) from None
    notes = notes_of(text, str(path))
    if notes.get("observational") not in environments:
        notes.pop("observational", None)
    return notes


def notes_of(text: object, where: str) -> dict[str, Any]:
    """The notes that a JSON text holds. Raises DataError, which begins with ``where``, unless they are of the types
    that were written."""
    try:
        notes = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise _damaged(where, f"no JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(notes, dict):
        raise _damaged(where, f"not a mapping but {notes!r:.60}")
    for key, (words, fits) in KINDS.items():
        if key in notes and not fits(notes[key]):
            raise _damaged(where, f"'{key}' should be {words}, and is {notes[key]!r:.60}")
    return notes


def _damaged(where: str, what: str) -> DataError:
    return DataError(
        f"{where}: the notes beside the data are damaged ({what}).",
        remedy="Mend or remove them; the data can be read without.",
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and one > 0 for one in value)


def _seeds(value: Any) -> bool:
    return isinstance(value, dict) and all(type(one) is int and one >= 0 for one in value.values())


KINDS = {
    "observational": ("the name of an environment", lambda one: one is None or isinstance(one, str)),
    "environments": ("a list of names", _texts),
    "cameras": ("a list of names", _texts),
    "image": ("three whole numbers", lambda one: _counts(one) and len(one) == 3),
    "seeds": ("whole numbers", _seeds),
}
"""Note → (what it is, whether a value is that)."""
