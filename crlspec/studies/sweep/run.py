"""Sweeps: every seed of every case, side by side, each run a row in a file that outlives a kill."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.errors import CrlspecError, OutputExists
from crlspec.progress import Progress, silent
from crlspec.spec.schema import Spec
from crlspec.spec.table import Table, find_table
from crlspec.studies.cluster.client import Cluster
from crlspec.studies.cluster.terms import Terms
from crlspec.studies.sweep.cases import Case, cases_of, cases_of_table, changes_of, files_of
from crlspec.studies.sweep.one_run import FIELDS, NUMBERS, run_one
from crlspec.studies.sweep.rows import RowFile, open_rows
from crlspec.studies.workers import end_with_parent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RUNS", "frame", "in_processes", "on_cluster", "run_cases", "sweep"]

RUNS = "runs.csv"
SEEDS = 20


class SweepError(CrlspecError):
    """Raised where a sweep cannot run: two settings of one name, or a process that was killed."""

    exit_code = 2


def sweep(
    spec: str | PathLike[str] | Spec | Table,
    *,
    seeds: int | None = None,
    first: int | None = None,
    vary: Mapping[str, Sequence[Any]] | None = None,
    sets: Sequence[str] = (),
    jobs: int = 1,
    out: str | PathLike[str] | None = None,
    device: str = "cpu",
    scheduler: str | Cluster | None = None,
    progress: Progress | None = None,
    plugins: tuple[str, ...] = (),
    profile: str | None = None,
) -> pd.DataFrame:
    """Run a spec, or a table of them, over many seeds: a table with a row per run.

    spec       a Spec, a path or shipped name of one; or a Table, a path or shipped name (``tables/…``) of one
    seeds      how many seeds; 20, or what the table says
    first      the first of them; 0, or what the table says
    vary       key → values: all combinations are run, e.g. ``{"samples": [5000, 10000]}``
    sets       the same as texts, as on the command line: ``["samples=5000,10000"]``
    jobs       runs at a time, each in a process of its own; −1 takes every core
    out        folder for ``runs.csv``; a sweep that was stopped goes on where it was
    device     where models are evaluated and networks trained, as torch names it
    scheduler  address of a Dask scheduler, or a Cluster, whose workers do the runs, instead of ``jobs`` here
    progress   called as ``progress("runs", done, total)``
    plugins    modules whose families the spec may name
    profile    which profile of the file to take, as for :func:`crlspec.load`; a table may name one for each setting

    Every run draws model, samples and labels with its own seed, and solves with all labels shuffled. Columns:
    ``setting``, one for each key varied, ``seed``, ``status`` (ok, undecided, refuted, or failed: no result), the
    metrics of :meth:`Result.evaluate`, ``order_right``, ``graph_right``, ``closure_right`` (0 or 1), CPU seconds of
    solving, the edges found and true, and a message. Metrics are empty where no truth is known.

    Raises SpecError before the first run where a setting cannot be run, and OutputExists where ``out`` holds runs of
    another spec under the same name.
    """
    table = spec if isinstance(spec, Table) else None if isinstance(spec, Spec) else find_table(spec)
    changes = changes_of(sets, vary)
    if table is not None:
        cases = cases_of_table(table, changes, plugins, profile)
        seeds, first = seeds or table.seeds, table.first if first is None else first
    else:
        assert not isinstance(spec, Table)
        cases = cases_of(spec, changes, plugins, profile)
    path = None if out is None else Path(out) / RUNS
    some = range(first or 0, (first or 0) + (seeds or SEEDS))
    rows = run_cases(cases, some, path, jobs, device, scheduler, progress or silent)
    return frame(rows, cases, some)


def run_cases(
    cases: Sequence[Case],
    seeds: range,
    path: Path | None,
    jobs: int = 1,
    device: str = "cpu",
    scheduler: str | Cluster | None = None,
    progress: Progress = silent,
) -> list[dict[str, str]]:
    """Do what is not done yet of cases × seeds; all rows of the file, or of these runs where ``path`` is None."""
    _refuse_twins(cases)
    if path is None:
        rows: list[dict[str, Any]] = []
        tasks = [(case, seed) for seed in seeds for case in cases]
        for row in _runs(tasks, jobs, device, scheduler):
            rows.append(row)
            progress("runs", len(rows), len(tasks))
        return rows
    with open_rows(path, FIELDS) as file:
        tasks = _missing(cases, seeds, file, path)
        total = len(cases) * len(seeds)
        progress("runs", total - len(tasks), total)
        for count, row in enumerate(_runs(tasks, jobs, device, scheduler), start=1):
            file.append(row)
            progress("runs", total - len(tasks) + count, total)
        return file.rows


def frame(rows: Sequence[Mapping[str, Any]], cases: Sequence[Case], seeds: range) -> pd.DataFrame:
    """The rows of these cases and seeds as a table, in their order, numbers as numbers; what is varied in columns."""
    import pandas as pd

    by_name = {case.name: case for case in cases}
    mine = [row for row in rows if row["setting"] in by_name and int(row["seed"]) in seeds]
    rank = {name: k for k, name in enumerate(by_name)}
    mine.sort(key=lambda row: (rank[row["setting"]], int(row["seed"])))
    found = pd.DataFrame([{key: row.get(key) for key in FIELDS} for row in mine], columns=list(FIELDS))
    found["seed"] = found["seed"].astype(int)
    for key in NUMBERS:
        found[key] = pd.to_numeric(found[key], errors="coerce")
    for key in ("edges_found", "edges_true", "message"):
        found[key] = found[key].fillna("").astype(str)
    for place, key in enumerate(dict.fromkeys(key for case in cases for key in case.varied), start=1):
        values = [by_name[name].varied.get(key, "") for name in found["setting"]]
        numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        found.insert(place, key, numbers if numbers.notna().all() and values else values)
    return found


def _refuse_twins(cases: Sequence[Case]) -> None:
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SweepError(f"Two settings are called {twice[0]!r}.", "List each value once.")


def _missing(cases: Sequence[Case], seeds: range, file: RowFile, path: Path) -> list[tuple[Case, int]]:
    """The tasks that have no row yet, a seed of every case before the next seed."""
    digests = {case.name: case.digest for case in cases}
    for row in file.rows:
        if digests.get(row["setting"], row["spec"]) != row["spec"]:
            raise OutputExists(
                f"{path} holds runs of another spec under the name {row['setting']!r}.",
                remedy="Give another --out DIR, or --force to start anew.",
            )
    done = {(row["setting"], row["seed"]) for row in file.rows}
    return [(case, seed) for seed in seeds for case in cases if (case.name, str(seed)) not in done]


def _runs(
    tasks: Sequence[tuple[Case, int]], jobs: int, device: str, scheduler: str | Cluster | None
) -> Iterator[dict[str, Any]]:
    """The rows of the tasks, as they come."""
    given = [(case, seed, device) for case, seed in tasks]
    if scheduler is not None and given:
        names = [f"{case.name} {case.digest} on {device}, seed {seed}" for case, seed in tasks]
        cases = {id(case): case for case, _ in tasks}
        plugins = dict.fromkeys(name for case in cases.values() for name in case.plugins)
        terms = Terms.here(tuple(plugins), files_of(tuple(cases.values())))
        yield from on_cluster(scheduler).rows(run_one, given, names, terms)
        return
    if jobs == 1:
        for case, seed in tasks:
            yield run_one(case, seed, device)
        return
    yield from in_processes(run_one, given, jobs)


def on_cluster(scheduler: str | Cluster) -> Cluster:
    """The cluster of an address."""
    return Cluster(scheduler) if isinstance(scheduler, str) else scheduler


def in_processes(
    work: Callable[..., dict[str, Any]], tasks: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[dict[str, Any]]:
    """``work(*task)`` of every task, as they come, each in a process of its own with one thread, which ends with this
    one.

    Raises SweepError where a process was killed.
    """
    if not tasks:
        return
    from joblib import Parallel, delayed, parallel_config

    ends = {"initializer": end_with_parent, "initargs": (os.getpid(),)}
    with parallel_config(backend="loky", inner_max_num_threads=1, **ends):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        try:
            yield from parallel(delayed(work)(*task) for task in tasks)
        except RuntimeError as error:
            if type(error).__name__ not in {"TerminatedWorkerError", "BrokenProcessPool"}:
                raise
            raise SweepError(
                "A process that ran a seed was killed, most likely for want of memory; finished rows are kept.",
                "Call again with fewer --jobs or smaller samples; it goes on where it was.",
            ) from None
