"""The command ``check --power``: what simulation says of numbers of samples, as text and as plain values."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.cli.call import CallError, refuse_device
from crlspec.cli.cluster import cluster_of
from crlspec.disk.room import require_writable
from crlspec.progress import ProgressLine

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.studies.power.plan import Plan

__all__ = ["OWN_SAMPLES", "as_values", "numbers", "simulated"]

OWN_SAMPLES = "own"
"""What ``--power`` holds where it was given without numbers."""

POWER = 0.8


def numbers(text: str) -> list[int] | None:
    """``1000,3000`` → the numbers of samples; None stands for the spec's own. Raises CallError."""
    if text == OWN_SAMPLES:
        return None
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and 1 <= int(part) < 2**63):
            raise CallError(
                f"--power {text}: {part!r} is not a whole number of 1 or more.",
                remedy="Give numbers of samples an environment, parted by commas, as in --power 1000,3000,10000; "
                "or --power alone, for the number that the spec or its data have.",
            )
    return [int(part) for part in parts]


def simulated(arguments: Namespace, profile: str | None = None) -> Plan:
    """The plan that a call of ``check`` asks for, of the spec under a profile, with progress on stderr."""
    from crlspec.studies.power.plan import SEEDS, plan

    counts = numbers(arguments.power)
    if arguments.out is not None:
        _refuse_file(Path(arguments.out))
        require_writable(arguments.out)
    refuse_device(arguments.device)
    line = ProgressLine(enabled=True if arguments.progress else None)
    try:
        return plan(
            arguments.spec,
            counts,
            seeds=arguments.seeds or SEEDS,
            first=arguments.first or 0,
            jobs=arguments.jobs,
            device=arguments.device,
            scheduler=cluster_of(arguments.scheduler, line),
            out=arguments.out,
            progress=line,
            sets=arguments.sets,
            plugins=tuple(arguments.plugin),
            profile=profile,
        )
    except KeyboardInterrupt as stopped:
        if arguments.out is None:
            raise
        kept = f"{arguments.out} keeps the runs that are done. The same call goes on from there."
        raise type(stopped)(kept) from None
    finally:
        line.close()


def as_values(plan: Plan) -> dict[str, Any]:
    """A plan as JSON takes it: a missing number is null, ``samples`` a number or ``as declared``."""
    return {
        "model": plan.spec.name,
        "seeds": int(plan.runs["seed"].nunique()),
        "promised": plan.wanted,
        "rates": _records(plan.rates.reset_index()),
        "enough": plan.enough(POWER),
        "score_error_needed": _plain(plan.error_needed(POWER)),
        "score_error_exponent": _plain(plan.exponent),
        "smallest_edge_found": [
            {"samples": samples, "strength": _plain(strength)}
            for samples, strength in plan.smallest_found(POWER).items()
        ],
        "power": POWER,
    }


def _refuse_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CallError(
            f"--out {folder} is a file, and the runs need a folder.", remedy="Give another folder."
        )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
