"""The commands that go the whole way: ``run`` and ``replay``."""

from __future__ import annotations

import json
import shlex
import sys
import time
import warnings
from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec import __version__
from crlspec.cli import measures
from crlspec.cli.call import (
    CallError,
    folder_name,
    load_spec,
    refuse_device,
    refuse_errors,
    refuse_plugins,
    registry_of,
    result_of,
    result_path,
)
from crlspec.cli.cost import cost
from crlspec.cli.loading import loading
from crlspec.cli.run_folder import filled, forget_unfinished, reserved_run, unfinished
from crlspec.cli.terminal import dressed
from crlspec.cli.told import as_values, first_line, table
from crlspec.disk.room import require_room
from crlspec.disk.write import write_file
from crlspec.errors import DataError, EstimationError, LossWarning, NumericalWarning
from crlspec.progress import Extent, Losses, ProgressLine

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.disk.folder import Place
    from crlspec.generative.model import Model
    from crlspec.result import Result
    from crlspec.spec.schema import Spec

__all__ = ["replay", "run"]

SMALL_FILES = 500_000
"""Bytes of report, spec and graph of a run, about."""


@dataclass
class Log:
    """What is told while a run goes on: every stage with its time, for run.log; progress on stderr."""

    line: ProgressLine
    texts: list[str] = field(default_factory=list)
    start: float = field(default_factory=time.monotonic)
    stage: str = ""
    caught: list[warnings.WarningMessage] = field(default_factory=list)

    def __call__(
        self, stage: str, done: Extent = None, total: Extent = None, *, losses: Losses | None = None
    ) -> None:
        """A report of progress; the first one of each stage is kept."""
        if stage != self.stage:
            self.stage = stage
            self.say(stage)
        self.line(stage, done, total)

    def say(self, text: str) -> None:
        """Keep a text, with the seconds since the start."""
        self.texts.append(f"[{time.monotonic() - self.start:8.2f} s] {text}")

    def text(self) -> str:
        """All that was told."""
        return "\n".join(self.texts) + "\n"


@dataclass(frozen=True)
class Input:
    """What a run starts from: spec to keep, data, the model where a truth is known, wall seconds, notes."""

    spec: Spec
    data: xr.DataTree
    model: Model | None
    sampling: float
    notes: dict[str, Any]


def run(arguments: Namespace) -> int:
    """Data, scores, estimation, result, report: everything into one folder."""
    spec = load_spec(arguments, samples=arguments.samples)
    if arguments.samples is not None and (arguments.data is not None or spec.data is not None):
        raise CallError("--samples is for sampled data, and these are read.", remedy="Leave --samples out.")
    measures.refuse_useless(arguments)
    path = _data_path(spec, arguments)
    print(dressed(first_line(spec, path), sys.stderr), file=sys.stderr, flush=True)
    folder = Path(arguments.out or f"runs/{folder_name(spec, arguments.spec)}-{arguments.seed}")
    return _whole_way(spec, path, folder, arguments)


def replay(arguments: Namespace) -> int:
    """Run a run folder's spec.yaml again, with the seed that its result remembers."""
    from crlspec.spec.load import load

    former = result_of(arguments.run)
    folder = result_path(arguments.run).resolve().parent
    if not (folder / "spec.yaml").is_file():
        raise CallError(
            f"{folder}: there is no spec.yaml beside the result.", remedy="Give the folder of a run."
        )
    arguments.seed = int(former.provenance.get("seeds", {}).get("solve", 0))
    refuse_plugins(former, arguments)
    spec = load(folder / "spec.yaml", registry=registry_of(arguments))
    spec._profile = former.provenance.get("profile")
    measures.as_before(former, arguments)
    arguments.json = False
    data = former.provenance.get("data")
    out = Path(arguments.out) if arguments.out else folder.with_name(f"{folder.name}-replay")
    status = _whole_way(spec, Path(data) if data else None, out, arguments)
    again = json.loads((out / "dag.json").read_text(encoding="utf-8"))["edges"]
    same = {(edge["from"], edge["to"]) for edge in again} == {edge.pair for edge in former.edges}
    print(f"The graph is {'the same as' if same else 'NOT the same as'} in {folder}.")
    return status


def _data_path(spec: Spec, arguments: Namespace) -> Path | None:
    """Where the data are, by the call or else by the spec; None to sample."""
    if arguments.data is not None:
        return Path(arguments.data)
    return None if spec.data is None else Path(spec.data.path)


