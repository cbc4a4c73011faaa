"""Processes that work for another one end with it, however it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

__all__ = ["end_with_parent"]

LOOK = 0.5
"""Seconds between two looks at the parent, where the system does not tell of its end."""
PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """From now on this process ends when process ``parent``, which started it, has ended: killed ones too.

    Called in a worker as it starts. Ctrl-C, which a terminal sends to all, is left to the parent, who stops its
    workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not _asked_of_the_system():
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before this was asked for
        os._exit(1)


def _asked_of_the_system() -> bool:
    """Whether Linux will kill this process at the end of the thread that started it."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        return ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0
    except (OSError, AttributeError):
        return False


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)
