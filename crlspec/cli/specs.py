"""The commands about specs: ``new``, ``check``, ``show``, ``schema``."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.cli.call import CallError, errors_of, load_spec, registry_of
from crlspec.disk.write import write_file
from crlspec.errors import SHOWN, EstimationError, Issue, OutputExists, SpecError, more

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
    else:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "first"
        text = TEMPLATES[arguments.kind].format(name=name, file=path)
    if path.exists() and not arguments.force:
        raise OutputExists(
            f"{path}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )
    write_file(path, text, force=True)
    print(f"{path} is written. Next: crlspec check {path}")
    return 0


def check(arguments: Namespace) -> int:
    """The verdict of the theory and the issues of a spec, and with --power what simulation says; 2 where the spec has
    errors, 4 where no simulated run had a result."""
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
    verdict, valid = identifiability(spec), not errors_of(issues)
    plan = _plan(arguments, spec.profile) if valid and arguments.power is not None else None
    if arguments.json:
        answer = {
            "name": spec.name,
            "profile": spec.profile,
            "valid": valid,
            "setting": str(Setting.of(spec)),
            "verdict": verdict.as_values(),
            **_listed(issues),
        }
        if plan is not None:
            from crlspec.cli.power import as_values

            answer["plan"] = as_values(plan)
        print(json.dumps(answer, indent=2, ensure_ascii=False, default=str))
    else:
        under = "" if spec.profile is None else f" (profile {spec.profile})"
        print(f"{spec.name or arguments.spec}{under}: {Setting.of(spec)}\n\n{verdict}")
        if issues:
            print()
        for line in [*(f"{issue.severity}: {issue}" for issue in issues[:SHOWN]), *more(len(issues))]:
            print(line)
        if plan is not None:
            print(f"\n{plan}")
    if plan is not None and bool((plan.runs["status"] == "failed").all()):
        return EstimationError.exit_code
    return 0 if valid else SpecError.exit_code


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
            under = "" if spec.profile is None else f", profile {spec.profile}"
            print(f"# random parts drawn with seed {arguments.seed}{under}")
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
        raise CallError(f"There is no shipped spec '{name}'.", remedy=f"Choose one of {', '.join(names)}.")
    return files(SHIPPED).joinpath(*f"{name}.yaml".split("/")).read_text(encoding="utf-8")
