"""Work in a process of its own that has everything loaded already: a copy of the one that tests."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO


@dataclass
class Forked:
    """A process that does ``work`` and ends with the status that it gives. It may not train: torch takes no gradients
    in a copy of a process that has taken some.

    start   what is done first in it, such as taking rights away
    folder  where it works; here if None
    """

    work: Callable[[], int | None]
    start: Callable[[], object] | None = None
    folder: os.PathLike[str] | None = None
    pid: int = field(init=False)
    output: tuple[IO[bytes], IO[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.output = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  read when it ends
        self.pid = os.fork()
        if not self.pid:
            os._exit(self._worked())

    def ended(self) -> tuple[int, str, str]:
        """Wait for it: its status, negative for a signal, and what it wrote to stdout and stderr."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        told = []
        for file in self.output:
            file.seek(0)
            told.append(file.read().decode())
            file.close()
        return status, told[0], told[1]

    def _worked(self) -> int:
        """The status, in the new process."""
        try:
            for number, file in enumerate(self.output, 1):
                os.dup2(file.fileno(), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            if self.folder is not None:
                os.chdir(self.folder)
            if self.start is not None:
                self.start()
            status = self.work()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        sys.stderr.flush()
        return status or 0
