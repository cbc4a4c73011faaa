"""The commands that ask finished results: ``export`` and ``compare``."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from crlspec.commands import CallError, result_of, truth_of

__all__ = ["compare", "export"]


def compare(arguments: Namespace) -> int:
    """Two results side by side, or a result and the truth that its spec declares."""
    from crlspec.data import read_data
    from crlspec.downstream.comparison import compare as compare_sides

    first = result_of(arguments.first)
    second = truth_of(first) if arguments.second is None else result_of(arguments.second)
    if second is None:
        raise CallError(
            f"{arguments.first}: no truth is known to compare with.", remedy="Name a second result."
        )
    data = None if arguments.data is None else read_data(Path(arguments.data))
    found = compare_sides(first, second, data)
    if arguments.json:
        print(json.dumps(found.as_values(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(found)
    return 0


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
