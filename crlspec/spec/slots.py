"""One discriminated union per slot: ``kind:`` (or ``design:``) chooses the class that reads a mapping.

The unions of families are built from the Registry, which travels in pydantic's validation context
(``Registry.installed()`` when there is none), so that plug-ins are no global state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from crlspec.errors import COUNTED
from crlspec.registry import ClosedModel, Prior, Registry

SLOT_MARK = "x-slot"
"""Stands in a JSON Schema where the reference to a slot's union belongs, until the registry is known."""


def fault(message: str, remedy: str | None = None) -> PydanticCustomError:
    """A pydantic error with a message of our own and a remedy."""
    return PydanticCustomError("fault", "{message}", {"message": message, "remedy": remedy})


def together(found: Iterable[tuple[str | int, Any, Exception]]) -> ValidationError:
    """Errors of several entries (key, value, error) of a list or mapping as one, each below its key."""
    details: list[InitErrorDetails] = []
    for key, value, error in found:
        if isinstance(error, ValidationError):
            for line in error.errors(include_url=False)[:COUNTED]:
                context: dict[str, Any] = {"message": line["msg"], **line.get("ctx", {})}
                kind: Any = line["type"]
                again = PydanticCustomError(kind, "{message}", context)
                details.append(InitErrorDetails(type=again, loc=(key, *line["loc"]), input=line["input"]))
        elif isinstance(error, PydanticCustomError):
            details.append(InitErrorDetails(type=error, loc=(key,), input=value))
        else:
            raise error
    return ValidationError.from_exception_data("spec", details)


def entries(items: Iterable[tuple[Any, Any]], validate: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
    """Validate each value of (key, value); all errors are raised together."""
    good: list[tuple[Any, Any]] = []
    bad: list[tuple[str | int, Any, Exception]] = []
    for key, value in items:
        try:
            good.append((key, validate(value)))
        except (ValidationError, PydanticCustomError) as error:
            bad.append((key, value, error))
            if len(bad) == COUNTED:
                break
    if bad:
        raise together(bad)
    return good


LISTED = 100
"""Words that a remedy lists, and characters up to which a word may be a near miss."""


def suggest(word: str, allowed: Sequence[str]) -> str:
    """``did you mean hard? allowed: hard, soft.``; of very many allowed words the first ones, and their number."""
    listed = ", ".join(allowed[:LISTED]) or "none"
    if len(allowed) > LISTED:
        return f"allowed: {listed}, … ({len(allowed)} in all)."
    by_lower = {name.lower(): name for name in allowed}
    close = get_close_matches(word.lower(), by_lower, 1) if len(word) <= LISTED else []
    hint = f"did you mean {by_lower[close[0]]}? " if close else ""
    return f"{hint}allowed: {listed}."


def shown(value: Any) -> str:
    """A value as an error shows it: short, in words for nothing, booleans and collections."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str):
        value = value[:100]
    if isinstance(value, list | tuple):
        plain_numbers = len(value) <= 4 and all(isinstance(entry, int | float) for entry in value)
        return str(list(value)) if plain_numbers and value else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def registry_of(info: ValidationInfo) -> Registry:
    """The registry in the validation context, or the installed one."""
    found = info.context.get("registry") if isinstance(info.context, dict) else None
    return found if isinstance(found, Registry) else Registry.installed()


@dataclass(frozen=True)
class Slot:
    """Chooses a class by the word under ``key``; ``classes`` gives them for a registry."""

    name: str
    key: str
    base: type[ClosedModel]
    classes: Callable[[Registry], Mapping[str, type[ClosedModel]]]

    def __call__(self, value: Any, info: ValidationInfo) -> ClosedModel:
        if isinstance(value, self.base):
            return value
        registry = registry_of(info)
        classes = self.classes(registry)
        allowed = f"allowed: {', '.join(classes) or 'none'}."
        if not isinstance(value, Mapping):
            example = f"write {{{self.key}: {next(iter(classes), '…')}, …}}; {allowed}"
            raise fault(f"got {shown(value)}; a mapping with the key {self.key!r} is needed", example)
        if self.key not in value:
            raise fault(f"the key {self.key!r} is missing", allowed)
        word = value[self.key]
        if not isinstance(word, str) or word not in classes:
            raise together([(self.key, word, self._unknown(word, tuple(classes), registry))])
        return classes[word].model_validate(dict(value), context=info.context)

    def _unknown(self, word: Any, classes: tuple[str, ...], registry: Registry) -> PydanticCustomError:
        reason = registry.broken.get((self.name, str(word)))
        if reason is not None:
            message = f"the {self.name} {word!r} is installed but cannot be loaded: {reason}"
            return fault(message, "mend or reinstall the package that brings it.")
        return fault(f"unknown {self.name} {self.key} {shown(word)}", suggest(str(word), classes))

    def one_or_each(self, value: Any, info: ValidationInfo) -> Any:
        """One member for all latents, or a mapping latent: member."""
        each = isinstance(value, Mapping) and value and not isinstance(value.get(self.key), str)
        if not each or not all(isinstance(entry, Mapping | ClosedModel) for entry in value.values()):
            return self(value, info)
        return dict(entries(((str(k), v) for k, v in value.items()), lambda entry: self(entry, info)))

    def json_schema(self, registry: Registry) -> dict[str, Any]:
        """The JSON Schema of the union, told apart by its key."""
        classes = tuple(self.classes(registry).values())
        if not classes:
            return {"type": "object"}
        union: Any = classes[0]
        for other in classes[1:]:
            union = union | other
        tagged: Any = Annotated[union, Field(discriminator=self.key)] if len(classes) > 1 else union
        return TypeAdapter(tagged).json_schema(ref_template="#/$defs/{model}")


def plain(value: Any) -> Any:
    """A value of a spec as plain YAML values; what was not given is left out, kind and design never."""
    if isinstance(value, ClosedModel):
        fields = type(value).model_fields
        given = [name for name in fields if name in value.model_fields_set or name in ("kind", "design")]
        table = {name: plain(getattr(value, name)) for name in given}
        return {name: entry for name, entry in table.items() if entry is not None}
    if isinstance(value, Prior):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def written(slot: str) -> tuple[Any, Any]:
    """Serializer and JSON Schema reference of a slot's field."""
    return PlainSerializer(plain), WithJsonSchema({SLOT_MARK: slot})


def one_of(slot: Slot) -> tuple[Any, ...]:
    """The annotations of a field that takes one member of a slot."""
    return (BeforeValidator(slot), *written(slot.name))


def registered(name: str, base: type[ClosedModel]) -> Slot:
    """The slot of a family in the registry: mechanism, noise, mixing, estimator or scores."""
    return Slot(name, "kind", base, lambda registry: registry.kinds(name))


def fixed(
    name: str, classes: Sequence[type[ClosedModel]], base: type[ClosedModel], key: str = "kind"
) -> Slot:
    """A slot of the core, which no plug-in extends."""
    table = {str(member.model_fields[key].default): member for member in classes}
    return Slot(name, key, base, lambda _: table)
