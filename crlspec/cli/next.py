"""The command ``next``: what to measure for a result that is undecided."""

from __future__ import annotations

import json
from argparse import Namespace

from crlspec.cli.call import result_of
from crlspec.errors import EstimationError
from crlspec.progress import ProgressLine

__all__ = ["propose_next"]


def propose_next(arguments: Namespace) -> int:
    """Rank further rows and environments; 4 where the result is not decided and nothing is proposed."""
    result = result_of(arguments.result)
    line = ProgressLine(enabled=True if arguments.progress else None)
    try:
        found = result.next(arguments.rows, draws=arguments.draws, seed=arguments.seed, progress=line)
    finally:
        line.close()
    if arguments.json:
        print(json.dumps(found.as_values(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(found)
    return 0 if found.proposals or found.status == "ok" else EstimationError.exit_code
