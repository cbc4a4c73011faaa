"""What a property of the JSON Schema takes, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["takes"]

TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
EDGES = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
}
HUGE = 1e9
"""Bounds of this size are not worth a word."""


def takes(entry: Mapping[str, Any]) -> str:
    """What is allowed there: words, numbers with their bounds, lists, mappings, or the name of a model."""
    kinds = [_one(branch) for branch in entry.get("anyOf", entry.get("oneOf", (entry,)))]
    found = [kind for kind in dict.fromkeys(kinds) if kind]
    return " or ".join(found) or "anything"


def _one(entry: Mapping[str, Any]) -> str:
    if "anyOf" in entry or "oneOf" in entry:
        return takes(entry)
    if "$ref" in entry:
        return str(entry["$ref"]).rpartition("/")[2]
    words = entry.get("enum", [entry["const"]] if "const" in entry else ())
    return ", ".join(f"`{word}`" for word in words) or _TYPED.get(str(entry.get("type")), _simple)(entry)


def _simple(entry: Mapping[str, Any]) -> str:
    kind = str(entry.get("type", "anything"))
    if kind == "string" and str(entry.get("description", "")).startswith("a prior"):
        return "prior"
    bounds = [
        words.format(f"{entry[key]:,.10g}")
        for key, words in EDGES.items()
        if key in entry and abs(entry[key]) < HUGE
    ]
    return " ".join([TYPES.get(kind, kind), *bounds])


def _object(entry: Mapping[str, Any]) -> str:
    inner = entry.get("additionalProperties")
    return f"mapping name: {takes(inner)}" if isinstance(inner, dict) and inner else "mapping"


def _array(entry: Mapping[str, Any]) -> str:
    if "prefixItems" in entry:
        return f"[{', '.join(_one(item) for item in entry['prefixItems'])}]"
    return f"list of {takes(entry['items'])}" if entry.get("items") else "list"


_TYPED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "null": lambda _: "",
    "array": _array,
    "object": _object,
}
