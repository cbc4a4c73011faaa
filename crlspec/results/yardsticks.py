"""Yardsticks of a result: what simpler ways reach from the same observations, latent by latent, as a plain value."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from crlspec.disk.write import write_file
from crlspec.results.ceiling import Ceiling
from crlspec.results.texts import aligned, number_text

__all__ = ["KEY", "Yardstick", "Yardsticks"]

KEY = "yardsticks"
"""Where a result keeps what is beside its ceiling: in its provenance, as plain values."""


@dataclass(frozen=True)
class Yardstick:
    """What one way reaches, a number for each true latent; its outputs are matched to them at their best.

    name              in a few words
    labels            labelled rows that it was given; 0 for none
    correlation       |Pearson correlation|
    rank_correlation  |Spearman correlation|
    """

    name: str
    labels: int
    correlation: tuple[float, ...]
    rank_correlation: tuple[float, ...]


@dataclass(frozen=True)
class Yardsticks:
    """A result beside what can be had without it: without contrasting environments, from log ratios alone, and with
    labels.

    ceiling    a supervised network with few and with all labels, and the result, on the same rows
    unlabelled the ways that are given no labels
    """

    ceiling: Ceiling
    unlabelled: tuple[Yardstick, ...]

    @property
    def rows(self) -> tuple[Yardstick, ...]:
        """All of them: the result first, then ways without labels, then with labels in rising number."""
        ceiling, own = self.ceiling, self.ceiling.own
        mine = () if own is None else (Yardstick("this result", 0, own.correlation, own.rank_correlation),)
        supervised = tuple(
            Yardstick("supervised network", one.labels, one.correlation, one.rank_correlation)
            for one in (*ceiling.fewer, ceiling.reached)
        )
        return (*mine, *self.unlabelled, *supervised)

    def mean(self, one: Yardstick) -> float:
        """Mean |correlation| over the latents that the ceiling sees; NaN where it sees none."""
        latents = zip(self.ceiling.latents, one.correlation, strict=True)
        seen = [value for name, value in latents if name not in self.ceiling.hidden]
        return sum(seen) / len(seen) if seen else float("nan")

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return {"ceiling": self.ceiling.as_values(), "unlabelled": self.unlabelled_values()}

    def unlabelled_values(self) -> list[dict[str, Any]]:
        """What is beside the ceiling, as plain values."""
        values: list[dict[str, Any]] = json.loads(json.dumps([asdict(one) for one in self.unlabelled]))
        return values

    @classmethod
    def of(cls, ceiling: Ceiling, values: list[Mapping[str, Any]]) -> Self:
        """The value of a ceiling and of :meth:`unlabelled_values`."""
        return cls(
            ceiling,
            tuple(
                Yardstick(
                    one["name"], one["labels"], tuple(one["correlation"]), tuple(one["rank_correlation"])
                )
                for one in values
            ),
        )

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The value of :meth:`as_values`, also after a way through JSON."""
        return cls.of(Ceiling.from_values(values["ceiling"]), values["unlabelled"])

    def json(self) -> str:
        """:meth:`as_values` as text."""
        return json.dumps(self.as_values(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write it as JSON, whole or not at all. Raises OutputExists unless ``force``."""
        return write_file(path, self.json(), force)

    def sentences(self) -> tuple[str, ...]:
        """What follows, in words: what the result is above, and how many labels do better."""
        own = self.ceiling.own_mcc
        if own is None or math.isnan(own):
            return ()
        told = []
        below = [one.name for one in self.unlabelled if self.mean(one) >= own]
        if below:
            told.append(f"The result is no better than {' and than '.join(below)}.")
        tried = [one.labels for one in (*self.ceiling.fewer, self.ceiling.reached)]
        overtaken = self.ceiling.overtaken
        told.append(
            f"No supervised network that was tried, with up to {max(tried)} labels, is better than the result."
            if overtaken is None
            else f"A supervised network is better than the result from {overtaken} labels on, of those tried."
        )
        return tuple(told)

    def __str__(self) -> str:
        head = ["yardstick", "labels", "mean |r|", *self.ceiling.latents]
        rows = [
            [
                one.name,
                str(one.labels),
                number_text(self.mean(one)),
                *(number_text(value) for value in one.correlation),
            ]
            for one in self.rows
        ]
        judged = (
            f"yardsticks  on {self.ceiling.rows} rows of '{self.ceiling.observational}' that none was given"
        )
        return "\n".join([judged, *aligned([head, *rows]), *self.sentences()])
