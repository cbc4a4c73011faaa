"""The toy result that the report is drawn from."""

from __future__ import annotations

from tests.results.conftest import model, result, toy

__all__ = ["model", "result", "toy"]
