"""A call that is stopped ends as others do: its temporary files go, and a sentence says what to do next."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from crlspec.errors import INTERRUPTED

__all__ = ["Terminated", "stoppable", "stopped_with"]

TERMINATED = 143
"""Exit status of what was stopped by SIGTERM."""


class Terminated(KeyboardInterrupt):
    """Raised where the process is asked to end by SIGTERM: what holds for Ctrl-C holds for it."""


@contextmanager
def stoppable(received: list[KeyboardInterrupt]) -> Iterator[None]:
    """SIGTERM raises :class:`Terminated`, within the block; what SIGTERM and Ctrl-C raised is kept in ``received``.

    Where Ctrl-C is ignored, as for a call in the background, it stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        received.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise received[-1]

    former = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        former[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def stopped_with(stopped: KeyboardInterrupt, text: str = "") -> int:
    """Say on stderr that the call was stopped, what it leaves and what to do next; the exit status for it.

    text  what it leaves and what to do next, where the interruption does not say
    """
    ended = isinstance(stopped, Terminated)
    told = text or str(stopped) or "nothing was written. The same call starts anew."
    print(f"crlspec: {'ended by SIGTERM' if ended else 'interrupted'}; {told}", file=sys.stderr)
    return TERMINATED if ended else INTERRUPTED
