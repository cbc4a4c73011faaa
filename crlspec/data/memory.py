"""How much memory there is, so that what cannot fit is said before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

from crlspec.errors import CrlspecError

__all__ = ["free_bytes", "refuse_too_large", "shown"]

MEMINFO = Path("/proc/meminfo")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def free_bytes() -> int | None:
    """Memory that can still be taken: that of the machine, or what a container leaves of it; None if not known."""
    known = [
        found for found in (_of_machine(), *(_of_container(*pair) for pair in LIMITS)) if found is not None
    ]
    return min(known, default=None)


def refuse_too_large(
    size: int, what: str, remedy: str = "Ask for fewer samples, or use a machine with more memory."
) -> None:
    """Raises CrlspecError where ``size`` bytes are more than there are; ``what`` takes them."""
    free = free_bytes()
    if free is not None and size > free:
        raise CrlspecError(
            f"{what} need about {shown(size)} of memory, and {shown(free)} are free.",
            remedy=remedy,
        )


def _of_machine() -> int | None:
    try:
        line = next(one for one in MEMINFO.read_text().splitlines() if one.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _of_container(limit: Path, used: Path) -> int | None:
    try:
        return int(limit.read_text()) - int(used.read_text())
    except (OSError, ValueError):
        return None  # no container, or one without a limit


def shown(size: int) -> str:
    """``8.0 GB``"""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
