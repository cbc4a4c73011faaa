"""Effect handlers for Pyro programs, of crlspec or not. They need torch and Pyro, and nothing else of crlspec."""

from crlspec.handlers.changes import scale, shift
from crlspec.handlers.messenger import Intervention, intervene

__all__ = ["Intervention", "intervene", "scale", "shift"]
