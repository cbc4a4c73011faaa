"""Before long work: can its outcome be written where it shall go, and is there room for it?"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from crlspec.disk.owner import locked, remove, sweep, temporary
from crlspec.disk.write import failures, made_parents
from crlspec.errors import OutputExists, WriteError

__all__ = ["require_room", "require_writable", "size_text"]

MOUNTS = Path("/proc/self/mountinfo")


def require_writable(path: str | Path) -> None:
    """Raises WriteError where a file or folder of this name cannot be written; tries it, and leaves nothing.

    A folder that is there is written into; else a neighbour is tried. Raises OutputExists for a file that is a mount
    point, in whose place nothing can be put.
    """
    given = Path(path)
    with failures(given):
        place = given.resolve()
        if place.is_file() and _is_mounted(place):
            raise OutputExists(
                f"{given} is a mount point, and no other file can take its place.",
                remedy="Give the name of another file in a folder.",
            )
        if place.exists() and not place.is_file() and not place.is_dir():
            return
        inside = place.is_dir()
        folder, name = (place, "") if inside else (place.parent, place.name)
        try:
            with made_parents(folder, given):
                with locked(folder):
                    sweep(folder, name)
                trial = folder / temporary(name)
                try:
                    trial.mkdir()
                finally:
                    remove(trial)
                raise _Tried
        except _Tried:
            return


class _Tried(Exception):  # noqa: N818
    """Ends a trial, so that folders that were made for it go again."""


def require_room(path: str | Path, largest: int, total: int | None = None) -> None:
    """Raises WriteError where the files to be written need more room than there is.

    largest  bytes of the largest file, about; total: of all of them, where there are more
    """
    needed = largest if total is None else total
    place = Path(path).resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return
    if needed > free:
        raise WriteError(
            f"disk full: {path} needs about {size_text(needed)}, and {size_text(free)} are free there.",
            remedy="Free some space, choose another place, or ask for fewer samples.",
        )
    if (limit := _file_limit()) is not None and largest > limit:
        raise WriteError(
            f"disk full: {path} needs a file of about {size_text(largest)}, and files may have {size_text(limit)} "
            "here (ulimit -f).",
            remedy="Raise the limit, or ask for fewer samples.",
        )


def size_text(count: int) -> str:
    """``5.1 GB``"""
    size, unit = float(count), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def _file_limit() -> int | None:
    """Bytes that a file of this process may have; None where there is no limit."""
    try:
        import resource
    except ImportError:
        return None
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def _is_mounted(path: Path) -> bool:
    if os.path.ismount(path):
        return True
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    points = (line.split(" ")[4] for line in lines if len(line.split(" ")) > 4)
    return any(str(path) == re.sub(r"\\(\d{3})", _character, point) for point in points)


def _character(found: re.Match[str]) -> str:
    """What ``\\040`` stands for: a blank."""
    return chr(int(found[1], 8))
