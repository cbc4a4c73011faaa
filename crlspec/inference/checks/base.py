"""A Check: one assumption of a declared design, held against the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

__all__ = ["Check", "Consequence", "chance", "listed"]

Consequence = Literal["passed", "note", "undecided", "refuted"]
"""What follows: nothing; something to know; an answer cannot be relied on; the data contradict the design."""


@dataclass(frozen=True)
class Check:
    """What a test of the design found.

    name          of the test, in kebab-case
    consequence   what follows from it
    figure        what was measured
    bound         what it was held against
    message       what was measured and what it means; names of environments stand in single quotes
    remedy        what would mend it
    environments  the environments that the message names
    """

    name: str
    consequence: Consequence
    figure: float
    bound: float
    message: str
    remedy: str | None = None
    environments: tuple[str, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same check under the environments' other names."""
        if not self.environments:
            return self
        old = sorted(set(self.environments), key=len, reverse=True)
        quoted = re.compile("'(" + "|".join(map(re.escape, old)) + ")'")

        def other(text: str) -> str:
            return quoted.sub(lambda found: f"'{names[found.group(1)]}'", text)

        return replace(
            self,
            message=other(self.message),
            remedy=None if self.remedy is None else other(self.remedy),
            environments=tuple(names[name] for name in self.environments),
        )

    def __str__(self) -> str:
        return f"{self.consequence}: {self.message}" + (f" Remedy: {self.remedy}" if self.remedy else "")


def chance(p_value: float) -> str:
    """``p = 0.02``, or ``p < 1e-16`` of what floating point cannot tell from nothing."""
    return f"p = {p_value:.1g}" if p_value >= 1e-16 else "p < 1e-16"


def listed(names: Iterable[str]) -> str:
    """Names in single quotes, the last one after "and"."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
