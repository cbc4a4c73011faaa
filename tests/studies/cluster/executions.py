"""Preloaded into workers: every start and end of a task is a line of the file that EXECUTIONS names."""

from __future__ import annotations

import os
from typing import Any

from distributed import WorkerPlugin


class Executions(WorkerPlugin):
    """Writes ``process task state``, a line in one piece."""

    def __init__(self) -> None:
        self.file = os.open(os.environ["EXECUTIONS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """Called by Dask."""
        if finish in {"executing", "memory"} and start != finish:
            os.write(self.file, f"{os.getpid()} {key} {finish}\n".encode())


async def dask_setup(worker: Any) -> None:
    """Called by Dask, once in each worker."""
    await worker.plugin_add(Executions(), name="executions")
