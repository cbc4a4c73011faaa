"""The command ``sweep``: run, resume, and leave ``runs.csv``, ``summary.csv`` and ``summary.md`` in a folder."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError, refuse_device
from crlspec.cli.cluster import cluster_of
from crlspec.cli.cost import cost
from crlspec.cli.run_folder import ready_to_go_on
from crlspec.cli.stopping import stopped_with
from crlspec.disk.write import write_file
from crlspec.errors import EstimationError
from crlspec.progress import ProgressLine

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.spec.table import Table
    from crlspec.studies.sweep.cases import Case

__all__ = ["FILES", "sweep"]

FILES = ("runs.csv", "summary.csv", "summary.md")


def sweep(arguments: Namespace) -> int:
    """Seeds × settings of a spec or of a table; 4 where a setting has no run with a result."""
    from crlspec.spec.table import DEFAULT_COLUMNS, find_table
    from crlspec.studies.sweep.cases import cases_of, cases_of_table
    from crlspec.studies.sweep.run import SEEDS, frame, run_cases

    if arguments.spec is None:
        raise CallError(
            "No spec is named.", remedy="Give a spec, or a table; crlspec show lists those shipped."
        )
    plugins, table = tuple(arguments.plugin), find_table(arguments.spec)
    chosen = (arguments.profile, arguments.device)
    if table is None and arguments.only:
        raise CallError("--only chooses among the settings of a table.", remedy="Leave it out, or use --set.")
    if table is not None:
        table = table.chosen(tuple(arguments.only))
        cases, name = cases_of_table(table, arguments.sets, plugins, *chosen), table.name
    else:
        cases = cases_of(arguments.spec, arguments.sets, plugins, *chosen)
        name = cases[0].spec().name
    count = arguments.seeds or (SEEDS if table is None else table.seeds)
    first = arguments.first if arguments.first is not None else (0 if table is None else table.first)
    seeds = range(first, first + count)
    folder = Path(arguments.out or f"runs/{name}-sweep")
    ready_to_go_on(folder, arguments.force, FILES, "a sweep needs")
    if arguments.scheduler is None:  # a cluster's workers have devices of their own
        refuse_device(arguments.device)
    for case in cases:
        if (text := cost(case.spec(), count)) is not None:
            print(f"{case.name}: {text}", file=sys.stderr)
    line = ProgressLine(enabled=True if arguments.progress else None)
    path = folder / FILES[0]
    try:
        cluster = cluster_of(arguments.scheduler, line)
        rows = run_cases(cases, seeds, path, arguments.jobs, arguments.device, cluster, line)
    except KeyboardInterrupt as stopped:
        line.close()
        return stopped_with(
            stopped, f"{path} keeps the runs that are done. The same call goes on from there."
        )
    finally:
        line.close()
    found = frame(rows, cases, seeds)
    text = _written(folder, found, cases, table, table.columns if table is not None else DEFAULT_COLUMNS)
    print(f"{text}\nin {folder}: {' '.join(FILES)}")
    empty = [
        case.name for case in cases if (found[found["setting"] == case.name]["status"] == "failed").all()
    ]
    return EstimationError.exit_code if empty else 0


def _written(
    folder: Path, found: pd.DataFrame, cases: list[Case], table: Table | None, columns: tuple[str, ...]
) -> str:
    """Write the summary, and give it as text."""
    from crlspec import __version__
    from crlspec.studies.sweep.summary import markdown, summary

    low, high = int(found["seed"].min()), int(found["seed"].max())
    parts = [f"# {table.title or table.name}", ""] if table is not None else []
    parts += [
        f"Means ± standard errors over seeds {low} to {high}, labels shuffled; failed runs are in no mean. "
        f"{_profiles(cases)}crlspec {__version__}.",
        "",
        markdown(found, columns, cases),
        "",
    ]
    parts += [*_failures(found)]
    if table is not None and table.source:
        parts += [f"Beside: {' '.join(table.source.split())}", ""]
    text = "\n".join(parts)
    write_file(folder / FILES[2], text, force=True)
    write_file(folder / FILES[1], summary(found).to_csv(lineterminator="\n"), force=True)
    return text


def _profiles(cases: list[Case]) -> str:
    """Which profiles the settings were run under."""
    names = list(dict.fromkeys(case.profile or "none" for case in cases))
    if names == ["none"]:
        return ""
    return f"Profile{'s' if len(names) > 1 else ''} {', '.join(names)}. "


def _failures(found: pd.DataFrame) -> list[str]:
    """What went wrong, each reason once per setting with its seeds."""
    failed = found[found["status"] == "failed"]
    lines = []
    for (setting, message), mine in failed.groupby(["setting", "message"], sort=False):
        seeds = ", ".join(str(seed) for seed in mine["seed"].head(5)) + (", …" if len(mine) > 5 else "")
        lines.append(f"- {setting}: {len(mine)} failed (seed {seeds}): {message}")
    return ["Failures:", "", *lines, ""] if lines else []
