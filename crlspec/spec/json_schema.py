"""The JSON Schema of spec files: every property with its description and examples, as its declaration gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crlspec.closed import EXAMPLES_MARK
from crlspec.registry import Registry
from crlspec.spec import profiles
from crlspec.spec.example_files import WHOLE_FILES
from crlspec.spec.schema import FROM_ENVIRONMENTS, LATENTS, SLOTS, ReplacedMechanism, Spec
from crlspec.spec.slots import SLOT_MARK
from crlspec.spec.yaml12 import read

__all__ = ["json_schema", "properties", "uncovered"]

SHOWN = 3
"""Examples of a property, at most."""


def json_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The JSON Schema of spec files, for editors; the kinds are those of the registry."""
    registry = registry or Registry.installed()
    schema = Spec.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.setdefault("$defs", {})
    for slot in SLOTS:
        union = slot.json_schema(registry)
        definitions |= union.pop("$defs", {})
        definitions[slot.name] = union
    definitions["ReplacedMechanism"] = ReplacedMechanism.model_json_schema()
    _file(schema["properties"])
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "crlspec"}
    referred = _refer(whole)
    assert isinstance(referred, dict)
    _tags(referred)
    _examples(referred)
    return referred


def properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(model, property, its schema) for every property; the model of the file itself is called ``file``."""
    models = {"file": schema, **schema["$defs"]}
    for model, found in models.items():
        for name, entry in found.get("properties", {}).items():
            yield model, name, entry


def uncovered(schema: Mapping[str, Any]) -> list[str]:
    """What lacks a description or an example: ``LinearMechanism.weight: description``."""
    return [
        f"{model}.{name}: {what}"
        for model, name, entry in properties(schema)
        for what, key in (("description", "description"), ("example", "examples"))
        if not entry.get(key)
    ]


def _file(properties: dict[str, Any]) -> None:
    """The properties of the file itself that are not written as the Spec holds them."""
    del properties["equations"], properties["latents_from"]
    properties["latents"] = {
        "description": LATENTS,
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"const": "auto"},
            {"const": FROM_ENVIRONMENTS},
        ],
    }
    properties[profiles.KEY] = dict(profiles.SCHEMA)


def _refer(node: Any) -> Any:
    """Put references to the unions where the slots are marked."""
    if isinstance(node, dict):
        slot = node.get(SLOT_MARK)
        rest = {key: _refer(value) for key, value in node.items() if key != SLOT_MARK}
        return {**rest, "$ref": f"#/$defs/{slot}"} if isinstance(slot, str) else rest
    return [_refer(value) for value in node] if isinstance(node, list) else node


def _tags(schema: dict[str, Any]) -> None:
    """The word that chooses a member is described by what it chooses: the first lines of its docstring."""
    for found in schema["$defs"].values():
        about = str(found.get("description", "")).partition("\n\n")[0]
        for entry in found.get("properties", {}).values():
            if "const" in entry and about:
                entry["description"] = " ".join(about.replace("``", "").split())


def _examples(schema: dict[str, Any]) -> None:
    """Parse the examples of models, and give each property the values that it has in them."""
    models = [schema, *schema["$defs"].values()]
    for model in models:
        blocks = [read(text, "example")[0] for text in model.pop(EXAMPLES_MARK, ())]
        if model is schema:
            model["examples"] = [read(text, "example")[0] for text in WHOLE_FILES]
        elif blocks:
            model["examples"] = blocks
    own = [model for model in models if "examples" in model]
    for model in own:
        for block in model["examples"]:
            _show(schema, model, block, deeper=False)
    for model in own:
        for block in model["examples"]:
            _show(schema, model, block, deeper=True)


def _show(schema: dict[str, Any], node: dict[str, Any], value: Any, *, deeper: bool) -> None:
    """Note what the value says of the properties of the node; ``deeper`` for those of the models inside it."""
    for part in _parts(schema, node, value):
        if isinstance(value, dict):
            for key, entry in value.items():
                inner = part.get("properties", {}).get(key)
                if inner is None:
                    inner = part.get("additionalProperties")
                elif not deeper or "examples" not in part:
                    _note(inner, entry)
                if deeper and isinstance(inner, dict):
                    _show(schema, inner, entry, deeper=True)
        elif isinstance(value, list) and isinstance(part.get("items"), dict):
            for entry in value:
                _show(schema, part["items"], entry, deeper=True)


def _note(entry: dict[str, Any], value: Any) -> None:
    shown = entry.setdefault("examples", [])
    if value not in shown and len(shown) < SHOWN:
        shown.append(value)


def _parts(schema: dict[str, Any], node: dict[str, Any], value: Any) -> Iterator[dict[str, Any]]:
    """The node and the members of its unions, references followed, that take the value's keys and words."""
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield from _parts(schema, schema["$defs"][reference.rpartition("/")[2]], value)
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _parts(schema, branch, value)
    known = node.get("properties")
    if known is None:
        yield node
    elif isinstance(value, dict) and set(value) <= set(known):
        words = {key: entry["const"] for key, entry in known.items() if "const" in entry}
        if all(value.get(key, word) == word for key, word in words.items()):
            yield node
