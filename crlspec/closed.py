"""Closed models: the frozen pydantic models that a spec is made of, which refuse every key that they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import CoreSchema

from crlspec.errors import COUNTED

__all__ = ["EXAMPLES_MARK", "ClosedModel"]

EXAMPLES_MARK = "x-examples"
"""Stands in a JSON Schema beside the properties of a model, and holds its ``examples`` as they are written."""

MANY = 50
"""Unknown keys of one mapping that are named one by one."""


class ClosedModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys and names the keys that are allowed.

    Each field has a ``description``; ``examples`` are blocks as they stand in a file, in YAML. Together they show
    every field of the class, and of the models inside it that have none of their own. Both go into the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    examples: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _name_allowed_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            _refuse_many_unknown(value, tuple(cls.model_fields))
        try:
            return handler(value)
        except ValidationError as error:
            allowed = ", ".join(cls.model_fields)
            raise _with_allowed_keys(error, cls.__name__, allowed) from None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the examples of this very class beside its properties."""
        schema = handler(core_schema)
        if "examples" in vars(cls):
            handler.resolve_ref_schema(schema)[EXAMPLES_MARK] = list(cls.examples)
        return schema


def _refuse_many_unknown(value: Mapping[Any, Any], fields: tuple[str, ...]) -> None:
    """One error for a mapping with many keys that are not among ``fields``, at the first of them."""
    if len(value) <= MANY:
        return
    unknown = [key for key in value if key not in fields]
    if len(unknown) > MANY:
        context = {"message": "many unknown keys", "allowed": ", ".join(fields), "count": len(unknown)}
        kind = PydanticCustomError("many_unknown", "{message}", context)
        line = InitErrorDetails(type=kind, loc=(unknown[0],), input=None)
        raise ValidationError.from_exception_data("spec", [line])


def _with_allowed_keys(error: ValidationError, title: str, allowed: str) -> ValidationError:
    lines: list[InitErrorDetails] = []
    for line in error.errors(include_url=False)[:COUNTED]:
        context: dict[str, Any] = dict(line.get("ctx", {}))
        if line["type"] == "extra_forbidden":
            context.setdefault("allowed", allowed)
        context["message"] = line["msg"]
        kind: Any = PydanticCustomError(line["type"], "{message}", context)
        lines.append(InitErrorDetails(type=kind, loc=line["loc"], input=line["input"]))
    return ValidationError.from_exception_data(title, lines)
