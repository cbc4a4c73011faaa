"""Effect handlers for Pyro programs, of crlspec or not. They need torch and Pyro, and nothing else of crlspec.

Names are loaded on first use (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec.handlers.changes import scale, shift
    from crlspec.handlers.messenger import Intervention, intervene

_HOMES = {"Intervention": "messenger", "intervene": "messenger", "scale": "changes", "shift": "changes"}

__all__ = ["Intervention", "intervene", "scale", "shift"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"crlspec.handlers.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'crlspec.handlers' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
