"""The commands about specs: ``new``, ``check``, ``show``, ``schema``."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.cli.call import CallError, errors_of, load_spec, registry_of
from crlspec.disk.write import write_file
from crlspec.errors import SHOWN, DataError, EstimationError, Issue, OutputExists, SpecError, more

if TYPE_CHECKING:
    from crlspec.studies.power.plan import Plan

__all__ = ["check", "new", "schema", "show"]


def new(arguments: Namespace) -> int:
    """Write a first spec to edit."""
    from crlspec.cli.templates import TEMPLATES

    path = Path(arguments.file)
    if path.suffix not in {".yaml", ".yml"}:
        raise CallError(f"{path}: a spec is a .yaml file.", remedy=f"Call it {path.name}.yaml.")
    if arguments.source is not None:
        text = _shipped_text(arguments.source)
    elif arguments.data is not None:
        text = _proposed(arguments, path)
    else:
        text = TEMPLATES[arguments.kind].format(name=_name(path), file=path)
    if path.exists() and not arguments.force:
        raise OutputExists(
            f"{path}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )
    write_file(path, text, force=True)
    print(f"{path} is written. Next: crlspec check {path}")
    return 0


def _name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "first"


def _proposed(arguments: Namespace, path: Path) -> str:
    """A spec for data that are looked at; says what they hold."""
    import os

    from crlspec.cli.proposal import proposal
    from crlspec.data.look import look

    source = Path(arguments.data)
    found = look(source, arguments.environment)
    if len(found.environments) < 2:
        raise DataError(
            f"{source}: there is one environment alone, {next(iter(found.environments))}.",
            remedy="Give data with and without interventions; --environment names the column that tells them apart.",
        )
    where = os.path.relpath(source, path.parent) if not source.is_absolute() else str(source)
    rows = (
        f"{found.fewest:,} rows or more"
        if found.fewest < max(found.environments.values())
        else f"{found.fewest:,} rows"
    )
    what = "images" if found.images else f"{len(found.variables)} variables"
    print(f"{source}: {len(found.environments)} environments of {rows}, {what}.")
    for note in found.reading:
        print(f"note: {note}")
    return proposal(found, _name(path), str(path), where)


def check(arguments: Namespace) -> int:
    """The verdict of the theory, the issues of a spec, its data, and with --power what simulation says; 2 where the
    spec has errors, 3 where its data cannot be read or do not fit, 4 where no simulated run had a result."""
    from crlspec.cli.data import found_in
    from crlspec.spec.check import check as find_issues
    from crlspec.spec.identifiability import identifiability
    from crlspec.spec.setting import Setting

    if arguments.power is not None:
        from crlspec.cli.power import numbers

        numbers(arguments.power)
    try:
        spec = load_spec(arguments)
    except SpecError as error:
        if not arguments.json:
            raise
        print(json.dumps({"valid": False, **_listed(error.issues)}, indent=2, ensure_ascii=False))
        return error.exit_code
    issues = find_issues(spec)
    valid = not errors_of(issues)
    data = found_in(spec) if spec.data is not None and valid else None
    setting = Setting.of(spec) if data is None or data.setting is None else data.setting
    verdict = identifiability(spec if data is None or data.setting is None else setting)
    readable = data is None or data.fault is None
    plan = _plan(arguments, spec.profile) if valid and readable and arguments.power is not None else None
    if arguments.json:
        answer = {
            "name": spec.name,
            "profile": spec.profile,
            "valid": valid,
            "setting": str(setting),
            "verdict": verdict.as_values(),
            **_listed(issues),
            **({} if data is None else {"data": data.as_values()}),
        }
        if plan is not None:
            from crlspec.cli.power import as_values

            answer["plan"] = as_values(plan)
        print(json.dumps(answer, indent=2, ensure_ascii=False, default=str))
    else:
        under = "" if spec.profile is None else f" (profile {spec.profile})"
        print(f"{spec.name or arguments.spec}{under}: {setting}\n\n{verdict}")
        if issues:
            print()
        for line in [*(f"{issue.severity}: {issue}" for issue in issues[:SHOWN]), *more(len(issues))]:
            print(line)
        if data is not None:
            print("\n".join(["", *data.lines()]))
        if plan is not None:
            print(f"\n{plan}")
    if plan is not None and bool((plan.runs["status"] == "failed").all()):
        return EstimationError.exit_code
    if not valid:
        return SpecError.exit_code
    return 0 if readable else DataError.exit_code


def _listed(issues: tuple[Issue, ...]) -> dict[str, Any]:
    """The first issues as values; with their number where there are more."""
    listed: dict[str, Any] = {"issues": [asdict(one) for one in issues[:SHOWN]]}
    return listed if len(issues) <= SHOWN else {**listed, "issues_found": len(issues)}


def _plan(arguments: Namespace, profile: str | None) -> Plan:
    from crlspec.cli.power import simulated

    return simulated(arguments, profile)


def show(arguments: Namespace) -> int:
    """A spec with its random parts drawn; without a spec, what is shipped."""
    if arguments.spec is None:
        if arguments.json:
            print(
                json.dumps(
                    dict(line.split(maxsplit=1) for line in shipped_lines()), indent=2, ensure_ascii=False
                )
            )
        else:
            print("\n".join(shipped_lines()))
        return 0
    import yaml

    from crlspec.spec.load import dump
    from crlspec.spec.resolve import resolve
    from crlspec.spec.setting import Setting, environment_targets

    spec = load_spec(arguments)
    resolved = resolve(spec, arguments.seed)
    if arguments.json:
        print(json.dumps(yaml.safe_load(dump(resolved)), indent=2, ensure_ascii=False))
        return 0
    if not arguments.yaml:
        setting = Setting.of(spec)
        print(f"# {spec.name or arguments.spec}: {setting}")
        if spec.data is None:
            under = "" if spec.profile is None else f", profile {spec.profile}"
            print(f"# random parts drawn with seed {arguments.seed}{under}")
            for name, targets in environment_targets(resolved).items():
                print(f"# environment {name}: intervenes on {', '.join(targets) or 'nothing'}")
    print(dump(resolved), end="")
    return 0


def schema(arguments: Namespace) -> int:
    """The JSON Schema of specs."""
    from crlspec.spec.json_schema import json_schema

    text = json.dumps(json_schema(registry_of(arguments)), indent=2, ensure_ascii=False) + "\n"
    if arguments.out is None:
        print(text, end="")
    else:
        write_file(arguments.out, text, force=True)
        print(f"{arguments.out} is written.")
    return 0


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
        near = get_close_matches(name, names, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise CallError(f"There is no shipped spec '{name}'.", remedy=f"{hint}crlspec show lists them.")
    return files(SHIPPED).joinpath(*f"{name}.yaml".split("/")).read_text(encoding="utf-8")
