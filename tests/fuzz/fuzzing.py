"""What a fuzzer is, and what is counted of its inputs: tracebacks, hangs, executions, errors without a place."""

from __future__ import annotations

import abc
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crlspec.errors import CrlspecError, SpecError

SECONDS = 2.0
"""CPU seconds after which an input hangs."""
LIMIT = 10
"""Seconds of the clock after which it is stopped: what waits takes no CPU."""
EXECUTES = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pty.spawn", "socket.connect",
            "pickle.find_class", "ctypes.dlopen")  # fmt: skip
"""Events of the interpreter that no input may bring about."""


class Hang(BaseException):
    """Raised inside of what does not end."""


@dataclass
class Counts:
    """Of so many inputs of a kind, and the first examples of what was wrong."""

    kind: str
    inputs: int = 0
    taken: int = 0
    tracebacks: int = 0
    hangs: int = 0
    executions: int = 0
    unplaced: int = 0
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.tracebacks or self.hangs or self.executions or self.unplaced)

    def keep(self, number: int, what: str) -> None:
        """Keep an example, by the number that makes it again."""
        if len(self.examples) < 20:
            self.examples.append(f"{self.kind} {number}: {what}")


class Fuzzer(abc.ABC):
    """Makes inputs of one kind from numbers, each by itself, and gives them to what reads them."""

    kind: str
    placed = False
    """Whether every error must have line and column."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def fresh(self, name: str) -> Path:
        """The path of a new file; the one before is removed. HDF5 may take a file of a former path for that."""
        (self.folder / f"{self.count}{name}").unlink(missing_ok=True)
        self.count += 1
        return self.folder / f"{self.count}{name}"

    @abc.abstractmethod
    def make(self, rng: random.Random) -> Any:
        """An input."""

    @abc.abstractmethod
    def take(self, made: Any) -> None:
        """Read it; raises CrlspecError where it is refused."""

    def shown(self, made: Any) -> str:
        """An input in an example."""
        return repr(made)[:300]


_EVENTS: list[str] | None = None
_HOOKED = [False]


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _EVENTS is not None and event in EXECUTES:
        _EVENTS.append(f"{event}{arguments!r}"[:200])


@contextmanager
def listening() -> Iterator[list[str]]:
    """The events of the list above while the block runs; hooks stay in a process, so this one falls silent after."""
    global _EVENTS  # noqa: PLW0603
    if not _HOOKED[0]:
        sys.addaudithook(_heard)
        _HOOKED[0] = True
    _EVENTS = events = []
    try:
        yield events
    finally:
        _EVENTS = None


@contextmanager
def bounded() -> Iterator[None]:
    """Raises Hang in the block after ``LIMIT`` seconds."""

    def stop(*_: object) -> None:
        raise Hang

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def fuzz(fuzzer: Fuzzer, seed: int, count: int) -> Counts:
    """Give ``count`` inputs to what reads them; input k of a seed is always the same."""
    counts = Counts(fuzzer.kind)
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(count):
            made = fuzzer.make(random.Random(f"{fuzzer.kind} {seed} {number}"))
            _one(fuzzer, made, number, counts)
    counts.seconds = time.process_time() - begun
    return counts


def _one(fuzzer: Fuzzer, made: Any, number: int, counts: Counts) -> None:
    counts.inputs += 1
    start = time.process_time()
    with listening() as events:
        try:
            with bounded():
                fuzzer.take(made)
            counts.taken += 1
        except CrlspecError as error:
            issues = error.issues if isinstance(error, SpecError) else ()
            if fuzzer.placed and any(issue.line is None or issue.column is None for issue in issues):
                counts.unplaced += 1
                counts.keep(number, f"no place: {error} of {fuzzer.shown(made)}")
        except Hang:
            counts.hangs += 1
            counts.keep(number, f"stopped after {LIMIT} s: {fuzzer.shown(made)}")
        except Exception as error:
            counts.tracebacks += 1
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "crlspec" in frame.filename] or frames
            where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
            counts.keep(
                number, f"{type(error).__name__} at {where}: {str(error)[:160]} of {fuzzer.shown(made)}"
            )
    if time.process_time() - start > SECONDS:
        counts.hangs += 1
        counts.keep(number, f"{time.process_time() - start:.1f} s of {fuzzer.shown(made)}")
    if events:
        counts.executions += 1
        counts.keep(number, f"{events[0]} of {fuzzer.shown(made)}")
