"""The ceiling: what a supervised network reaches for each latent from the same observations, as a plain value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from crlspec.disk.write import write_file
from crlspec.results.texts import aligned, number_text

__all__ = ["SEEN", "Ceiling", "Own", "Reached"]

SEEN = 0.9
"""R² from which on a latent counts as seen. A convention."""


@dataclass(frozen=True)
class Reached:
    """What one supervised network reaches on rows that it never saw, a number for each latent.

    labels            labelled rows that it was given
    r2                1 − mean squared error / variance; below 0 where it does worse than the mean
    correlation       |Pearson correlation|
    rank_correlation  |Spearman correlation|
    mae               mean absolute error in standard deviations of the latent without intervention
    """

    labels: int
    r2: tuple[float, ...]
    correlation: tuple[float, ...]
    rank_correlation: tuple[float, ...]
    mae: tuple[float, ...]


@dataclass(frozen=True)
class Own:
    """What a result reaches on the same rows, without labels: the recovered latent that stands for each true one
    (None for none), and their |correlations|, 0 for none."""

    recovered: tuple[str | None, ...]
    correlation: tuple[float, ...]
    rank_correlation: tuple[float, ...]


@dataclass(frozen=True)
class Ceiling:
    """What a supervised network reaches for each latent; no method without labels can be asked for more.

    latents        true latents, in the order of all numbers
    deviation      of each, without intervention, in its own unit
    network        what was trained: ``convolutional``, or ``perceptron``
    observational  the environment that judges
    rows           of it that judge; no network saw them
    reached        by the network that was given all other labelled rows
    fewer          by the same network given few labelled rows, in rising order of their number
    own            of a result, where there is one
    seed           of every random choice
    seconds        wall seconds
    """

    latents: tuple[str, ...]
    deviation: tuple[float, ...]
    network: str
    observational: str
    rows: int
    reached: Reached
    fewer: tuple[Reached, ...] = ()
    own: Own | None = None
    seed: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Latents that the network does not see: R² below 0.9."""
        return tuple(name for name, r2 in zip(self.latents, self.reached.r2, strict=True) if r2 < SEEN)

    @property
    def mcc(self) -> float:
        """Mean |correlation| of the network, over the latents that are seen; NaN where none is."""
        return self._mean(self.reached.correlation)

    @property
    def own_mcc(self) -> float | None:
        """The same of the result; None without one."""
        return None if self.own is None else self._mean(self.own.correlation)

    @property
    def ratio(self) -> tuple[float, ...] | None:
        """Of each latent the result's |correlation|, as a share of the network's; None without a result."""
        if self.own is None:
            return None
        pairs = zip(self.own.correlation, self.reached.correlation, strict=True)
        return tuple(own / best if best > 0 else float("nan") for own, best in pairs)

    @property
    def overtaken(self) -> int | None:
        """The smallest number of labels at which the network's mean |correlation|, over the latents that are seen, is
        above the result's; None where no number that was tried suffices, or there is no result."""
        own = self.own_mcc
        if own is None:
            return None
        tried = (*self.fewer, self.reached)
        return next((one.labels for one in tried if self._mean(one.correlation) > own), None)

    def _mean(self, values: tuple[float, ...]) -> float:
        seen = [value for value, r2 in zip(values, self.reached.r2, strict=True) if r2 >= SEEN]
        return sum(seen) / len(seen) if seen else float("nan")

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON, with what follows: ``hidden``, ``mcc``, ``overtaken``."""
        follows = {
            "hidden": list(self.hidden),
            "mcc": self.mcc if len(self.hidden) < len(self.latents) else None,
            "overtaken": self.overtaken,
        }
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {**plain, **follows}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The ceiling of :meth:`as_values`, also after a way through JSON."""
        own = values.get("own")
        return cls(
            latents=tuple(values["latents"]),
            deviation=tuple(values["deviation"]),
            network=values["network"],
            observational=values["observational"],
            rows=values["rows"],
            reached=_reached(values["reached"]),
            fewer=tuple(_reached(one) for one in values["fewer"]),
            own=None if own is None else Own(**{key: tuple(value) for key, value in own.items()}),
            seed=values["seed"],
            seconds=values["seconds"],
        )

    def json(self) -> str:
        """:meth:`as_values` as text."""
        return json.dumps(self.as_values(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write it as JSON, whole or not at all. Raises OutputExists unless ``force``."""
        return write_file(path, self.json(), force)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The ceiling that :meth:`save` wrote."""
        return cls.from_values(json.loads(Path(path).read_text(encoding="utf-8")))

    def __str__(self) -> str:
        lines = [
            f"ceiling  a supervised {self.network} network on {self.reached.labels} labelled rows, judged on "
            f"{self.rows} others of '{self.observational}'",
            *aligned([self._head(), *(self._row(k) for k in range(len(self.latents)))]),
        ]
        if self.fewer:
            lines.append("with few labels: mean absolute error in standard deviations (R²)")
            head = ["labels", *self.latents]
            lines += aligned([head, *(_few(one) for one in (*self.fewer, self.reached))])
        return "\n".join([*lines, *self.sentences()])

    def sentences(self) -> tuple[str, ...]:
        """What follows, in words: which latents are hidden, how near a result comes, when labels do better."""
        told = []
        if self.hidden:
            are = "is" if len(self.hidden) == 1 else "are"
            told.append(
                f"{', '.join(self.hidden)} {are} hidden: R² below {SEEN:g}. No method can be blamed for "
                f"{'it' if len(self.hidden) == 1 else 'them'}."
            )
        else:
            told.append(f"Every latent is seen: R² {SEEN:g} or more.")
        if self.own_mcc is not None and len(self.hidden) < len(self.latents):
            told.append(
                f"The result has mean |r| {number_text(self.own_mcc)} without labels, the network "
                f"{number_text(self.mcc)}{' over the latents that are seen' if self.hidden else ''}."
            )
            if self.fewer:
                told.append(
                    "The network is not better than the result with any number of labels that was tried."
                    if self.overtaken is None
                    else f"The network is better than the result from {self.overtaken} labels on."
                )
        return tuple(told)

    def _head(self) -> list[str]:
        return ["latent", "R²", "|r|", "rank", "MAE", *([] if self.own is None else ["result", "ratio"]), ""]

    def _row(self, k: int) -> list[str]:
        best = self.reached
        row = [self.latents[k], number_text(best.r2[k]), number_text(best.correlation[k])]
        row += [number_text(best.rank_correlation[k]), number_text(best.mae[k])]
        if self.own is not None and self.ratio is not None:
            row += [number_text(self.own.correlation[k]), number_text(self.ratio[k])]
        return [*row, "hidden" if self.latents[k] in self.hidden else ""]


def _reached(values: Mapping[str, Any]) -> Reached:
    figures = ("r2", "correlation", "rank_correlation", "mae")
    return Reached(values["labels"], *(tuple(values[key]) for key in figures))


def _few(one: Reached) -> list[str]:
    cells = [f"{number_text(mae)} ({number_text(r2)})" for mae, r2 in zip(one.mae, one.r2, strict=True)]
    return [str(one.labels), *cells]
