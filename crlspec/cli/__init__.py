"""The command line: ``parser`` reads the call by ``options``, one file a group of commands carries it out, ``call``
holds what they share.

Each command is given the parsed call and gives back an exit status; what it leaves on disk goes through
``run_folder``, and ``stopping`` says what follows when it is stopped. A call passes ``parser``, then the command's
own file (``specs``, ``run``, ``results``, ``power``, ``sweep``, ``stability``), then ``call`` and ``run_folder``.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """:func:`crlspec.cli.parser.main`; a Ctrl-C while it is still being loaded ends in a sentence as well.

    A program (``argv`` None) that ends is not searched for garbage: with torch loaded that takes half a second.
    """
    try:
        from crlspec.cli.parser import main as whole

        return whole(argv)
    except KeyboardInterrupt:
        print("crlspec: interrupted; nothing was written. The same call starts anew.", file=sys.stderr)
        return 130
    finally:
        if argv is None:
            gc.freeze()
