"""The last line of defence: what no part of crlspec foresaw becomes a file to report it with, and one sentence.

Nothing of the data is in it: version, call, spec and traceback, whose message has numbers and quotations left out.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from crlspec import __version__
from crlspec.provenance import versions

__all__ = ["PREFIX", "report_fault"]

PREFIX = "crlspec-fault-"
LONGEST = 100_000
"""Characters of a spec that are kept."""
_HELD = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\w.+-]*")
"""What in a message may come from the data."""


def report_fault(error: BaseException, arguments: Namespace, call: Sequence[str]) -> str:
    """Write the report, in the working folder or else in the temporary one; the sentence to print."""
    text = "\n".join(_lines(error, arguments, call)) + "\n"
    name = f"{PREFIX}{secrets.token_hex(4)}.txt"
    what = f"This is a fault of crlspec ({type(error).__name__})."
    for path in (Path(name), Path(tempfile.gettempdir()) / name):
        try:
            _write_whole(path, text)
        except OSError:
            continue
        held = f"{path} holds version, call, spec and traceback, and no data."
        return f"{what} {held} Remedy: report it with this file."
    return f"{what} Remedy: call it again with --debug, and report what that shows."


def _lines(error: BaseException, arguments: Namespace, call: Sequence[str]) -> Iterator[str]:
    yield f"crlspec {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield ", ".join(f"{name} {version}" for name, version in versions().items())
    yield f"call: crlspec {' '.join(map(ascii, call))}"
    yield ""
    yield "traceback"
    chain: BaseException | None = error
    while chain is not None:
        yield from (line.rstrip("\n") for line in traceback.format_tb(chain.__traceback__))
        yield f"{type(chain).__name__}: {_HELD.sub('…', ' '.join(str(chain).split()))[:500]}"
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        yield "" if chain is None else "while this was handled:"
    yield "spec"
    yield _spec(getattr(arguments, "spec", None))


def _spec(given: str | None) -> str:
    """The text of the spec that a call names, as far as it is one."""
    if given is None:
        return "none is named"
    try:
        with open(given, encoding="utf-8", errors="backslashreplace") as file:
            return file.read(LONGEST)
    except (OSError, ValueError):
        return f"{given!a}: no file that can be read"


def _write_whole(path: Path, text: str) -> None:
    """The file whole, or not at all."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
