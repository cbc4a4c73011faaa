"""Progress of long work on stderr: plain text, and silent where nobody looks."""

from __future__ import annotations

import sys
import time
from typing import Protocol, TextIO

__all__ = ["Progress", "ProgressLine", "silent"]


class Progress(Protocol):
    """What long work reports to: ``progress("scores", 0.4)`` says that the stage is 40 % done.

    ``done`` is a share in [0, 1], or a count where ``total`` is given; without it, the stage has just begun.
    """

    def __call__(self, stage: str, done: float | None = None, total: float | None = None) -> None: ...


def silent(stage: str, done: float | None = None, total: float | None = None) -> None:
    """Takes every report and says nothing."""


class ProgressLine:
    """Writes one line that renews itself on a terminal, and one line a stage and tenth of it elsewhere.

    stream     where to write, stderr by default
    enabled    None: only where the stream is a terminal
    """

    def __init__(self, stream: TextIO | None = None, enabled: bool | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._enabled = self._terminal if enabled is None else enabled
        self._start = time.monotonic()
        self._last: tuple[str, int | None] | None = None
        self._drawn = 0

    def __call__(self, stage: str, done: float | None = None, total: float | None = None) -> None:
        if not self._enabled:
            return
        share = done / total if done is not None and total else done
        percent = None if share is None else round(100 * min(max(share, 0.0), 1.0))
        mark = (stage, percent if self._terminal or percent is None else percent // 10)
        if mark == self._last:
            return
        self._last = mark
        text = f"[{time.monotonic() - self._start:6.1f} s] {stage}" + (
            "" if percent is None else f" {percent} %"
        )
        if self._terminal:
            self._stream.write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Wipes the renewed line, so that what is printed next starts on a clean one."""
        if self._enabled and self._terminal and self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0
        self._last = None
