"""What is said where a call ends in an error, and the exit status for it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from errno import EDQUOT, EFBIG, ENOSPC

from crlspec.cli.terminal import dressed
from crlspec.errors import CrlspecError

__all__ = ["discard_stdout", "explain"]


def explain(error: Exception, arguments: argparse.Namespace, call: Sequence[str]) -> int:
    """Say on stderr what went wrong, without a traceback; the exit status for it, 1 only for a fault of crlspec."""
    if isinstance(error, CrlspecError):
        print(dressed(str(error), sys.stderr), file=sys.stderr)
        return error.exit_code
    if (
        isinstance(error, OSError) and error.errno is not None
    ):  # the machine's own: no space, no rights, no file
        if error.filename is None:
            discard_stdout()
        where = "writing" if error.filename is None else error.filename
        remedy = "free some space." if error.errno in (ENOSPC, EDQUOT, EFBIG) else "check path and rights."
        print(f"{where}: {error.strerror}. Remedy: {remedy}", file=sys.stderr)
        return 2
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _is_out_of_memory(error)):
        what = "There is not enough memory for this call."
        print(f"{what} Remedy: ask for fewer samples or variables.", file=sys.stderr)
        return 2
    from crlspec.cli.fault import report_fault

    print(report_fault(error, arguments, call), file=sys.stderr)
    return 1


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found no memory, on the CPU or another device."""
    return type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)


def discard_stdout() -> None:
    """Send what is still to be printed nowhere, so that the end of the program does not try to print it."""
    if sys.stdout is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
