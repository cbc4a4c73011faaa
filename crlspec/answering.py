"""The commands that ask finished results: ``export``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from crlspec.commands import result_of

__all__ = ["export"]


def export(arguments: Namespace) -> int:
    """The graph of a result for another program: on stdout, or into a file."""
    from crlspec.downstream.exports import export_text, format_of

    result = result_of(arguments.result)
    if arguments.out is None:
        print(export_text(result, arguments.format or "dot"), end="")
        return 0
    out = Path(arguments.out)
    written = result.export(out, format_of(out, arguments.format), force=arguments.force)
    print(f"{written} is written: {len(result.names)} nodes, {len(result.edges)} edges.")
    return 0
