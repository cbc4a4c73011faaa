"""What could be measured next: more rows of an environment, or a further environment with one hard intervention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SPREADS", "Candidate", "candidates"]

SPREADS = (0.5, 2.0)
"""Standard deviations, in observational ones, that a further hard intervention may give its target."""


@dataclass(frozen=True)
class Candidate:
    """Something to measure.

    environment  whose rows there would be more of; None for a further environment
    target       the latent that a further environment targets; None for more rows
    spread       the standard deviation that it gives the target, in observational ones
    """

    environment: str | None = None
    target: str | None = None
    spread: float | None = None

    def __str__(self) -> str:
        if self.environment is not None:
            return f"more rows of {self.environment}"
        return f"a further environment: hard on {self.target}, standard deviation {self.spread:g}"


def candidates(environments: Sequence[str], latents: Sequence[str], hard: bool) -> list[Candidate]:
    """All of them: more rows of each environment and, where interventions are hard, further ones on each latent."""
    more = [Candidate(environment=name) for name in environments]
    further = [Candidate(target=z, spread=spread) for z in latents for spread in SPREADS]
    return [*more, *(further if hard else [])]