def _whole_way(spec: Spec, path: Path | None, folder: Path, arguments: Namespace) -> int:
    with reserved_run(folder, arguments.force) as place:
        return _in_place(spec, path, place, arguments)


def _in_place(spec: Spec, path: Path | None, place: Place, arguments: Namespace) -> int:
    log = Log(ProgressLine(enabled=True if arguments.progress else None))
    log.say(f"crlspec {__version__}: {shlex.join(sys.argv[1:])}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            log.caught = caught
            status = _estimate_and_write(spec, path, place, arguments, log)
        except KeyboardInterrupt as stopped:
            if not unfinished(place.folder).is_dir():
                raise
            kept = "nothing is in the folder yet. The same call goes on from where the training was."
            raise type(stopped)(kept) from None
        finally:
            log.line.close()
    for warning in caught:
        if issubclass(warning.category, NumericalWarning | LossWarning):
            print(f"warning: {warning.message}", file=sys.stderr)
    return status


def _estimate_and_write(spec: Spec, path: Path | None, place: Place, arguments: Namespace, log: Log) -> int:
    with loading(arguments.alone):
        from crlspec.data import provenance_of
        from crlspec.data.tree import READING
        from crlspec.solving import solve

    folder = place.given
    for issue in refuse_errors(spec):
        _tell(f"{issue.severity}: {issue}", log)
    refuse_device(arguments.device)
    if (line := cost(spec, read=path is not None)) is not None:
        _tell(line, log)
    start = _input(spec, path, arguments, log)
    for note in provenance_of(start.data).get(READING, ()):
        _tell(f"note: {note}", log)
    require_room(place.given, *_bytes_of(start, place.given))
    measures.refuse_unmeasurable(start.data, arguments)  # before the long work
    try:
        result = solve(
            start.spec,
            start.data,
            arguments.seed,
            model=start.model,
            progress=log,
            device=arguments.device,
            notes={**start.notes, **_reading(start.data), "date": time.strftime("%Y-%m-%d")},
            checkpoints=unfinished(place.folder),
        )
    except EstimationError as error:
        log.say(f"no result: {error}")
        with filled(place, arguments.force) as building:
            _write_texts(building, start, arguments.seed, log)
        forget_unfinished(place.folder)
        log.line.close()
        print(f"{folder} holds spec.yaml and run.log.", file=sys.stderr)
        raise
    result = measures.measured(result, start.data, start.model, arguments, log)
    log("report")
    metrics = found = None
    if start.model is not None:
        from crlspec.results.evaluate import EVALUATION

        found = result.evaluate(start.model, seed=arguments.seed + EVALUATION)
        metrics = result.metrics(found, sample=start.sampling)
    lines = table(result, metrics)
    with filled(place, arguments.force) as building:
        _write_result(building, result, start.model, metrics, found)
        for line in lines:
            log.say(line)
        _write_texts(building, start, arguments.seed, log)
    forget_unfinished(place.folder)
    log.line.close()
    names = " ".join(sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
    if arguments.json:
        print(json.dumps(as_values(result, metrics, folder), indent=2, ensure_ascii=False))
    else:
        print(dressed("\n".join([*lines, "", f"in {folder}: {names}"]), sys.stdout))
        print(f"Next: open {folder / 'report.html'} in a browser.")
        if path is not None and path.suffix.lower() == ".h5ad":
            call = f"crlspec transform {folder} --data {path} --out {path.stem}-latents.h5ad"
            print(f"Latents beside the cells: {call}")
    if not result.status.ok:
        return EstimationError.exit_code
    return int(result.provenance.get("calibration_refused", {"exit": 0})["exit"])


def _reading(data: xr.DataTree) -> dict[str, Any]:
    """What was guessed, left out or renamed while the data were read."""
    from crlspec.data import provenance_of
    from crlspec.data.tree import READING

    found = provenance_of(data).get(READING)
    return {READING: found} if found else {}


def _tell(text: str, log: Log) -> None:
    """On stderr, and in run.log."""
    log.say(text)
    log.line.close()
    print(dressed(text, sys.stderr), file=sys.stderr)


def _bytes_of(start: Input, folder: Path) -> tuple[int, int]:
    """(of result.nc, of all files of the run): how many bytes they have at least, before there is a result."""
    from crlspec.spec.setting import Setting

    rows = sum(node.sizes["sample"] for node in start.data.children.values())
    latents = 8 * rows * len(Setting.of(start.spec).latents)
    return latents, latents + SMALL_FILES


def _input(spec: Spec, path: Path | None, arguments: Namespace, log: Log) -> Input:
    seed = arguments.seed
    seeds, clock = {"model": seed, "sample": seed}, time.monotonic()
    if spec.data is not None:
        from crlspec.data import read_data

        assert path is not None
        log("reading data")
        read = read_data(path, **spec.data.reading())
        where = {"path": str(path.resolve())}
        kept = spec.model_copy(update={"data": spec.data.model_copy(update=where)})
        return Input(kept, read, None, time.monotonic() - clock, {"data": where["path"]})
    with loading(arguments.alone):
        from crlspec.generative.model import compile as compile_model

    if path is None:
        log("sampling")
        model = compile_model(spec, seed=seed, device=arguments.device)
        data = model.sample(seed=seed)
        notes: dict[str, Any] = {"seeds": seeds, "device": arguments.device}
    else:
        from crlspec.data import provenance_of, read_data

        log("reading data")
        data = read_data(path)
        seeds = {**seeds, **_seeds_of(provenance_of(data))}
        model = compile_model(spec, seed=seeds["model"], device=arguments.device)
        _refuse_strangers(model, data, path, seeds["model"])
        notes = {"seeds": seeds, "device": arguments.device, "data": str(path.resolve())}
    return Input(spec, data, model, time.monotonic() - clock, notes)


def _seeds_of(notes: dict[str, Any]) -> dict[str, int]:
    """The seeds that data remember of ``crlspec sample``; none where they come from elsewhere."""
    seeds = notes.get("seeds")
    known = seeds if isinstance(seeds, dict) else {}
    return {
        key: one for key, one in known.items() if key in {"model", "sample"} and type(one) is int and one >= 0
    }


def _refuse_strangers(model: Model, data: xr.DataTree, path: Path, seed: int) -> None:
    """Raises DataError where the model, whose truth the result is judged by, cannot have made the data."""
    import torch

    from crlspec.data.images import VARIABLE

    shape = model.mixing.image_shape
    for name, node in data.children.items():
        held = tuple(node[VARIABLE].shape[1:]) if VARIABLE in node.data_vars else None
        if held is not None and held != shape:
            raise DataError(
                f"{path}: environment '{name}' holds images of {_by(held)}, and this spec makes "
                f"{'none' if shape is None else f'images of {_by(shape)}'}.",
                remedy="Give the --profile and --set that crlspec sample had.",
            )
    if not model.mixing.has_inverse:
        return
    for name, node in data.children.items():
        if "x" not in node.data_vars:
            return  # images, and a mixing that renders them has no inverse
        table = node.to_dataset()["x"]
        if {str(one) for one in table["observed"].values} != set(model.observed):
            return  # the Problem says it better, naming the columns
        x = torch.as_tensor(
            table.isel(sample=slice(200)).sel(observed=list(model.observed)).values,
            dtype=model.dtype,
            device=model.device,
        )
        gap = model.mixing.forward(model.mixing.inverse(x)) - x
        if bool(gap.abs().max() > 1e-5 * (1 + x.abs().max()) + 8 * model.observation_noise):
            raise DataError(
                f"{path}: environment '{name}' was not made by this spec with seed {seed}: no latents give "
                "these observations, so the truth that the spec declares is not theirs.",
                remedy="Give the --seed that crlspec sample had; for data of your own, a spec with data: and "
                "assume: (crlspec new FILE --kind data).",
            )


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _write_result(
    folder: Path,
    result: Result,
    model: Model | None,
    metrics: dict[str, Any] | None,
    evaluation: xr.Dataset | None,
) -> None:
    result.save(folder / "result.nc")
    write_file(folder / "dag.json", result.dag_json())
    write_file(folder / "status.json", result.status_json())
    write_file(folder / "dag.dot", result.dag_dot())
    measures.save(result, folder)
    if metrics is not None:
        text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
        write_file(folder / "metrics.json", text)
    result.report(folder / "report.html", model=model, evaluation=evaluation)
    result.animate(folder)


def _write_texts(folder: Path, start: Input, seed: int, log: Log) -> None:
    from crlspec.spec.load import dump

    spec = start.spec if start.model is None else start.model.spec
    under = "" if spec.profile is None else f", profile {spec.profile}"
    head = f"# The spec of a run, with nothing left to chance: crlspec {__version__}, seed {seed}{under}.\n"
    write_file(folder / "spec.yaml", head + dump(spec))
    for warning in log.caught:
        if issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
            continue  # of the packages that are used, for those who write them
        log.say(f"{warning.category.__name__}: {warning.message}")
    write_file(folder / "run.log", log.text())
