"""What ``ok`` is worth: how often an answer that is called ok is wrong, on sound data and on data that are not.

    python benchmarks/trust.py [--runs 5] [--first 1000] [--kinds PART,PART] [--jobs 1] [--limit 120]
                               [--out runs/trust/rows.csv] [--summary] [--markdown FILE]

Every kind of ``trust_kinds`` draws data in numpy, apart from crlspec: sound ones, and ones that break an assumption.
The file that declares them goes through ``crlspec.loads``, ``check`` and ``solve``, and the answer is held against
the truth (``trust_judge``). An outcome is one of

    refused    an error of crlspec's own, at load, check or solve
    undecided, refuted    the status
    ok right, ok wrong    the status, and what the judge says
    crash      any other exception, or the end of the process
    slow       more CPU seconds than the limit

A row a run goes to the CSV file at once: a run that is there is not done again. ``--summary`` only reads the file.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import signal
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import trust_table
from trust_judge import judge, names_fault, names_one_of
from trust_kinds import CONTROL, KINDS, Case, Kind, draw

from crlspec.disk.write import write_file

FIELDS = (
    "kind", "group", "expected", "seed", "latents", "observed", "rows", "strong", "outcome", "stage", "graph",
    "edges", "true_edges", "mcc", "reversed", "false_edges", "false_ancestors", "names_environment",
    "names_assumption", "cpu_seconds", "text", "missed",
)  # fmt: skip

Task = tuple[str, int, float]
"""(kind, seed, CPU seconds at most)"""


class TooSlowError(BaseException):
    """Raised in a run that has spent its CPU seconds; no ``except Exception`` holds it back."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in the main thread once the process has spent so many CPU seconds, and again every 5."""

    def stop(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(task: Task) -> dict[str, Any]:
    """The row of one run."""
    name, seed, seconds = task
    kind = KINDS[name]
    case = draw(kind, seed)
    row = described(kind, seed, case)
    began = time.process_time()
    try:
        with limited(seconds):
            row |= answered(case, seed)
    except TooSlowError:
        row |= {"outcome": "slow", "text": f"stopped after {seconds:g} CPU seconds"}
    row["cpu_seconds"] = round(time.process_time() - began, 2)
    row["text"] = " ".join(str(row["text"]).split())
    said = "" if row["outcome"] in ("crash", "slow") else row["text"]
    named = names_fault(case, said)
    row["names_environment"] = "" if named is None else int(named)
    row["names_assumption"] = int(names_one_of(kind.words, said)) if kind.words else ""
    return row


def described(kind: Kind, seed: int, case: Case) -> dict[str, Any]:
    """What is known of a run before it is done."""
    guides = [len(x) for name, x in case.samples.items() if name != CONTROL]
    return {
        "kind": kind.name, "group": kind.group, "expected": kind.expectation, "seed": seed,
        "latents": len(case.parents), "observed": case.samples[CONTROL].shape[1], "rows": max(guides),
        "strong": int(kind.strong), "true_edges": int(case.parents.sum()),
    }  # fmt: skip


def answered(case: Case, seed: int) -> dict[str, Any]:
    """Load, check, solve, judge: outcome, stage, text, and what the judge found where there is an answer."""
    import crlspec
    from crlspec.errors import CrlspecError

    stage = "load"
    try:
        spec = crlspec.loads(case.spec)
        stage = "check"
        faults = [issue for issue in crlspec.check(spec) if issue.severity == "error"]
        if faults:
            return {"outcome": "refused", "stage": stage, "text": "; ".join(map(str, faults))}
        stage = "solve"
        data = crlspec.from_arrays(case.samples, observed=case.observed, observational=CONTROL)
        result = crlspec.solve(spec, data, seed=seed)
        stage = "judge"
        found = judged(case, result)
    except CrlspecError as error:
        return {"outcome": "refused", "stage": stage, "text": str(error)}
    except Exception as error:
        return {"outcome": "crash", "stage": stage, "text": f"{type(error).__name__}: {error}"}
    code = result.status.code
    outcome = f"ok {'wrong' if found['wrong'] else 'right'}" if code == "ok" else code
    return {**found, "outcome": outcome, "stage": "status", "text": str(result.status)}


def judged(case: Case, result: Any) -> dict[str, Any]:
    """What the judge says of a result, by its public face alone."""
    latents, names = {}, [str(z) for z in result.transform(case.samples[CONTROL][:1])["latent"].values]
    for name, x in case.samples.items():
        kept = result.latents.children.get(name)
        z = None if kept is None else kept.to_dataset()["z_hat"]
        if z is None or z.sizes["sample"] != len(x):  # an environment, or rows, left out
            z = result.transform(x)
        latents[name] = z.sel(latent=names).transpose("sample", "latent").values
    edges, exact = [edge.pair for edge in result.edges], result.graph == "exact"
    found = judge(case, latents, names, edges, exact, _targeted(result))
    return {
        "graph": result.graph, "edges": len(result.edges), "mcc": round(found.mcc, 4),
        "reversed": found.reversed, "false_edges": found.false_edges, "false_ancestors": found.false_ancestors,
        "missed": found.missed,
        "wrong": found.wrong,
    }  # fmt: skip


def _targeted(result: Any) -> dict[str, tuple[str, ...]]:
    """Recovered latent → the environments that target it, as recovered or told."""
    signature = result.signature
    if signature is None:
        return {latent: (name,) for latent, name in result.environment_of.items()}
    return {
        str(latent): tuple(str(e) for e in signature["environment"].values[column.values == 1])
        for latent, column in zip(signature["latent"].values, signature.transpose("latent", ...), strict=True)
    }


def rows_of(tasks: Iterable[Task], jobs: int) -> Iterator[dict[str, Any]]:
    """Rows as they are done. A process that ends is a crash of the run that ended it, found by doing alone those that
    ran beside it."""
    waiting = iter(tasks)
    alone: list[Task] = []
    pool, running = _pool(jobs), dict[Future[dict[str, Any]], Task]()
    while True:
        while len(running) < jobs and (task := next(waiting, None)) is not None:
            running[pool.submit(run, task)] = task
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                alone += [task, *running.values()]
                pool, running = _pool(jobs), {}
                break
    pool.shutdown()
    for task in alone:
        with _pool(1) as single:
            try:
                yield single.submit(run, task).result()
            except BrokenProcessPool:
                yield _ended(task)


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_quiet)


