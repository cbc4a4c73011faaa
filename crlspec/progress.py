"""Progress of long work: told on stderr where somebody looks, and the losses of what trains kept on the way."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TextIO

__all__ = ["Extent", "Losses", "Progress", "ProgressLine", "Recorder", "silent"]

Extent = float | None
"""How far a stage has come, or goes: a share or a count; None where nobody knows."""


@dataclass(frozen=True)
class Losses:
    """Losses, after ``step`` steps, of networks that train side by side.

    kind    what they are, in words: ``held-out log loss``
    values  network → loss, always the same networks in one fit
    dim     what the networks are named by: ``network``, or ``environment`` where each has its own
    """

    step: int
    kind: str
    values: Mapping[str, float]
    dim: str = "network"


class Progress(Protocol):
    """What long work reports to: ``progress("scores", 0.4)`` says that the stage is 40 % done.

    ``done`` is a share in [0, 1], or a count where ``total`` is given; without it, the stage has just begun.
    ``losses`` are for a :class:`Recorder`; whoever only shows progress need not look at them.
    """

    def __call__(
        self, stage: str, done: Extent = None, total: Extent = None, *, losses: Losses | None = None
    ) -> None: ...


def silent(stage: str, done: Extent = None, total: Extent = None, *, losses: Losses | None = None) -> None:
    """Takes every report and says nothing."""


@dataclass(frozen=True)
class Recorder:
    """Hands every report on, without its losses, and keeps these: ``fits[stage]`` is a list of fits, each the
    losses from its first step to its last. A fit ends where the steps start again, or other networks train."""

    onward: Callable[..., None]
    fits: dict[str, list[list[Losses]]] = field(default_factory=dict)

    def __call__(
        self, stage: str, done: Extent = None, total: Extent = None, *, losses: Losses | None = None
    ) -> None:
        if losses is not None:
            fits = self.fits.setdefault(stage, [])
            last = fits[-1][-1] if fits else None
            if last is None or losses.step <= last.step or losses.values.keys() != last.values.keys():
                fits.append([])
            fits[-1].append(losses)
        self.onward(stage, *(value for value in (done, total) if value is not None))


@dataclass(frozen=True)
class Pace:
    """Since when a stage is on its way, and from which share of it: one that goes on from a checkpoint begins late.

    begun  seconds, by the clock that ``left`` is asked with
    share  of the stage that was done then; ``last``: that is done now
    """

    stage: str
    begun: float
    share: float
    last: float

    def after(self, share: float) -> Pace:
        """The same with more done."""
        return replace(self, last=share)

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes at the pace so far; None within the first second, or where nothing was done."""
        gone, done = now - self.begun, self.last - self.share
        return None if gone < 1 or done <= 0 else gone * (1 - self.last) / done


class ProgressLine:
    """Writes one line that renews itself on a terminal, and one line a stage and tenth of it elsewhere. Stages are
    numbered as they come; where their length is known, they are told with what is done and the time that is left.

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
        self._stages: list[str] = []
        self._pace: Pace | None = None

    def __call__(
        self, stage: str, done: Extent = None, total: Extent = None, *, losses: Losses | None = None
    ) -> None:
        if not self._enabled:
            return
        share = done / total if done is not None and total else done
        percent = None if share is None else round(100 * min(max(share, 0.0), 1.0))
        mark = (stage, percent if self._terminal or percent is None else percent // 10)
        if mark == self._last:
            return
        self._last = mark
        if stage not in self._stages:
            self._stages.append(stage)
        now = time.monotonic()
        text = f"[{now - self._start:6.1f} s] {self._stages.index(stage) + 1}. {stage}"
        if share is not None and percent is not None:
            text += f" {_counted(done, total)}{percent} %{_remaining(self._left(stage, share, now))}"
        if self._terminal:
            self._stream.write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _left(self, stage: str, share: float, now: float) -> float | None:
        pace = self._pace
        if pace is None or pace.stage != stage or share < pace.last:
            pace = Pace(stage, now, share, share)
        self._pace = pace.after(share)
        return self._pace.left(now) if share < 1 else None

    def close(self) -> None:
        """Wipes the renewed line, so that what is printed next starts on a clean one."""
        if self._enabled and self._terminal and self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0
        self._last = None


def _counted(done: Extent, total: Extent) -> str:
    """``3 of 20, `` where steps are counted, and nothing of a share."""
    return f"{done:,.0f} of {total:,.0f}, " if done is not None and total is not None and total > 1 else ""


def _remaining(seconds: float | None) -> str:
    """``, 12 s left``, in the unit that reads best; nothing where it is not known."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f", {seconds:.0f} s left"
    minutes = seconds / 60
    return f", {minutes:.0f} min left" if minutes < 100 else f", {minutes / 60:.1f} h left"
