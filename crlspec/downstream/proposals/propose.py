"""Which measurement would decide a result: what is expected of each, and simulation of the most promising ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.downstream.proposals.candidates import Candidate, candidates
from crlspec.downstream.proposals.trial import SETTLED_BY_ROWS, Trial, distance
from crlspec.errors import EstimationError
from crlspec.numerics.rates import wilson
from crlspec.progress import Progress, silent

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["DRAWS", "TRIED", "Next", "Proposal", "Rate", "propose"]

DRAWS, TRIED = 20, 4
"""Simulated data sets a measurement, and how many measurements are simulated."""

DOUBLINGS = 6
"""Up to 2⁶ times as many rows are asked for what is enough."""


@dataclass(frozen=True)
class Rate:
    """How often simulated data decided, with the Wilson interval at 95 %."""

    hits: int
    draws: int

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends."""
        return wilson(self.hits, self.draws)

    def as_values(self) -> dict[str, Any]:
        """As plain values."""
        low, high = self.interval
        return {"rate": self.value, "low": low, "high": high, "draws": self.draws}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.2f} [{low:.2f}, {high:.2f}]"


@dataclass(frozen=True)
class Proposal:
    """One measurement, and what it would do.

    candidate  what is measured
    rows       how many rows
    decided    how often simulated rows decide the result; None where it was not simulated
    enough     rows with which the expected data decide; None where 64 times as many do not, or it was not asked
    at_enough  how often simulated rows decide with so many; None where that was not asked
    """

    candidate: Candidate
    rows: int
    decided: Rate | None = None
    enough: int | None = None
    at_enough: Rate | None = None

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return {
            "measure": "rows" if self.candidate.environment is not None else "environment",
            "environment": self.candidate.environment,
            "target": self.candidate.target,
            "kind": None if self.candidate.target is None else "hard",
            "standard_deviation": self.candidate.spread,
            "rows": self.rows,
            "decided": None if self.decided is None else self.decided.as_values(),
            "enough": self.enough,
            "decided_with_enough": None if self.at_enough is None else self.at_enough.as_values(),
        }


@dataclass(frozen=True)
class Next:
    """What to measure next.

    status     of the result
    open       names of the checks that leave it undecided
    proposals  the best first; those that were simulated before the others
    why        why nothing is proposed; empty where something is
    single     whether a further environment makes the design multi-node, which umni-crl takes
    """

    status: str
    open: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    why: str = ""
    single: bool = False

    @property
    def best(self) -> Proposal:
        """The first proposal. Raises EstimationError where there is none."""
        if not self.proposals:
            raise EstimationError(
                "nothing is proposed", remedy=self.why or "Look at the checks of the result."
            )
        return self.proposals[0]

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return {
            "status": self.status,
            "open": list(self.open),
            "why": self.why or None,
            "proposals": [one.as_values() for one in self.proposals],
        }

    def __repr__(self) -> str:
        return f"<Next: {len(self.proposals)} proposals, {self.status}>"

    def __str__(self) -> str:
        from crlspec.downstream.proposals.words import told

        return told(self)


def propose(
    result: Record,
    rows: int | None = None,
    *,
    draws: int = DRAWS,
    tried: int = TRIED,
    enough: bool = True,
    seed: int = 0,
    progress: Progress = silent,
) -> Next:
    """What would decide an undecided result of linear-Gaussian latents behind a linear mixing.

    rows      new rows of each measurement; None: as many as the middle environment has
    draws     simulated data sets of each measurement that is simulated
    tried     how many are: those whose expected data come nearest to deciding
    enough    whether to ask how many rows are enough, of these
    seed      of the simulation
    progress  called as ``progress("simulated", done, total)``

    Expected data have exactly the means and covariances that the fitted model gives the new rows. Simulated ones vary
    as rows do; rows that there are stay, and the error of the fitted model is not in the intervals.

    Raises SettingMismatch for other results, and ValueError unless rows and draws are 1 or more.
    """
    if (rows is not None and rows < 1) or draws < 1:
        raise ValueError(f"rows and draws must be 1 or more, got {rows} and {draws}")
    objecting = [check for check in result.checks if check.objects]
    names = tuple(dict.fromkeys(check.name for check in objecting))
    if result.status.code != "undecided":
        why = "The result is decided: nothing further is needed."
        if result.status.code == "refuted":
            why = f"The data contradict the design, which more data do not mend. {result.status.message}"
        return Next(result.status.code, names, (), why)
    trial = Trial.of(result)
    beyond = [check for check in objecting if check.name not in SETTLED_BY_ROWS]
    if beyond:
        why = f"The check '{beyond[0].name}' objects, which is not simulated here. {beyond[0].message}"
        if beyond[0].remedy:
            why += f" {beyond[0].remedy}"
        return Next(result.status.code, names, (), why)
    count = int(np.median([len(z) for z in trial.samples.values()])) if rows is None else rows
    ranked = _ranked(
        trial, candidates(list(trial.samples), result.names, trial.latents is not None), count, seed
    )
    first, rest = ranked[:tried], ranked[tried:]
    found = []
    for done, candidate in enumerate(first):
        progress("simulated", done, len(first))
        found.append(Proposal(candidate, count, _rate(trial, candidate, count, draws, seed)))
    found.sort(key=lambda one: -one.decided.hits if one.decided else 0)
    if enough:
        found = [_with_enough(trial, one, draws, seed, simulate=k == 0) for k, one in enumerate(found)]
    proposals = (*found, *(Proposal(candidate, count) for candidate in rest))
    return Next(result.status.code, names, proposals, single=trial.setting.design != "multi-node")


def _ranked(trial: Trial, listed: Sequence[Candidate], count: int, seed: int) -> list[Candidate]:
    """By how near their expected data come to deciding."""
    keys = {
        one: distance(trial.solved(one, count, np.random.default_rng(seed), exact=True)) for one in listed
    }
    return sorted(listed, key=lambda one: keys[one])


def _rate(trial: Trial, candidate: Candidate, count: int, draws: int, seed: int) -> Rate:
    hits = 0
    for k in range(draws):
        estimate = trial.solved(candidate, count, np.random.default_rng([seed, k]))
        hits += estimate is not None and estimate.status.ok
    return Rate(hits, draws)


def _with_enough(trial: Trial, one: Proposal, draws: int, seed: int, simulate: bool) -> Proposal:
    """The proposal with the fewest rows, doubled from its own, with which the expected data decide."""
    for k in range(DOUBLINGS + 1):
        count = one.rows * 2**k
        if distance(trial.solved(one.candidate, count, np.random.default_rng(seed), exact=True))[0] == 0:
            rate = _rate(trial, one.candidate, count, draws, seed) if simulate and k else None
            return replace(one, enough=count, at_enough=rate)
    return one
