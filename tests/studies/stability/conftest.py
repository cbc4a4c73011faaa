"""Results whose truth is known, as for the questions downstream."""

from __future__ import annotations

from tests.downstream.conftest import make, simulate_fixture

__all__ = ["make", "simulate_fixture"]
