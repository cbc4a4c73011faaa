"""What is known of the signature: targets of all environments, of some, or of none; and the rows that this leaves.

An environment's targets are a column of the signature D (latent, environment). Latents that no known column tells
apart have no name of their own: any of them may be called by the name of any other.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crlspec.data import Problem
from crlspec.errors import SettingMismatch

__all__ = ["ENUMERATED", "Allowed", "Told"]

ENUMERATED = 12
"""Up to so many environments every binary row is tried; beyond, those of so many environments at a time."""


@dataclass(frozen=True)
class Allowed:
    """The rows of the signature that a latent may have.

    patterns  (pattern, environment) bool: what is known of a row, each once; False where nothing is
    free      (environment,) bool: where nothing is known, so that both are tried
    """

    patterns: np.ndarray
    free: np.ndarray

    @classmethod
    def anything(cls, environments: int) -> Allowed:
        """Every row but that without a target."""
        return cls(np.zeros((1, environments), dtype=bool), np.ones(environments, dtype=bool))

    @classmethod
    def these(cls, rows: np.ndarray) -> Allowed:
        """Rows (row, environment) and no others."""
        return cls(rows, np.zeros(rows.shape[1], dtype=bool))

    @property
    def at_once(self) -> int:
        """How many free environments are tried in every way at a time: about as many rows whatever is known."""
        return max(1, ENUMERATED - math.ceil(math.log2(len(self.patterns))))

    @property
    def few(self) -> bool:
        """Whether all rows can be listed."""
        return int(self.free.sum()) <= self.at_once

    def rows(self, some: np.ndarray | None = None) -> np.ndarray:
        """(row, environment) bool: all of them, of ``some`` environments (indices) or of all; none without a
        target."""
        here = np.arange(len(self.free)) if some is None else some
        free = self.free[here]
        choices = np.array(list(itertools.product((False, True), repeat=int(free.sum()))), dtype=bool)
        rows = np.repeat(self.patterns[:, here], len(choices), 0)
        rows[:, free] = np.tile(choices, (len(self.patterns), 1))
        return rows[rows.any(1)]

    def blocks(self) -> Iterator[np.ndarray]:
        """Indices of environments: so many free ones at a time as :attr:`at_once` says, with all that are known."""
        free, known = np.flatnonzero(self.free), np.flatnonzero(~self.free)
        for first in range(0, len(free), self.at_once):
            part = free[min(first, len(free) - self.at_once) :][: self.at_once]
            yield np.sort(np.concatenate([known, part]))

    def near(self, rows: np.ndarray) -> np.ndarray:
        """Rows with one free entry flipped, none without a target."""
        flips = np.eye(len(self.free), dtype=bool)[self.free]
        near = (rows[:, None] ^ flips).reshape(-1, len(self.free))
        return near[near.any(1)]


@dataclass(frozen=True)
class Told:
    """What is known of the signature.

    signature     (latent, environment) bool: who is targeted where, where that is known; False elsewhere
    environments  (environment,) bool: those of which it is known
    """

    signature: np.ndarray
    environments: np.ndarray

    @classmethod
    def all(cls, signature: np.ndarray) -> Told:
        """The targets of every environment."""
        return cls(signature, np.ones(signature.shape[1], dtype=bool))

    @classmethod
    def nothing(cls, latents: int, environments: int) -> Told:
        """No targets at all."""
        return cls(np.zeros((latents, environments), dtype=bool), np.zeros(environments, dtype=bool))

    @classmethod
    def of(cls, problem: Problem) -> Told:
        """The targets that a problem declares, or else those that are known."""
        setting = problem.setting
        known = {} if setting.known is None else dict(setting.known.targets or {})
        targets = known if setting.targets is None else setting.targets
        hit = [[z in targets.get(name, ()) for name in problem.environments] for z in problem.latents]
        told = [name in targets for name in problem.environments]
        return cls(np.array(hit, dtype=bool), np.array(told, dtype=bool))

    def refuse_smooth(self) -> None:
        """Raises SettingMismatch: known targets are tested by the likelihood of Gaussian latents alone."""
        raise SettingMismatch(
            "The latents are not Gaussian, and targets known of some environments are tested by the likelihood of "
            "Gaussian ones",
            "Gaussian latents, or targets of all environments or none",
            "Name the targets of every environment in interventions.targets, or leave targets out of assume.known.",
        )

    @property
    def free(self) -> np.ndarray:
        """(environment,) bool: those of which nothing is known."""
        return ~self.environments

    @property
    def whole(self) -> bool:
        """Whether all targets are known."""
        return bool(self.environments.all())

    def without(self, environment: int) -> Told:
        """The same, the targets of one environment given up."""
        signature, environments = self.signature.copy(), self.environments.copy()
        signature[:, environment], environments[environment] = False, False
        return replace(self, signature=signature, environments=environments)

    def latents(self, rows: Iterable[np.ndarray]) -> tuple[int, ...]:
        """The latent of each row of a signature; of those that nothing tells apart the first that is left.

        Raises ValueError where a row is that of no latent.
        """
        left, found = [self._key(row) for row in self.signature], []
        for row in rows:
            found.append(left.index(self._key(row)))
            left[found[-1]] = b"taken"
        return tuple(found)

    def classes(self) -> list[list[int]]:
        """Latents that nothing tells apart, together."""
        found: dict[bytes, list[int]] = {}
        for k, row in enumerate(self.signature):
            found.setdefault(self._key(row), []).append(k)
        return list(found.values())

    def keeps(self, signature: np.ndarray) -> bool:
        """Whether latents can be named so that a signature (row, environment) is as known."""
        return Counter(map(self._key, signature)) == Counter(map(self._key, self.signature))

    def allowed(self, taken: Sequence[np.ndarray], before: np.ndarray | None = None) -> Allowed:
        """Rows of the latents that are left once some have the rows ``taken``; of those alone that come before no
        other one of them.

        before  (latent, latent) bool: i comes before j, where that is known of latents with names of their own
        """
        used = set(self.latents(taken))
        left = [k for k in range(len(self.signature)) if k not in used]
        last = left if before is None else [k for k in left if not before[k, left].any()]
        once = {row.tobytes(): row for row in self.signature[last]}
        return Allowed(np.array(list(once.values())), self.free)

    def _key(self, row: np.ndarray) -> bytes:
        return b"row" + row.astype(bool)[self.environments].tobytes()
