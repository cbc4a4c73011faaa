"""A spec where one is required: anything else is answered with what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlspec.errors import WrongType, kind_of
from crlspec.spec.schema import Spec

__all__ = ["require_spec", "require_text"]


def require_spec(spec: Any, call: str) -> Spec:
    """The spec. Raises WrongType where it is none.

    call  what to write, ``{}`` in the place of the spec: ``crlspec.compile({}, seed)``
    """
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, str) or hasattr(spec, "__fspath__"):
        text = str(spec)
        if "\n" in text:
            raise WrongType(
                "Got the text of a spec for a spec.", f"Write {call.format('crlspec.loads(text)')}."
            )
        raise WrongType(
            f"Got the text {text!r} for a spec.", f"Write {call.format(f'crlspec.load({text!r})')}."
        )
    source = "crlspec.loads(yaml.safe_dump(it))" if isinstance(spec, Mapping) else "crlspec.load(path)"
    raise WrongType(f"Got {kind_of(spec)} for a spec.", f"Write {call.format(source)}.")


def require_text(text: Any) -> str:
    """The text of a spec. Raises WrongType where it is none, or the name of a file."""
    if isinstance(text, Mapping):
        raise WrongType(
            f"Got {kind_of(text)} for the text of a spec.",
            "Write crlspec.loads(yaml.safe_dump(it)), or give YAML.",
        )
    if isinstance(text, Spec):
        raise WrongType(
            "Got a spec for the text of one.", "Take it as it is; crlspec.dump(spec) gives its text."
        )
    if not isinstance(text, str):
        source = f"crlspec.load({str(text)!r})" if hasattr(text, "__fspath__") else "crlspec.loads(text)"
        raise WrongType(f"Got {kind_of(text)} for the text of a spec.", f"Write {source}.")
    return text
