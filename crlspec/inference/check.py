"""A Check: one claim or assumption, held against the data: what was measured, its bound, and what follows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

__all__ = ["Check", "Consequence", "chance", "listed", "sentence"]

Consequence = Literal["passed", "note", "undecided", "refuted"]
"""What follows: nothing; something to know; an answer cannot be relied on; the data contradict the design."""


@dataclass(frozen=True)
class Check:
    """What one named test found.

    name          of the test, in kebab-case
    consequence   what follows from it
    figure        what was measured
    bound         what it was held against
    message       what was measured and what it means; names of environments and latents stand in single quotes
    remedy        what would mend it
    environments  the environments that the message names
    latents       the latents that it names
    """

    name: str
    consequence: Consequence
    figure: float
    bound: float
    message: str
    remedy: str | None = None
    environments: tuple[str, ...] = ()
    latents: tuple[str, ...] = ()

    @property
    def objects(self) -> bool:
        """Whether it stands in the way of ``ok``."""
        return self.consequence in ("undecided", "refuted")

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON; a figure that is none is null."""
        numbers = {key: _number(getattr(self, key)) for key in ("figure", "bound")}
        return {**asdict(self), **numbers}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The check of :meth:`as_values`, also after a way through JSON."""
        numbers = {key: float("nan") if values[key] is None else values[key] for key in ("figure", "bound")}
        names = {key: tuple(values.get(key, ())) for key in ("environments", "latents")}
        return cls(**{**values, **numbers, **names})

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same check under the other names of environments and latents."""
        old = sorted({*self.environments, *self.latents}, key=len, reverse=True)
        if not old:
            return self
        quoted = re.compile("'(" + "|".join(map(re.escape, old)) + ")'")

        def other(text: str) -> str:
            return quoted.sub(lambda found: f"'{names[found.group(1)]}'", text)

        return replace(
            self,
            message=other(self.message),
            remedy=None if self.remedy is None else other(self.remedy),
            environments=tuple(names[name] for name in self.environments),
            latents=tuple(names[name] for name in self.latents),
        )

    def __str__(self) -> str:
        return f"{self.consequence}: {self.message}" + (f" Remedy: {self.remedy}" if self.remedy else "")


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def chance(p_value: float) -> str:
    """``p = 0.02``, or ``p < 1e-16`` of what floating point cannot tell from nothing."""
    return f"p = {p_value:.1g}" if p_value >= 1e-16 else "p < 1e-16"


def sentence(text: str) -> str:
    """The text with a full stop at its end, so that another sentence may follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def listed(names: Iterable[str]) -> str:
    """Names in single quotes, the last one after "and"."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
