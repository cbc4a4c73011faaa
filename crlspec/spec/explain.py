"""pydantic's errors in plain words, each with its place in the file and a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from crlspec.errors import Issue
from crlspec.spec.slots import shown, suggest
from crlspec.spec.yaml12 import Mark, Path, Source

Severity = Literal["error", "warning", "note"]


def dotted(path: Iterable[str | int]) -> str | None:
    """``scm.graph.0`` for a path; None for the root."""
    return ".".join(str(part) for part in path) or None


def place(
    source: Source | None,
    path: Path,
    message: str,
    remedy: str | None = None,
    *,
    severity: Severity = "error",
    key: bool = False,
    offset: int | None = None,
) -> Issue:
    """An issue at a path: at its key where ``key``, at a character of its value where ``offset`` is given."""
    mark: Mark | None = None
    if source is not None:
        mark = source.key_at(path) if key else source.value_at(path)
        if offset is not None:
            mark = source.inside(path, offset)
    origin, line, column = (mark.origin, mark.line, mark.column) if mark else (None, None, None)
    return Issue(severity, message.rstrip(".") + ".", remedy, dotted(path), origin, line, column)


def explain(error: ValidationError, source: Source) -> Iterator[Issue]:
    """One issue per error that pydantic found."""
    for line in _one_per_union(error.errors(include_url=False), source):
        path: Path = tuple(line["loc"])
        kind, value, context = line["type"], line["input"], line.get("ctx", {})
        if kind in ("extra_forbidden", "many_unknown"):
            message, remedy = _unknown_key(path, str(context.get("allowed", "")))
            if kind == "many_unknown":
                message = f"{message}, and {context['count'] - 1} more unknown keys beside it"
            yield place(source, path, message, remedy, key=True)
        elif kind == "missing":
            message = f"the key {path[-1]!r} is missing"
            yield place(source, path, message, f"add {path[-1]}:.")
        else:
            words = _words(kind, value, context, line["msg"])
            yield place(source, path, *words, offset=context.get("offset"))


def _one_per_union(found: Sequence[Any], source: Source) -> Iterator[Any]:
    """pydantic reports each branch of a union, with the branch's name in the path: keep the nearest one."""
    groups: dict[Path, list[Any]] = {}
    for line in found:
        place_of: Path = tuple(line["loc"])
        if place_of[:1] == ("equations",):
            place_of = ("latents", *place_of[1:])
        ends = range(len(place_of))
        branch = next((k for k in ends if _is_branch(place_of[: k + 1], source)), None)
        path = place_of if branch is None else place_of[:branch]
        rest = () if branch is None else place_of[branch + 1 :]
        key = path if branch is not None else (*path, line["type"])
        groups.setdefault(key, []).append({**line, "loc": (*path, *(p for p in rest if p != "[key]"))})
    for group in groups.values():
        yield max(group, key=lambda line: (len(line["loc"]), line["type"] not in ("dict_type", "tuple_type")))


def _is_branch(path: Path, source: Source) -> bool:
    return path not in source.values and _BRANCH.search(str(path[-1])) is not None


_BRANCH = re.compile(r"[\[(]|^(int|float|str|constrained-\w+)$")


def _unknown_key(path: Path, allowed: str) -> tuple[str, str]:
    words = [word for word in allowed.split(", ") if word]
    if len(path) == 1:  # in a file equations stand under latents:, and profiles: beside what they change
        words = ["profiles" if word == "equations" else word for word in words if word != "latents_from"]
    return f"unknown key {shown(path[-1])}", suggest(str(path[-1]), words)


_NEEDED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "a word",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_FITTING = "give a value that fits; `crlspec schema` lists what each key takes."

_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _words(kind: str, value: Any, context: dict[str, Any], message: str) -> tuple[str, str | None]:
    if kind == "fault":
        return str(context["message"]), context.get("remedy")
    if kind in _NEEDED:
        return f"got {shown(value)}; {_NEEDED[kind]} is needed", f"write {_NEEDED[kind]}."
    if kind in _BOUNDS:
        key, word = _BOUNDS[kind]
        return (
            f"got {shown(value)}; the number must be {word} {context[key]}",
            f"choose a number {word} {context[key]}.",
        )
    if kind == "literal_error":
        allowed = [part.strip("' ") for part in str(context["expected"]).replace(" or ", ", ").split(",")]
        return f"got {shown(value)}; one of the allowed values is needed", suggest(str(value), allowed)
    if kind == "string_pattern_mismatch":
        remedy = "use letters, digits, '.', '_' and '-', a letter or digit first."
        return f"got {shown(value)}; the word holds characters that are not allowed", remedy
    return f"got {shown(value)}; {message[:1].lower()}{message[1:]}", context.get("remedy", _FITTING)
