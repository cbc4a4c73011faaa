"""``runs.csv``: rows appended whole, so that a kill costs the runs in hand and no others."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crlspec.disk.write import failures
from crlspec.errors import OutputExists

__all__ = ["RowFile", "open_rows"]


class RowFile:
    """An open file of rows, held by this process alone. Made by :func:`open_rows`.

    rows  those in the file, as texts, in the order of the file
    """

    def __init__(
        self, descriptor: int, path: Path, fields: Sequence[str], rows: list[dict[str, str]]
    ) -> None:
        self._descriptor, self._path = descriptor, path
        self.fields = tuple(fields)
        self.rows = rows

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row, in one piece and to the disk; what is None or NaN stays empty.

        Raises WriteError where that cannot be; the rows before it stand.
        """
        kept = {key: _text(row.get(key)) for key in self.fields}
        with failures(self._path):
            _write(self._descriptor, _line(kept.values()))
        self.rows.append(kept)


@contextmanager
def open_rows(path: Path, fields: Sequence[str]) -> Iterator[RowFile]:
    """Open a file of rows, new or to be continued; a row that was cut off in its middle is taken away first.

    Raises OutputExists where the file has other columns, or another process is writing to it; WriteError where it
    cannot be written.
    """
    with failures(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, path)
        with failures(path):
            whole = _whole_lines(descriptor)
            if not whole:
                _write(descriptor, _line(fields))
        yield RowFile(descriptor, path, fields, _parsed(whole, fields, path))
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int) -> str:
    """The text up to the last line's end; what comes after is cut off the file, and writing goes on there."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        content = file.read()
    kept = content[: content.rfind(b"\n") + 1]
    os.ftruncate(descriptor, len(kept))
    os.lseek(descriptor, len(kept), os.SEEK_SET)
    return kept.decode("utf-8", errors="replace")


def _parsed(text: str, fields: Sequence[str], path: Path) -> list[dict[str, str]]:
    if not text:
        return []
    header, *lines = list(csv.reader(io.StringIO(text)))
    if tuple(header) != tuple(fields):
        raise OutputExists(
            f"{path} has other columns than these runs would write.",
            remedy="Give another --out DIR, or --force to start anew.",
        )
    return [dict(zip(fields, line, strict=True)) for line in lines if len(line) == len(fields)]


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8")


def _write(descriptor: int, line: bytes) -> None:
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        os.lseek(descriptor, before, os.SEEK_SET)
        raise


def _text(value: Any) -> str:
    """A value on one line; nothing for a number that is none."""
    if value is None or value != value:  # noqa: PLR0124  NaN
        return ""
    return " ".join(str(value).split())


def _lock(descriptor: int, path: Path) -> None:
    """Held until the file is closed, also by a kill. Where the system has no such locks, nothing is held."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise OutputExists(
            f"{path}: another sweep is writing to it.",
            remedy="Wait for it to end, or give another --out DIR.",
        ) from None
