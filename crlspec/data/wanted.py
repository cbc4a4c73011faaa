"""What is wanted of data: the keys of ``data:`` that say which columns, which rows, and how they are prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crlspec.errors import DataError

__all__ = ["TRANSFORMS", "Wanted"]

TRANSFORMS = ("log1p", "standardise")


@dataclass(frozen=True)
class Wanted:
    """environment  the column, or AnnData's obs key, that says the environment of each row
    variables       the columns to observe, in this order; all of numbers where none is named
    drop            columns to leave out
    layer           of an AnnData; X where None
    missing         ``refuse`` missing cells, or ``drop-rows`` that have one
    transform       ``log1p``, ``standardise``: applied in this order
    components      how many pooled principal components to take; None for the variables themselves
    """

    environment: str | None = None
    variables: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    layer: str | None = None
    missing: str = "refuse"
    transform: tuple[str, ...] = ()
    components: int | None = None

    @classmethod
    def of(
        cls,
        environment: str | None,
        variables: Sequence[str],
        drop: Sequence[str],
        layer: str | None,
        missing: str,
        transform: Sequence[str],
        components: int | None,
    ) -> Wanted:
        """The checked wishes. Raises DataError for a word that means nothing here."""
        steps = _several(transform)
        if unknown := [step for step in steps if step not in TRANSFORMS]:
            raise DataError(f"There is no transform '{unknown[0]}'.", f"Choose of {', '.join(TRANSFORMS)}.")
        if missing not in ("refuse", "drop-rows"):
            raise DataError(f"missing cannot be '{missing}'.", "Choose refuse or drop-rows.")
        if components is not None and (isinstance(components, bool) or components < 1):
            raise DataError(f"components cannot be {components}.", "Give a number of components, e.g. 20.")
        return cls(environment, _several(variables), _several(drop), layer, missing, steps, components)

    def notes(self) -> dict[str, Any]:
        """What is left to do once the data are read, as plain values for their provenance."""
        found: dict[str, Any] = {}
        if self.transform:
            found["transform"] = list(self.transform)
        if self.components is not None:
            found["components"] = self.components
        return found


def _several(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(str(name) for name in names)
