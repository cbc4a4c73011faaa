"""Closed models: the frozen pydantic models that a spec is made of, which refuse every key that they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from crlspec.errors import COUNTED

__all__ = ["ClosedModel"]

MANY = 50
"""Unknown keys of one mapping that are named one by one."""


class ClosedModel(BaseModel):
    """A frozen pydantic model that refuses unknown keys and names the keys that are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
