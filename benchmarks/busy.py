"""How much of the time of trainings has a GPU a kernel to run? Asked of nvidia-smi ten times a second meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

QUESTION = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100")


@dataclass
class Watch:
    """looks: when trainings told where they are, and which; samples: when the GPU was asked, and percent; uncaptured:
    what was said of trainings whose kernels are called one by one."""

    looks: list[tuple[float, str]] = field(default_factory=list)
    samples: list[tuple[float, float]] = field(default_factory=list)
    uncaptured: list[str] = field(default_factory=list)

    def progress(self, stage: str, done: Any = None, total: Any = None, *, losses: Any = None) -> None:
        """Given to a solve."""
        if "one by one" in stage:
            self.uncaptured.append(stage)
        self.looks.append((time.monotonic(), stage if losses is not None else ""))

    @property
    def share(self) -> float | None:
        """The mean of what was said between two looks of one training; None where nothing was."""
        times = [at for at, _ in self.looks]
        said = []
        for at, percent in self.samples:
            k = bisect(times, at)
            if 0 < k < len(times) and self.looks[k - 1][1] == self.looks[k][1] != "":
                said.append(percent / 100)
        return sum(said) / len(said) if said else None


@contextmanager
def watched(is_gpu: bool) -> Iterator[Watch]:
    """The watch over what is done within; without a GPU, or nvidia-smi, it sees nothing."""
    watch = Watch()
    try:
        asked = subprocess.Popen(QUESTION, stdout=subprocess.PIPE, text=True) if is_gpu else None
    except OSError:
        asked = None
    if asked is None:
        yield watch
        return

    def listen() -> None:
        for line in asked.stdout or ():
            if line.strip().isdigit():
                watch.samples.append((time.monotonic(), float(line)))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield watch
    finally:
        asked.terminate()
        listener.join(2.0)
