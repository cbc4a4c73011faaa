"""What a call names: its spec, its result, its device, its files; and what is refused."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.errors import CrlspecError, Issue, SpecError

if TYPE_CHECKING:
    from crlspec.generative.model import Model
    from crlspec.registry import Registry
    from crlspec.result import Result
    from crlspec.spec.schema import Spec

__all__ = [
    "CallError", "errors_of", "folder_name", "load_spec", "refuse_device", "refuse_errors",
    "refuse_plugins", "registry_of", "result_of", "result_path", "truth_of",
]  # fmt: skip


class CallError(CrlspecError):
    """Raised when options do not go together, or name something that is not there."""

    exit_code = 2


def registry_of(arguments: Namespace) -> Registry | None:
    """The installed families and those of every --plugin; None where there is no plug-in."""
    from crlspec.registry import Registry

    return Registry.with_plugins(arguments.plugin) if arguments.plugin else None


def load_spec(arguments: Namespace, samples: int | None = None) -> Spec:
    """The spec of a call with its --profile, --set, --samples and --plugin; --device chooses a profile where none is
    named."""
    from crlspec.spec.load import load

    if arguments.spec is None:
        raise CallError(
            "No spec is named.", remedy="Give a YAML file or a shipped name; crlspec show lists those."
        )
    sets = [*arguments.sets, *([] if samples is None else [f"samples={samples}"])]
    return load(
        arguments.spec,
        profile=arguments.profile,
        sets=sets,
        registry=registry_of(arguments),
        device=getattr(arguments, "device", "cpu"),
    )


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
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device).cpu()  # ``meta`` has no numbers to give back
    except (RuntimeError, AssertionError, ImportError, AttributeError) as error:
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
    from crlspec.result import open_result

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


def truth_of(result: Result, arguments: Namespace) -> Model | None:
    """The model that a result's own spec declares; None where no truth was known.

    Raises CallError where the spec needs a plug-in that the call does not give.
    """
    if not result.provenance.get("truth"):
        return None
    from crlspec.generative.model import compile as compile_model
    from crlspec.spec.load import loads

    refuse_plugins(result, arguments)
    return compile_model(loads(result.provenance["spec"], registry=registry_of(arguments)), seed=0)


def refuse_plugins(result: Result, arguments: Namespace) -> None:
    """Raises CallError where a result was made with plug-ins that the call does not give."""
    from crlspec.spec.plugins import lacking_plugins

    lacking = lacking_plugins(result.provenance, registry_of(arguments))
    if lacking:
        given = " ".join(f"--plugin {name}" for name in lacking)
        one = len(lacking) == 1
        raise CallError(
            f"The result was made with the {'plug-in' if one else 'plug-ins'} {', '.join(lacking)}, and this call "
            f"does not name {'it' if one else 'them'}.",
            remedy=f"Add {given} to the call, if you trust {'that module' if one else 'those modules'}.",
        )


def folder_name(spec: Spec, given: str) -> str:
    """A name for a run's folder: the spec's own, or the file's."""
    return re.sub(r"[^\w.-]+", "-", spec.name or Path(given).stem).strip("-.") or "run"
