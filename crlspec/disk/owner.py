"""Temporary files and folders: their names say whose they are, and those of processes that are gone are swept."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["READY", "UNFINISHED", "Owner", "is_own", "locked", "owner_of", "remove", "sweep", "temporary"]

OWN = ".crlspec-"
UNFINISHED = f"{OWN}unfinished"
"""In a folder: what a call keeps to go on from."""
READY = ".ready"
"""Ends the name of a temporary folder that is complete and about to be moved in."""
LONGEST = 120
"""Bytes of a name that a temporary name repeats; a longer one is stood for by its digest."""
ELSEWHERE = 7 * 24 * 3600.0
"""Seconds after which what another machine left is taken for forgotten."""
PATIENCE = 5.0
"""Seconds to wait for another call that is sweeping the same folder."""

NAME = re.compile(
    rf"\.(?:(?P<name>.+)\.)?{re.escape(OWN[1:])}(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-(?P<start>\d+)-(?P<time>\d+)"
    rf"-[0-9a-f]{{8}}(?P<ready>{re.escape(READY)})?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Owner:
    """Who made a temporary, and when.

    name   of the file or folder that it is to become; empty within that folder
    host   of the machine, a digest
    pid    of the process, and its ``start``, by which a later process of the same number is another
    time   of making it, in seconds since 1970
    ready  whether it was complete
    """

    name: str
    host: str
    pid: int
    start: int
    time: int
    ready: bool = False

    def alive(self) -> bool:
        """Whether its process still runs; of another machine's nobody knows, and it is believed for a week."""
        if self.host != _host():
            return time.time() - self.time < ELSEWHERE
        return _started(self.pid) == self.start


def temporary(name: str) -> str:
    """A hidden name that nobody uses, for what is to become ``name``; an empty one for what fills its own folder."""
    process, start = os.getpid(), _started(os.getpid())
    mine = f"{_host()}-{process}-{start}-{int(time.time())}-{secrets.token_hex(4)}"
    return f".{_short(name)}{OWN}{mine}" if name else f"{OWN}{mine}"


def owner_of(name: str) -> Owner | None:
    """Whose a name says it is; None where it is no temporary's."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    numbers = {key: int(found[key]) for key in ("pid", "start", "time")}
    return Owner(found["name"] or "", found["host"], **numbers, ready=found["ready"] is not None)


def is_own(name: str) -> bool:
    """Whether a file of this name is one that calls leave in a folder for themselves, and nobody's work."""
    return name == UNFINISHED or owner_of(name) is not None


def sweep(folder: Path, name: str) -> tuple[tuple[Path, Owner], ...]:
    """Remove what dead processes left in a folder of what was to become ``name``; what is left of it, those that are
    complete and those of calls that still run. Hold the folder's lock meanwhile."""
    left = []
    for entry in _entries(folder):
        owner = owner_of(entry.name)
        if owner is None or owner.name != _short(name):
            continue
        if owner.ready or owner.alive():
            left.append((entry, owner))
        else:
            remove(entry)
    return tuple(left)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that it holds, as far as that goes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, which ends with the process however that ends and leaves no file.

    Gives False, and holds nothing, where the system or the file system has no such locks, or another process keeps it
    for more than five seconds.
    """
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        yield _flocked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def _flocked(descriptor: int, how: int) -> bool:
    import fcntl

    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, how)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        except OSError:
            return False


def _entries(folder: Path) -> list[Path]:
    try:
        return [Path(entry) for entry in os.scandir(folder)]
    except OSError:
        return []


def _short(name: str) -> str:
    raw = os.fsencode(name)
    return name if len(raw) <= LONGEST else hashlib.sha256(raw).hexdigest()[:16]


def _host() -> str:
    """Of the machine, and of the space in which it counts processes: a container has its own."""
    import platform

    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _started(process: int) -> int | None:
    """When a process started, in ticks since the machine did; 0 where the system does not tell; None for none."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _runs(process)
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def _runs(process: int) -> int | None:
    """0 for a process that runs, where signals tell."""
    if os.name != "posix":
        return 0  # a signal 0 would end it there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return 0
    return 0
