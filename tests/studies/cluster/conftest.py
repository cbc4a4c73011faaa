"""Real Dask clusters: one that stays, and processes that are killed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("distributed")

PATIENCE = 300
"""Seconds that a test waits for what must come, on a loaded machine."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with two workers, each a process with one thread."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as cluster:
        yield cluster.scheduler_address


def until(true: Callable[[], object]) -> None:
    """Wait for something to be true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@dataclass
class Dask:
    """Scheduler, workers and clients as processes of their own.

    folder  where they write
    port    of the scheduler, whichever process it is
    """

    folder: Path
    port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where clients find the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def scheduler(self, path: Path | None = None) -> subprocess.Popen[str]:
        """A scheduler that answers; ``path`` is where it looks for packages first."""
        given = ("--host", "127.0.0.1", "--port", self.port, "--no-dashboard")
        process = self._start("distributed.cli.dask_scheduler", *given, path=path)
        until(self._answers)
        return process

    def worker(self, threads: int = 1, path: Path | None = None) -> subprocess.Popen[str]:
        """A worker, which may come a while later; ``path`` is where it looks for packages first."""
        return self._start(
            "distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads", threads, "--no-dashboard",
            "--preload", Path(__file__).with_name("executions.py"), "--local-directory", self.folder,
            path=path,
        )  # fmt: skip

    def client(self, *call: object) -> subprocess.Popen[str]:
        """A call of the command line."""
        return self._start("crlspec", *call, "--scheduler", self.address)

    def states(self) -> list[tuple[int, str, str]]:
        """Process, task and state, in the order of time."""
        path = self.folder / "executions"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [(int(process), key, state) for process, key, state in (line.split() for line in lines)]

    def count(self, state: str) -> dict[str, int]:
        """Task → how often it came into a state."""
        found: dict[str, int] = {}
        for _, key, its in self.states():
            found[key] = found.get(key, 0) + (its == state)
        return found

    def in_hand(self) -> dict[int, str]:
        """Worker → the task that it is at."""
        found: dict[int, str] = {}
        for process, key, state in self.states():
            if state == "executing":
                found[process] = key
            elif found.get(process) == key:
                del found[process]
        return found

    def rows(self) -> list[str]:
        """The whole lines of ``out/runs.csv`` below its header."""
        path = self.folder / "out" / "runs.csv"
        return path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()[1:] if path.exists() else []

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _start(self, module: str, *given: object, path: Path | None = None) -> subprocess.Popen[str]:
        more = {} if path is None else {"PYTHONPATH": str(path)}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, given)],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "EXECUTIONS": str(self.folder / "executions"), **more},
        )  # fmt: skip
        self.started.append(process)
        return process


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    """No process yet; all that are started end with the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = Dask(tmp_path, port)
    yield found
    for process in found.started:
        process.send_signal(signal.SIGKILL)
        process.communicate()
