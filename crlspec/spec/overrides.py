"""Overrides: ``a.b = value`` put into the tree of a spec, by ``--set`` or a profile, with the marks of its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crlspec.errors import Issue, SpecError
from crlspec.spec.yaml12 import Mark, Path, Source, copied, paths, read

__all__ = ["Override", "below", "given_by_set"]


@dataclass(frozen=True)
class Override:
    """A value to put at a dotted key.

    key     the key as it was written: ``mixing.size``
    value   the value, read from YAML
    at      where the key stands
    values  path below the value → where that part of it stands; where ``at`` is, if left out
    keys    path below the value → where the key of that part stands
    """

    key: str
    value: Any
    at: Mark
    values: Mapping[Path, Mark] = field(default_factory=dict)
    keys: Mapping[Path, Mark] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """The parts of the key."""
        return self.key.strip().split(".")

    def put(self, tree: dict[str, Any], source: Source) -> None:
        """Put the value into the tree, its marks into the source. Raises SpecError where there is no such place."""
        steps = self.steps
        if steps[0] == "profiles":
            raise self._fault("a profile cannot be changed here.", "set the key that the profile would set.")
        node: Any = tree
        for depth, step in enumerate(steps[:-1]):
            node = self._enter(node, step, steps[: depth + 1])
        path: list[str | int] = [
            int(s) if s.isdecimal() and _is_list(tree, steps[:k]) else s for k, s in enumerate(steps)
        ]
        value = copied(self.value)
        if isinstance(node, list):
            if not isinstance(path[-1], int) or path[-1] >= len(node):
                raise self._no_way(steps)
            node[path[-1]] = value
        elif isinstance(node, dict):
            node[steps[-1]] = value
        else:
            raise self._no_way(steps[:-1])
        for depth in range(1, len(path)):
            source.keys.setdefault(tuple(path[:depth]), self.at)
        for part in paths(value):
            full = (*path, *part)
            source.values[full] = self.values.get(part, self.at)
            source.keys[full] = self.keys.get(part, source.values[full])

    def _enter(self, node: Any, step: str, walked: Sequence[str]) -> Any:
        if isinstance(node, dict):
            if node.get(step) is None:
                node[step] = {}
            return node[step]
        if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            return node[int(step)]
        raise self._no_way(walked)

    def _no_way(self, walked: Sequence[str]) -> SpecError:
        message = f"{'.'.join(walked)} is no mapping or list with such an entry."
        return self._fault(message, "give the whole value instead.")

    def _fault(self, message: str, remedy: str) -> SpecError:
        at = self.at
        return SpecError([Issue("error", message, remedy, None, at.origin, at.line, at.column)])


def given_by_set(entry: str) -> Override:
    """The override of ``--set a.b=value``; its marks say ``--set a.b``. Raises SpecError."""
    key, equals, text = entry.partition("=")
    origin = f"--set {key}"
    if not equals or not all(key.strip().split(".")):
        message = f"got {entry!r}; key=value is needed."
        raise SpecError([Issue("error", message, "write --set samples=500.", path=origin)])
    try:
        value, _ = read(text, origin)
    except SpecError as error:
        issues = [Issue("error", i.message, i.remedy, key, origin) for i in error.issues]
        raise SpecError(issues) from None
    return Override(key, value, Mark(origin))


def below(overrides: Iterable[Override], key: str) -> set[str]:
    """The keys right below ``key`` that overrides give."""
    found: set[str] = set()
    for override in overrides:
        first, *rest = override.steps
        if first == key:
            found |= {rest[0]} if rest else set(override.value) if isinstance(override.value, dict) else set()
    return found


def _is_list(tree: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        tree = (
            tree[int(step)] if isinstance(tree, list) else tree.get(step) if isinstance(tree, dict) else None
        )
    return isinstance(tree, list)
