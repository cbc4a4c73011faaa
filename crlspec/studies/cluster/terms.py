"""What a worker must have for its rows to be those of the process that asks: code, plug-ins, files, one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from crlspec.provenance import versions

__all__ = ["Refusal", "Terms", "code", "differences", "refusal"]

Refusal = tuple[str, str]
"""What a worker lacks, as the end of a sentence that begins with its name, and what mends it."""


@dataclass(frozen=True)
class Terms:
    """What rows depend on besides a spec and a seed.

    version   of crlspec
    code      digest of its source files: between two releases many states have one version
    packages  (name, version) of what can change the last digit of a result, Python among them
    plugins   modules whose families the specs name
    files     that the specs read
    """

    version: str
    code: str
    packages: tuple[tuple[str, str], ...]
    plugins: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @classmethod
    def here(cls, plugins: Sequence[str] = (), files: Sequence[str] = ()) -> Terms:
        """Those of this process."""
        found = versions()
        return cls(found.pop("crlspec", ""), code(), tuple(found.items()), tuple(plugins), tuple(files))


@cache
def code() -> str:
    """Twelve hexadecimal digits of the source of crlspec as it is installed in this process."""
    whole = hashlib.sha256()
    for package in ("crlspec", "crlspec.models"):
        module = find_spec(package)
        for folder in [] if module is None else sorted(module.submodule_search_locations or ()):
            for path in sorted(Path(folder).rglob("*.py")):
                inside = path.relative_to(folder).as_posix()
                if package == "crlspec" and inside.startswith(("models/", "specs/")):
                    continue  # in an installed package they lie inside, in a checkout beside it
                whole.update(f"{package}/{inside}\n".encode())
                whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def refusal(terms: Terms, threads: int = 1) -> Refusal | None:
    """Why this process cannot do runs under these terms; None where it can. ``threads`` are those that it runs tasks
    in."""
    if threads != 1:
        return (
            f"runs tasks in {threads} threads, and a run needs a process of its own",
            "Start workers with one thread each: dask worker ADDRESS --nworkers CORES --nthreads 1",
        )
    here = Terms.here()
    if here.version != terms.version:
        return (
            f"has crlspec {here.version}, and this call is made with {terms.version}",
            "Install the same version in both places, and start the workers again.",
        )
    if here.code != terms.code:
        return (
            f"has crlspec {here.version} with other source files (digest {here.code}, here {terms.code})",
            "Install the same state of crlspec in both places, and start the workers again.",
        )
    for plugin in terms.plugins:
        if not _is_there(plugin):
            return f"does not find the plug-in {plugin}", f"Install {plugin} where the workers run."
    for name in terms.files:
        if not Path(name).exists():
            return (
                f"does not find {name}",
                "Put the files that the spec reads where every worker finds them under the same path.",
            )
    return None


def differences(terms: Terms) -> tuple[str, ...]:
    """Packages that are another version here, as ``numpy 2.1.0 (here 2.2.0)`` for whoever asked."""
    mine = dict(Terms.here().packages)
    return tuple(
        f"{name} {mine.get(name, 'missing')} (here {version})"
        for name, version in terms.packages
        if mine.get(name) != version
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
