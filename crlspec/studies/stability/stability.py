"""How far a result would be another one on other samples: bootstraps of the whole way, and what they agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.errors import DataError, OutputExists, SettingMismatch
from crlspec.progress import Progress, silent
from crlspec.results.record import Record
from crlspec.studies.stability.bootstrap import FIELDS, RESAMPLES, Resample, Study, bootstrap
from crlspec.studies.stability.stability_tables import Stability, frame

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.result import Result
    from crlspec.spec.schema import Spec
    from crlspec.studies.cluster.client import Cluster
    from crlspec.studies.sweep.cases import Case
    from crlspec.studies.sweep.rows import RowFile

__all__ = ["BOOTSTRAPS", "RUNS", "stability"]

BOOTSTRAPS = 100
RUNS = "bootstraps.csv"
POINTS = 2000
"""Rows of an environment at which encoders are compared."""


def stability(
    spec: str | PathLike[str] | Spec | Result,
    data: xr.DataTree | None = None,
    *,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
    jobs: int = 1,
    out: str | PathLike[str] | None = None,
    resample: Resample = "half",
    result: Result | None = None,
    sets: Sequence[str] = (),
    plugins: tuple[str, ...] = (),
    device: str = "cpu",
    scheduler: str | Cluster | None = None,
    progress: Progress | None = None,
) -> Stability:
    """Solve a spec again on rows drawn anew within each environment, and count what comes back.

    spec        as for :func:`crlspec.solve`, or a path or shipped name of one; or a Result, which stands for the spec
                that it was made by and for itself as ``result``
    data        observations; by default those that the spec reads (``data:``)
    bootstraps  how many
    seed        of the result, where it is not given, of the rows drawn and of every estimator
    jobs        bootstraps at a time, each in a process of its own; −1 takes every core
    out         folder for ``bootstraps.csv``; what was stopped or killed goes on where it was
    resample    ``half``: half of the rows, without replacement: no row is there twice, so that tests keep their
                level, at the power of half the samples (Meinshausen & Bühlmann 2010). ``bootstrap``: as many rows as
                there are, with replacement
    result      what they are held against; by default solved here
    sets        changes of the spec, as on the command line
    plugins     modules whose families the spec may name
    device      where models are evaluated and networks trained, as torch names it
    scheduler   address of a Dask scheduler, or a Cluster, whose workers do the bootstraps, instead of ``jobs`` here
    progress    called as ``progress("bootstraps", done, total)``

    Latents are matched to those of the result: by name where each environment, or the declared targets, tell which
    latent is which; otherwise by the best assignment of absolute correlations on the given data. A bootstrap that
    fails finds nothing: it stays in every denominator. Raises SpecError, DataError and EstimationError as ``solve``
    does, for the result itself; OutputExists where ``out`` holds another study; QuestionError where a result does not
    know its spec.
    """
    if isinstance(spec, Record):
        result, spec = spec, _spec_of(spec, plugins)
    study, found = _study(spec, data, seed, resample, result, (tuple(sets), plugins, device))
    if bootstraps < 1:
        raise QuestionError(f"{bootstraps} bootstraps say nothing.", remedy="Ask for one or more.")
    path = None if out is None else Path(out) / RUNS
    rows = _rows(study, bootstraps, path, jobs, scheduler, progress or silent)
    return Stability(found, frame(rows, range(bootstraps), study.latents), resample)


def _spec_of(result: Record, plugins: tuple[str, ...]) -> Spec:
    """The spec that a result was made by."""
    from crlspec.registry import Registry
    from crlspec.spec.load import loads
    from crlspec.spec.plugins import lacking_plugins

    if "spec" not in result.provenance:
        raise QuestionError(
            "this result does not know the spec that it was made by.",
            remedy="Call crlspec.stability(spec, data, result=result).",
        )
    registry = Registry.with_plugins(plugins) if plugins else None
    if lacking := lacking_plugins(result.provenance, registry):
        one = len(lacking) == 1
        raise QuestionError(
            f"this result was made with the {'plug-in' if one else 'plug-ins'} {', '.join(lacking)}, and this call "
            f"does not name {'it' if one else 'them'}.",
            remedy=f"Pass plugins={lacking!r}, if you trust {'that module' if one else 'those modules'}.",
        )
    return loads(str(result.provenance["spec"]), registry=registry, origin="the spec of the result")


def _study(
    spec: str | PathLike[str] | Spec,
    data: xr.DataTree | None,
    seed: int,
    resample: Resample,
    result: Result | None,
    how: tuple[tuple[str, ...], tuple[str, ...], str],
) -> tuple[Study, Result]:
    from crlspec.data import Problem, from_arrays, provenance_of
    from crlspec.data.prepare import PREPARED, prepared, raw_samples
    from crlspec.given import named_by_environments, steps_of
    from crlspec.numerics.threads import one_thread
    from crlspec.solving import solve
    from crlspec.spec.setting import Setting
    from crlspec.studies.sweep.cases import cases_of
    from crlspec.studies.sweep.one_run import read_own

    sets, plugins, device = how
    if resample not in RESAMPLES:
        raise QuestionError(
            f"resample={resample!r} is no way to draw.", remedy=f"Choose {' or '.join(RESAMPLES)}."
        )
    cases = cases_of(spec, sets, plugins)
    if len(cases) > 1:
        raise QuestionError(
            "stability is of one spec, and --set gives several.", remedy="Give one value a key."
        )
    case, declared = cases[0], cases[0].spec().without_labels()
    if declared.scores.needs_truth:
        raise SettingMismatch(
            f"Got scores: {{kind: {declared.scores.kind}}}",
            "scores that data tell",
            "Choose scores: {kind: auto}: exact ones do not vary.",
        )
    if data is None:
        if declared.data is None:
            raise DataError(
                "no data are given, and the spec reads none.", remedy="Pass data, or --data PATH."
            )
        data = read_own(declared)
    ready = prepared(data, *steps_of(declared)).tree
    problem = Problem.from_data(ready, named_by_environments(Setting.of(declared), declared, ready))
    if problem.images:
        raise DataError(
            "Stability draws rows of columns, and images are observed.",
            remedy="Run the spec with several seeds; or give columns, such as the latents that an encoder finds.",
        )
    problem = problem.in_memory("stability")
    observed, samples = problem.observed, problem.samples
    if ready is not data:  # rows are drawn of the data as they are, and prepared anew each time
        observed, raw = raw_samples(data, tuple(problem.samples))
        samples = {name: np.asarray(x) for name, x in raw.items()}
    notes = {key: value for key, value in provenance_of(data).items() if key in PREPARED}
    if result is None:
        tree = from_arrays(samples, observed, observational=problem.observational, provenance=notes)
        with one_thread():
            result = solve(declared, tree, seed=seed, device=device)
    elif missing := set(result.observed) - set(observed):
        raise DataError(
            f"the data lack {', '.join(sorted(missing))}, which the result was made from.",
            remedy="Give the data that the result was made from.",
        )
    x = np.concatenate(
        [y[np.linspace(0, len(y) - 1, min(len(y), POINTS)).astype(int)] for y in samples.values()]
    )
    columns = [observed.index(name) for name in result.observed]
    named = bool(result.environment_of) and (result.signature is None or problem.setting.targets is not None)
    study = Study(
        case, samples, observed, problem.observational, x,
        result.standardised.encoder(x[:, columns]).values, result.names, named, resample, seed,
        _digest(case, problem, seed, resample, result), device, notes,
    )  # fmt: skip
    return study, result


def _thinned(x: np.ndarray) -> np.ndarray:
    return x[np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int)]


def _digest(case: Case, problem: Any, seed: int, resample: str, result: Result) -> str:
    """Of all that the rows depend on: spec, data, seed, way of drawing, and names and edges of the result."""
    edges = sorted(edge.pair for edge in result.edges)
    whole = hashlib.sha256(repr((case.text, seed, resample, problem.observed, result.names, edges)).encode())
    for name, values in problem.samples.items():
        whole.update(name.encode())
        whole.update(np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()[:12]


def _rows(
    study: Study,
    count: int,
    path: Path | None,
    jobs: int,
    scheduler: str | Cluster | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Do what is not done yet; all rows, those of the file included."""
    from crlspec.studies.sweep.rows import open_rows

    with nullcontext() if path is None else open_rows(path, FIELDS) as file:
        rows: list[dict[str, Any]] = [] if file is None else list(file.rows)
        numbers = _missing(study, range(count), file, path)
        progress("bootstraps", count - len(numbers), count)
        for done, row in enumerate(_runs(study, numbers, jobs, scheduler), start=count - len(numbers) + 1):
            if file is not None:
                file.append(row)
            rows.append(row)
            progress("bootstraps", done, count)
        return rows


def _missing(study: Study, numbers: range, file: RowFile | None, path: Path | None) -> list[int]:
    if file is None:
        return list(numbers)
    if any(row["study"] != study.digest for row in file.rows):
        raise OutputExists(
            f"{path} holds bootstraps of another spec, other data, or another seed.",
            remedy="Give another --out DIR, or --force to start anew.",
        )
    done = {int(row["bootstrap"]) for row in file.rows}
    return [number for number in numbers if number not in done]


def _runs(
    study: Study, numbers: Sequence[int], jobs: int, scheduler: str | Cluster | None
) -> Iterator[dict[str, Any]]:
    """The rows, as they come."""
    from crlspec.studies.cluster.terms import Terms
    from crlspec.studies.sweep.run import in_processes, on_cluster

    tasks = [(study, number) for number in numbers]
    if scheduler is not None and tasks:
        names = [f"{study.digest} on {study.device}, bootstrap {number}" for number in numbers]
        terms = Terms.here(study.case.plugins)
        yield from on_cluster(scheduler).rows(bootstrap, tasks, names, terms)
    elif jobs == 1:
        for number in numbers:
            yield bootstrap(study, number)
    else:
        yield from in_processes(bootstrap, tasks, jobs)
