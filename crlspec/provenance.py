"""What a run was made of: versions, seeds and the machine's kind, as plain values that fit into JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["PACKAGES", "provenance", "versions"]

PACKAGES = (
    "crlspec",
    "torch",
    "pyro-ppl",
    "numpy",
    "scipy",
    "xarray",
    "pandas",
    "networkx",
    "pgmpy",
    "pydantic",
)


def versions() -> dict[str, str]:
    """Version of each package that can change a result; packages that are not installed are left out."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def provenance(spec: str, seeds: Mapping[str, int], **notes: Any) -> dict[str, Any]:
    """What is kept with a Result.

    spec    the spec as YAML, resolved where a truth is known
    seeds   name → seed, of every step that drew at random
    notes   further plain values (device, where the data came from)
    """
    return {
        "spec": spec,
        "seeds": dict(seeds),
        "versions": versions(),
        "platform": f"{platform.system()} {platform.machine()}",
        **notes,
    }
