"""Which modules a spec needs that no installed package registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crlspec.registry import ClosedModel, Declaration, Registry, kind_of

__all__ = ["plugins_of"]


def plugins_of(spec: Any) -> tuple[str, ...]:
    """The modules of all declarations in a spec that are not those of installed packages, sorted."""
    installed = Registry.installed()
    found = {
        type(one).__module__
        for one in _declarations(spec)
        if installed.kinds(one.slot).get(kind_of(type(one))) is not type(one)
    }
    return tuple(sorted(found))


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