def _quiet() -> None:
    """One thread, no warnings: what every process of the pool begins with."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def _ended(task: Task) -> dict[str, Any]:
    """The row of a run whose process ended."""
    kind = KINDS[task[0]]
    told = {"names_environment": "", "names_assumption": "", "cpu_seconds": 0.0}
    text = "the process ended without a word"
    return described(kind, task[1], draw(kind, task[1])) | told | {"outcome": "crash", "text": text}


def read(path: Path) -> list[dict[str, str]]:
    """The whole rows of a file; a last line that was cut short is removed from it.

    Raises SystemExit where its columns are not those of this version.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        write_file(path, text, force=True)
    if text and text.partition("\n")[0] != ",".join(FIELDS):
        raise SystemExit(f"{path} has other columns than this version writes: give another --out")
    return list(csv.DictReader(io.StringIO(text)))


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a row, whole, and the header before the first one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = io.StringIO()
    writer = csv.DictWriter(line, FIELDS, extrasaction="ignore", lineterminator="\n")
    if not path.exists() or not path.stat().st_size:
        writer.writeheader()
    writer.writerow(row)
    with path.open("a", encoding="utf-8") as file:
        file.write(line.getvalue())


def missing(
    done: Iterable[dict[str, str]], kinds: Iterable[Kind], seeds: Iterable[int], limit: float
) -> list[Task]:
    """The runs that have no row yet, seed by seed."""
    known = {(row["kind"], int(row["seed"])) for row in done}
    listed = list(kinds)
    return [(k.name, seed, limit) for seed in seeds for k in listed if (k.name, seed) not in known]


def chosen(parts: str | None) -> list[Kind]:
    """The kinds whose name holds one of the parts, or whose group is one of them; all without parts."""
    words = [part.strip() for part in (parts or "").split(",") if part.strip()]
    return [
        k for k in KINDS.values() if not words or any(word in k.name or word == k.group for word in words)
    ]


def main() -> None:
    """Do what is missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="seeds a kind")
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--kinds", help="parts of the kinds' names, or sound, violation; separated by commas")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=120, help="CPU seconds a run")
    parser.add_argument("--out", type=Path, default=Path("runs/trust/rows.csv"))
    parser.add_argument(
        "--summary", action="store_true", help="print the table of what is there, run nothing"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as Markdown")
    options = parser.parse_args()
    kinds = chosen(options.kinds)
    if not kinds:
        parser.error(f"no kind is called {options.kinds!r}; there are {'; '.join(KINDS)}")
    if not options.summary:
        os.environ["OMP_NUM_THREADS"] = "1"
        seeds = range(options.first, options.first + options.runs)
        for row in rows_of(missing(read(options.out), kinds, seeds, options.limit), options.jobs):
            append(options.out, row)
            print(
                f"{row['seed']} {row['kind']}: {row['outcome']} ({row['cpu_seconds']} s) {row['text'][:150]}",
                flush=True,
            )
    done = [row for row in read(options.out) if row["kind"] in {kind.name for kind in kinds}]
    lines, sentences = trust_table.table(done, list(KINDS)), trust_table.overall(done)
    print(trust_table.plain(lines), *sentences, sep="\n")
    if options.markdown:
        write_file(options.markdown, trust_table.markdown(lines, sentences), force=True)


if __name__ == "__main__":
    main()
