"""The commands that do one thing; each takes the parsed call and returns an exit status."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.errors import CrlspecError, DataError, EstimationError, Issue, OutputExists, SpecError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from crlspec.generative.model import Model
    from crlspec.planning.plan import Plan
    from crlspec.registry import Registry
    from crlspec.results.result import Result
    from crlspec.spec.schema import Spec

__all__ = ["check", "new", "report", "sample", "schema", "show", "transform", "truth_of"]


class CallError(CrlspecError):
    """Raised when options do not go together, or name something that is not there."""

    exit_code = 2


def new(arguments: Namespace) -> int:
    """Write a first spec to edit."""
    from crlspec.templates import TEMPLATES

    path = Path(arguments.file)
    if path.suffix not in {".yaml", ".yml"}:
        raise CallError(f"{path}: a spec is a .yaml file.", remedy=f"Call it {path.name}.yaml.")
    if arguments.source is not None:
        text = _shipped_text(arguments.source)
    else:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "first"
        text = TEMPLATES[arguments.kind].format(name=name, file=path)
    if path.exists() and not arguments.force:
        raise OutputExists(
            f"{path}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )
    write_text(path, text)
    print(f"{path} is written. Next: crlspec check {path}")
    return 0


def check(arguments: Namespace) -> int:
    """The verdict of the theory and the issues of a spec, and with --power what simulation says; 2 where the spec has
    errors, 4 where no simulated run had a result."""
    from crlspec.spec.check import check as find_issues
    from crlspec.spec.identifiability import identifiability
    from crlspec.spec.setting import Setting

    if arguments.power is not None:
        from crlspec.planning.command import numbers

        numbers(arguments.power)
    try:
        spec = load_spec(arguments)
    except SpecError as error:
        if not arguments.json:
            raise
        print(
            json.dumps(
                {"valid": False, "issues": [asdict(one) for one in error.issues]},
                indent=2,
                ensure_ascii=False,
            )
        )
        return error.exit_code
    issues = find_issues(spec)
    verdict, valid = identifiability(spec), not errors_of(issues)
    plan = _plan(arguments) if valid and arguments.power is not None else None
    if arguments.json:
        answer = {
            "name": spec.name,
            "valid": valid,
            "setting": str(Setting.of(spec)),
            "verdict": {**asdict(verdict), "text": str(verdict)},
            "issues": [asdict(one) for one in issues],
        }
        if plan is not None:
            from crlspec.planning.command import as_values

            answer["plan"] = as_values(plan)
        print(json.dumps(answer, indent=2, ensure_ascii=False, default=str))
    else:
        print(f"{spec.name or arguments.spec}: {Setting.of(spec)}\n\n{verdict}")
        if issues:
            print()
        for issue in issues:
            print(f"{issue.severity}: {issue}")
        if plan is not None:
            print(f"\n{plan}")
    if plan is not None and bool((plan.runs["status"] == "failed").all()):
        return EstimationError.exit_code
    return 0 if valid else SpecError.exit_code


def _plan(arguments: Namespace) -> Plan:
    from crlspec.planning.command import simulated

    return simulated(arguments)


def show(arguments: Namespace) -> int:
    """A spec with its random parts drawn; without a spec, what is shipped."""
    if arguments.spec is None:
        print("\n".join(shipped_lines()))
        return 0
    from crlspec.spec.load import dump
    from crlspec.spec.resolve import resolve
    from crlspec.spec.setting import Setting, environment_targets

    spec = load_spec(arguments)
    resolved = resolve(spec, arguments.seed)
    if not arguments.yaml:
        setting = Setting.of(spec)
        print(f"# {spec.name or arguments.spec}: {setting}")
        if spec.data is None:
            print(f"# random parts drawn with seed {arguments.seed}")
            for name, targets in environment_targets(resolved).items():
                print(f"# environment {name}: intervenes on {', '.join(targets) or 'nothing'}")
    print(dump(resolved), end="")
    return 0


def schema(arguments: Namespace) -> int:
    """The JSON Schema of specs."""
    from crlspec.spec.load import json_schema

    text = json.dumps(json_schema(registry_of(arguments)), indent=2, ensure_ascii=False) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        write_text(Path(arguments.out), text)
        print(f"{arguments.out} is written.")
    return 0


def sample(arguments: Namespace) -> int:
    """Sample data from a spec, with the latents beside them as truth."""
    from crlspec.data import environments_of, provenance_of, write_data
    from crlspec.data.tree import PROVENANCE
    from crlspec.generative.model import compile as compile_model

    spec = load_spec(arguments, samples=arguments.samples)
    refuse_errors(spec)
    if spec.data is not None:
        raise CallError(
            "This spec reads data and declares no model to sample from.",
            remedy="Give a spec with scm: or equations, or crlspec run it.",
        )
    out = Path(arguments.out)
    if not arguments.force and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputExists(f"{out} exists.", remedy="Choose another name, or overwrite it with --force.")
    refuse_device(arguments.device)
    model = compile_model(spec, seed=arguments.seed, device=arguments.device)
    data = model.sample(seed=arguments.seed)
    seeds = {"model": arguments.seed, "sample": arguments.seed}
    data.attrs[PROVENANCE] = json.dumps({**provenance_of(data), "seeds": seeds})
    write_data(data, out, force=arguments.force, table=arguments.table)
    counts = ", ".join(f"{name} {data[name].sizes['sample']}" for name in environments_of(data))
    print(f"{out} is written: {counts} samples of {len(model.observed)} variables.")
    print(f"Run it: crlspec run {arguments.spec} --data {out}")
    return 0


def transform(arguments: Namespace) -> int:
    """Apply a result's encoder to observations: one column a latent, one row a sample."""
    import numpy as np
    import pandas as pd

    result = result_of(arguments.result)
    out = Path(arguments.out)
    if out.suffix.lower() not in {".csv", ".parquet"}:
        raise CallError(
            f"{out}: cannot tell how to write a '{out.suffix}' file.", remedy="Choose .csv or .parquet."
        )
    if out.exists() and not arguments.force:
        raise OutputExists(
            f"{out}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )
    parts = dict(_encoded(result, Path(arguments.data), arguments.environment))
    table = pd.DataFrame(np.concatenate(list(parts.values())), columns=list(result.names))
    write_whole_file(out, lambda to: _write_table(table, to))
    print(f"{out} is written: {len(table)} rows, columns {', '.join(result.names)}.")
    if len(parts) > 1:
        first = 0
        for name, values in parts.items():
            print(f"  rows {first + 1}-{first + len(values)}: environment {name}")
            first += len(values)
    return 0


def report(arguments: Namespace) -> int:
    """Write the report of a result again."""
    result = result_of(arguments.result)
    folder = result_path(arguments.result).parent
    out = Path(arguments.out) if arguments.out else folder / "report.html"
    result.report(out, model=truth_of(result), force=True)
    print(f"{out} is written: open it in any browser.")
    return 0


def registry_of(arguments: Namespace) -> Registry | None:
    """The installed families and those of every --plugin; None where there is no plug-in."""
    from crlspec.registry import Registry

    registry = None
    for name in arguments.plugin:
        registry = (registry or Registry.installed()).with_plugin(name)
    return registry


def load_spec(arguments: Namespace, samples: int | None = None) -> Spec:
    """The spec of a call with its --set, --samples and --plugin."""
    from crlspec.spec.load import load

    if arguments.spec is None:
        raise CallError(
            "No spec is named.", remedy="Give a YAML file or a shipped name; crlspec show lists those."
        )
    sets = [*arguments.sets, *([] if samples is None else [f"samples={samples}"])]
    return load(arguments.spec, sets=sets, registry=registry_of(arguments))


def errors_of(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """The issues that stop the way."""
    return tuple(issue for issue in issues if issue.severity == "error")


def refuse_errors(spec: Spec) -> tuple[Issue, ...]:
    """The warnings and notes of a spec; raises SpecError where it has errors."""
    from crlspec.spec.check import check as find_issues

    issues = find_issues(spec)
    if errors := errors_of(issues):
        raise SpecError(errors)
    return issues


def refuse_device(device: str) -> None:
    """Raises CallError where torch does not find the device."""
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CallError(
            f"--device {device}: {reason}.", remedy="Choose cpu, or a device that torch finds."
        ) from None


def result_path(given: str) -> Path:
    """The NetCDF file of a result that is named by itself or by its folder."""
    path = Path(given)
    return path / "result.nc" if path.is_dir() else path


def result_of(given: str) -> Result:
    """The opened result; a path that is not there is a wrong call."""
    from crlspec.results.result import open_result

    path = result_path(given)
    if path.suffix in {".yaml", ".yml"}:
        raise CallError(
            f"{path} is a spec, and no result.",
            remedy=f"Give a result.nc, or the folder of a run; a spec is run by crlspec run {path}.",
        )
    if not path.is_file():
        raise CallError(
            f"{path}: there is no such result.", remedy="Give a result.nc, or the folder of a run."
        )
    return open_result(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole_file(path, lambda to: to.write_text(text, encoding="utf-8"))


def write_whole_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a hidden neighbour, then move it to ``path``, whatever is there."""
    from crlspec.data.write import write_whole

    if path.is_dir():
        raise OutputExists(f"{path} is a folder.", remedy="Give the name of a file.")
    write_whole(path, write, force=True)


def shipped_lines() -> Iterator[str]:
    """Name and first comment line of every shipped spec, and of every table."""
    from crlspec.spec.load import shipped, shipped_tables

    names = (*shipped(), *shipped_tables())
    width = max(map(len, names), default=0)
    for name in names:
        first = _shipped_text(name).partition("\n")[0]
        yield f"{name:<{width}}  {first.lstrip('#').strip()}"


def _shipped_text(name: str) -> str:
    from importlib.resources import files

    from crlspec.spec.load import SHIPPED, shipped, shipped_tables

    names = (*shipped(), *shipped_tables())
    if name not in names:
        raise CallError(f"There is no shipped spec '{name}'.", remedy=f"Choose one of {', '.join(names)}.")
    return files(SHIPPED).joinpath(*f"{name}.yaml".split("/")).read_text(encoding="utf-8")


def _write_table(table: Any, path: Path) -> None:
    if path.suffix.lower() == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)


def _encoded(result: Result, path: Path, environment: str | None) -> Iterator[tuple[str, np.ndarray]]:
    """(environment, latents (sample, latent)) of new observations, in the order of the data."""
    tree = _new_observations(path)
    names = list(tree.children)
    if environment is not None and environment not in names:
        raise DataError(f"{path}: there is no environment '{environment}'; there are {', '.join(names)}.")
    for name in names if environment is None else [environment]:
        z = result.encoder(tree[name].to_dataset()["x"])
        yield name, z.transpose("sample", "latent").values


def _new_observations(path: Path) -> xr.DataTree:
    from crlspec.data import from_arrays, read_data
    from crlspec.data.tables import SUFFIXES, read_table

    if path.is_file() and path.suffix.lower() in SUFFIXES:
        columns, values = read_table(path)
        return from_arrays({path.stem: values}, observed=columns)
    return read_data(path)


def truth_of(result: Result) -> Model | None:
    """The model that a result's own spec declares; None where no truth was known."""
    if not result.provenance.get("truth"):
        return None
    from crlspec.generative.model import compile as compile_model
    from crlspec.spec.load import loads

    return compile_model(loads(result.provenance["spec"]), seed=0)
