"""Which modules and packages bring the families that a spec declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crlspec.registry import ClosedModel, Declaration, Registry, kind_of

__all__ = ["lacking_plugins", "packages_of", "plugins_of"]


def plugins_of(spec: Any) -> tuple[str, ...]:
    """The modules of all declarations in a spec that are not those of installed packages, sorted."""
    installed = Registry.installed()
    found = {
        type(one).__module__
        for one in _declarations(spec)
        if installed.kinds(one.slot).get(kind_of(type(one))) is not type(one)
    }
    return tuple(sorted(found))


def packages_of(spec: Any) -> dict[str, str]:
    """Name → version of the installed packages, crlspec itself left out, whose families a spec declares."""
    known = Registry.installed().packages
    found = {known[type(one)] for one in _declarations(spec) if type(one) in known}
    return {name: version for name, version in sorted(found) if name != "crlspec"}


def lacking_plugins(provenance: Mapping[str, Any], registry: Registry | None = None) -> tuple[str, ...]:
    """The modules that a result was made with (``plugins`` of its provenance) and none of whose families is in a
    registry, by default the installed one."""
    known = {
        one.__module__ for kinds in (registry or Registry.installed()).families.values() for one in kinds
    }
    return tuple(name for name in provenance.get("plugins", ()) if name not in known)


def _declarations(value: Any) -> Iterator[Declaration]:
    if isinstance(value, Declaration):
        yield value
    if isinstance(value, ClosedModel):
        for name in type(value).model_fields:
            yield from _declarations(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _declarations(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _declarations(one)
