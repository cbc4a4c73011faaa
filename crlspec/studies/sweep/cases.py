"""Cases: the settings of a sweep, each a spec with nothing left to change but the seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from os import PathLike
from typing import Any

from crlspec.errors import Issue, SpecError
from crlspec.registry import Registry
from crlspec.spec.load import FILES, dump, load, loads
from crlspec.spec.schema import Spec
from crlspec.spec.table import Curve, Row, Table
from crlspec.spec.yaml12 import write

__all__ = ["Case", "alternatives", "cases_of", "cases_of_table", "changes_of", "files_of"]


@dataclass(frozen=True)
class Case:
    """One setting of a sweep.

    name     what its rows are called
    text     the spec as YAML, all changes made
    varied   key → value of what tells it from the other cases
    plugins  modules whose families the spec may name
    beside   title → column → number, printed beside what is measured
    curve    published points to interpolate, where there are some
    profile  the profile that the spec was read under; its changes are in ``text``
    """

    name: str
    text: str
    varied: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    beside: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: tuple[Curve, str] | None = None
    profile: str | None = None

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that tell this spec from another of the same name."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def spec(self) -> Spec:
        """The spec itself."""
        spec = loads(self.text, registry=_registry(self.plugins), origin=self.name)
        spec._profile = self.profile
        return spec


def alternatives(entry: str) -> list[str]:
    """``a=1,2`` → ``[a=1, a=2]``: the commas outside brackets and quotes part the alternatives."""
    key, equals, text = entry.partition("=")
    parts, depth, quote, start = [], 0, "", 0
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in ")}]":
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    if len(parts) > 1 and not all(part.strip() for part in parts):
        remedy = f"write {key}=1,2 without a comma at either end."
        raise SpecError(
            [Issue("error", f"an alternative is empty in {entry!r}.", remedy, path=f"--set {key}")]
        )
    return [f"{key}{equals}{part.strip()}" for part in parts]


def changes_of(sets: Sequence[str], vary: Mapping[str, Sequence[Any]] | None) -> list[str]:
    """``--set`` entries and a mapping key → values as one list of entries with alternatives."""
    entries = list(sets)
    for key, values in (vary or {}).items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise SpecError(
                [Issue("error", f"vary[{key!r}] is no list of values.", "give a list.", field=key)]
            )
        entries.append(f"{key}={','.join(_flow(value) for value in values)}")
    return entries


def cases_of(
    source: str | PathLike[str] | Spec,
    sets: Sequence[str] = (),
    plugins: tuple[str, ...] = (),
    profile: str | None = None,
    device: str | None = None,
    row: Row | None = None,
    curve: Curve | None = None,
) -> list[Case]:
    """Every combination of the alternatives in ``sets``, in their order; ``profile`` and ``device`` as for ``load``.

    Raises SpecError where a spec has errors or its estimator cannot take it: a sweep that cannot run is refused
    before it runs.
    """
    choices = [alternatives(entry) for entry in sets]
    cases = []
    for chosen in product(*choices):
        varied = {
            key: value
            for (key, _, value), among in zip((one.partition("=") for one in chosen), choices, strict=True)
            if len(among) > 1
        }
        spec = _load(source, chosen, plugins, profile, device)
        label = " ".join(f"{key}={value}" for key, value in varied.items())
        given = "" if row is None else row.name
        name = ", ".join(part for part in (given, label) if part) or spec.name
        changed = row is not None and bool(sets)
        cases.append(
            Case(
                name,
                dump(spec),
                varied,
                plugins,
                {} if row is None or (changed and varied) else row.beside,
                (curve, row.curve)
                if row is not None and curve is not None and row.curve is not None
                else None,
                spec.profile,
            )
        )
    return cases


def cases_of_table(
    table: Table,
    sets: Sequence[str] = (),
    plugins: tuple[str, ...] = (),
    profile: str | None = None,
    device: str | None = None,
) -> list[Case]:
    """The cases of every setting of a table; ``sets`` change all of them, after their own changes, and ``profile``
    goes before the one that a setting names."""
    found = []
    for row in table.settings:
        changes = [*(_literal(entry) for entry in row.set), *sets]
        found += cases_of(row.spec, changes, plugins, profile or row.profile, device, row, table.curve)
    return found


def files_of(cases: Sequence[Case]) -> tuple[str, ...]:
    """The files that runs of these cases read: data, decoders, labels."""
    found: dict[str, None] = {}
    for case in cases:
        spec = case.spec()
        for part, key in FILES:
            if name := getattr(getattr(spec, part, None), key, None):
                found[str(name)] = None
    return tuple(found)


def _literal(entry: str) -> str:
    """A table's own change is one value, commas and all."""
    if len(alternatives(entry)) > 1:
        key = entry.partition("=")[0]
        remedy = "list a setting for each value."
        raise SpecError([Issue("error", f"got alternatives in {entry!r}.", remedy, path="table", field=key)])
    return entry


def _load(
    source: str | PathLike[str] | Spec,
    sets: Sequence[str],
    plugins: tuple[str, ...],
    profile: str | None,
    device: str | None,
) -> Spec:
    registry = _registry(plugins)
    if isinstance(source, Spec):
        spec = loads(dump(source), profile=profile, sets=sets, registry=registry, origin=source.name)
        spec._profile = source.profile
        return spec
    return load(source, profile=profile, sets=sets, registry=registry, device=device)


def _registry(plugins: tuple[str, ...]) -> Registry | None:
    """The installed families and those of the plug-ins; None where there is no plug-in."""
    return Registry.with_plugins(plugins) if plugins else None


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    return str(value) if isinstance(value, str) else write(value).strip().removesuffix("...").strip()
