"""Profiles: named blocks of overrides in a spec, of which a call takes one.

profiles:
  quick: {samples: 4000, mixing.size: 32}
  full:  {samples: 10000, mixing.size: 64}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crlspec.errors import Issue, SpecError
from crlspec.spec.explain import place
from crlspec.spec.overrides import Override
from crlspec.spec.slots import shown, suggest
from crlspec.spec.yaml12 import Source

__all__ = ["KEY", "NONE", "SCHEMA", "Profiles", "choose", "faults", "take"]

KEY = "profiles"
NONE = "none"
"""What a call says to take the file as it stands; no profile may be called so."""
MOST, MOST_VALUES = 20, 5_000
"""Profiles, and values of the file times profiles (a row of numbers counts as one)."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
EXAMPLE = "write profiles: {quick: {samples: 1000}}."

SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Named blocks of overrides, of which a call takes one by --profile: dotted key → value.",
    "propertyNames": {"pattern": f"^{NAME.pattern}$", "not": {"const": NONE}},
    "additionalProperties": {"type": "object"},
}

Profiles = Mapping[str, tuple[Override, ...]]


def take(tree: dict[str, Any], source: Source) -> Profiles:
    """Take the block out of the tree: name → overrides, in the file's order. Raises SpecError where it is none."""
    if KEY not in tree:
        return {}
    block = tree.pop(KEY)
    if not isinstance(block, dict) or not block:
        raise SpecError([place(source, (KEY,), f"got {shown(block)}; named profiles are needed", EXAMPLE)])
    issues = [issue for name, keys in block.items() for issue in _shape(name, keys, source)]
    if issues:
        raise SpecError(issues)
    return {
        name: tuple(_override(source, name, key, value) for key, value in keys.items())
        for name, keys in block.items()
    }


def refuse_many(profiles: Profiles, source: Source) -> None:
    """Raises SpecError for more profiles than can be checked in a moment: the file is checked under each of them."""
    values = len(source.values) * len(profiles)
    if len(profiles) > MOST or values > MOST_VALUES:
        message = (
            f"the file has {len(source.values)} values and {len(profiles)} profiles, each of which is checked"
        )
        remedy = f"at most {MOST} profiles, and {MOST_VALUES} values times profiles, are allowed."
        raise SpecError([place(source, (KEY,), message, remedy, key=True)])


def choose(profiles: Profiles, wanted: str | None, device: str | None, origin: str) -> str | None:
    """The profile that a call takes; None for the file as it stands.

    wanted  its name, ``none``, or None to leave it to the device
    device  ``cpu`` asks for ``quick``, any other for ``full``, where the file has them; None for none

    Raises SpecError where there is no such profile.
    """
    if wanted == NONE or (wanted is None and device is None):
        return None
    if wanted is None:
        fitting = "quick" if str(device).partition(":")[0] == "cpu" else "full"
        return fitting if fitting in profiles else None
    if wanted in profiles:
        return wanted
    message = f"there is no profile {shown(wanted)}."
    remedy = suggest(wanted, [*profiles, NONE])
    if not profiles:
        message, remedy = (
            f"there is no profile {shown(wanted)}: the file has none.",
            f"leave it out, or {EXAMPLE}",
        )
    raise SpecError([Issue("error", message, remedy, path=origin)])


def faults(
    profiles: Profiles,
    source: Source,
    plain: Sequence[Issue],
    issues_of: Callable[[Sequence[Override]], Sequence[Issue]],
) -> tuple[Issue, ...]:
    """What is wrong with the file under each of its profiles, and is right in the file as it stands.

    plain      the errors of the file as it stands
    issues_of  overrides → the errors of the file with them

    Where the file itself is faulty, only what is wrong inside a profile: the rest may follow from those faults.
    """
    found: list[Issue] = []
    for name, overrides in profiles.items():
        try:
            issues = issues_of(overrides)
        except SpecError as error:
            issues = error.issues
        new = [issue for issue in issues if issue not in plain]
        found += [_of_profile(i, name, source) for i in new if not plain or _stands_in(i, name, source)]
    return tuple(found)


def _of_profile(issue: Issue, name: str, source: Source) -> Issue:
    """The issue with the profile that it comes from: at its key there, else at the profile's name."""
    prefix = f"{KEY}.{name}"
    if _stands_in(issue, name, source):
        return replace(issue, field=f"{prefix}.{issue.field}" if issue.field else prefix)
    at = ":".join(str(part) for part in (issue.line, issue.column) if part is not None)
    where = f"{issue.field} ({at})" if issue.field and at else issue.field or at or "the file"
    mark = source.key_at((KEY, name))
    message = f"with this profile {where}: {issue.message}"
    return replace(issue, message=message, field=prefix, path=mark.origin, line=mark.line, column=mark.column)


def _stands_in(issue: Issue, name: str, source: Source) -> bool:
    """Whether an issue is placed inside a profile: from its first key to what comes after its last value."""
    own: set[tuple[int, int]] = set()
    others: set[tuple[int, int]] = set()
    for marks in (source.values, source.keys):
        for path, mark in marks.items():
            mine = path[:2] == (KEY, name) and len(path) > 2
            (own if mine else others).add((mark.line or 0, mark.column or 0))
    place_of = (issue.line or 0, issue.column or 0)
    later = [one for one in others if own and one > max(own)]
    return bool(own) and min(own) <= place_of and (not later or place_of < min(later))


def _shape(name: str, keys: Any, source: Source) -> list[Issue]:
    path = (KEY, name)
    issues = []
    if not NAME.fullmatch(name) or name == NONE:
        message, remedy = (
            f"{name!r} cannot name a profile",
            f"use letters, digits, _ and -; {NONE!r} takes none.",
        )
        issues.append(place(source, path, message, remedy, key=True))
    if not isinstance(keys, dict):
        message = f"got {shown(keys)}; a mapping of dotted keys is needed"
        return [*issues, place(source, path, message, f"write {name}: {{samples: 1000}}.")]
    for key in keys:
        if not all(key.strip().split(".")):
            message = f"got {key!r}; words parted by single dots are needed"
            issues.append(place(source, (*path, key), message, "write mixing.size.", key=True))
    return issues


def _override(source: Source, name: str, key: str, value: Any) -> Override:
    root = (KEY, name, key)
    values = {path[3:]: mark for path, mark in source.values.items() if path[:3] == root}
    keys = {path[3:]: mark for path, mark in source.keys.items() if path[:3] == root}
    return Override(key, value, source.key_at(root), values, keys)
