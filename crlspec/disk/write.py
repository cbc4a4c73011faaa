"""One file: written beside its place, to the disk, and put in place: it is there whole, or as it was before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from crlspec.disk.owner import locked, remove, sweep, temporary
from crlspec.errors import OutputExists, WriteError

__all__ = ["Content", "failures", "made_parents", "refuse_file", "sync", "write_file"]

Content = bytes | memoryview | str | Callable[[IO[bytes]], object]
"""What a file shall hold: bytes; text, as UTF-8; or what a function writes into the open file."""

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_file(path: str | Path, content: Content, force: bool = False) -> Path:
    """Write a file, whole or not at all; missing folders are made. A link stays a link, to what is new.

    Raises OutputExists for a folder, and unless ``force`` for a file that is there; WriteError where the disk is full
    or the place cannot be written. Then nothing is left, and what was there stands.
    """
    path = Path(path)
    refuse_file(path, force)
    with failures(path):
        place = path.resolve()
        if place.exists() and not place.is_file():  # a device, a pipe
            with place.open("wb") as file:
                _fill(file, content)
            return path
        with made_parents(place.parent, path):
            _put(place, content)
    return path


def refuse_file(path: Path, force: bool) -> None:
    """Raises OutputExists for a folder, and unless ``force`` for a file that is there."""
    if path.is_dir():
        raise OutputExists(f"{path} is a folder.", remedy="Give the name of a file.")
    if path.exists() and not force:
        raise OutputExists(
            f"{path}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )


@contextmanager
def failures(path: Path) -> Iterator[None]:
    """Raises WriteError, which names ``path``, in place of what the system says."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        if error.errno in FULL:
            raise WriteError(
                f"disk full: {path} cannot be written ({reason}).",
                remedy="Free some space, or choose another place. Nothing was left there.",
            ) from error
        raise WriteError(
            f"{path}: cannot be written ({reason}).", remedy="Choose another place, or check its rights."
        ) from error


@contextmanager
def made_parents(folder: Path, named: Path) -> Iterator[None]:
    """The folder is there, with all those above it; those that had to be made go again where the block fails.

    named  what a WriteError speaks of where they cannot be made
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        with failures(named):
            if any(one.exists() and not one.is_dir() for one in (folder, *folder.parents)):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for one in missing:
            try:
                one.rmdir()
            except OSError:
                break
        raise


def sync(folder: Path) -> None:
    """The names in a folder reach the disk, where the system does that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _put(path: Path, content: Content) -> None:
    with locked(path.parent):
        sweep(path.parent, path.name)
    beside = path.parent / temporary(path.name)
    try:
        with os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), "w+b") as file:
            _fill(file, content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except BaseException:
        remove(beside)
        raise
    sync(path.parent)


def _fill(file: IO[bytes], content: Content) -> None:
    if callable(content):
        content(file)
    elif isinstance(content, str):
        file.write(content.encode("utf-8", errors="backslashreplace"))
    else:
        file.write(content)
