"""Errors of many numbers that one fitted model answers, one by one and all at once.

Alternative fits stand a standard deviation from the fit, along each direction of its error. What a number changes
along them gives its standard error (delta method), to second order, for some numbers have no derivative: the
deviation of a variable that hardly depends on what is changed. Numbers share the directions, so that their errors are
jointly normal with a known covariance; a band for all of them at once takes the quantile of the largest of their |t|,
by simulation (max-t; Hothorn, Bretz & Westfall, Biometrical Journal 50, 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Answer", "answer", "joint"]

DRAWS = 20_000
CHUNK = 2_000
ROUNDING = 1e-9
"""Errors smaller than this share of the largest are rounding errors of numbers that nothing moves."""


@dataclass(frozen=True)
class Answer:
    """Numbers and what their errors are made of: a · g + ½ bend s², g standard normal, and s = a · g / |a|.

    value       (number,)
    directions  a (direction, number): by how much each independent direction of error moves them, to first order
    bend        (number,): how much faster than that they move, summed over the directions
    simulated   (number,): standard errors of having simulated
    freedom     degrees of freedom of the directions: infinite unless these are resamples
    """

    value: np.ndarray
    directions: np.ndarray
    bend: np.ndarray
    simulated: np.ndarray
    freedom: float = float("inf")

    @property
    def error(self) -> np.ndarray:
        """(number,): standard errors, of the second order too (E s⁴ = 3)."""
        return np.asarray(np.sqrt(self._first**2 + 0.75 * self.bend**2))

    def width(self, critical: float) -> np.ndarray:
        """(number,): how far to go either way for an interval at a critical value of the standard normal."""
        return np.asarray(critical * self._first + 0.5 * critical**2 * self.bend)

    def largest(self, seed: int = 0) -> np.ndarray:
        """(draw,): the largest |s| of all numbers, drawn from their joint distribution."""
        return self._drawn(seed, lambda s, _: s)

    def largest_error(self, seed: int = 0) -> np.ndarray:
        """(draw,): the largest |error| of all numbers, in standard errors, drawn likewise."""
        return self._drawn(
            seed, lambda s, k: (self._first[k] * s + 0.5 * self.bend[k] * s**2) / self.error[k]
        )

    def critical(self, level: float, seed: int = 0) -> float:
        """The critical value at which intervals cover all numbers at once with probability ``level``."""
        return float(np.quantile(self.largest(seed), level))

    @property
    def _first(self) -> np.ndarray:
        return np.asarray(np.sqrt((self.directions**2).sum(0) + self.simulated**2))

    def _drawn(self, seed: int, of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        rng, scale = np.random.default_rng(seed), self._first
        moved = np.flatnonzero(self.error > ROUNDING * self.error.max(initial=0.0))
        if not len(moved):
            return np.zeros(1)
        scale = scale[moved]
        flat = scale <= ROUNDING * self.error[moved]  # no derivative at all: s is a normal number of its own
        scale = np.where(flat, 1.0, scale)
        along, simulated = (
            self.directions[:, moved] / scale,
            np.where(flat, 1.0, self.simulated[moved] / scale),
        )
        found = []
        for _ in range(DRAWS // CHUNK):
            s = rng.normal(size=(CHUNK, len(along))) @ along
            if np.isfinite(self.freedom):
                s *= np.sqrt(self.freedom / rng.chisquare(self.freedom, size=(CHUNK, 1)))
            if simulated.any():
                s += simulated * rng.normal(size=s.shape)
            found.append(of(np.abs(s), moved).max(1))
        return np.concatenate(found)


def answer(
    value: np.ndarray,
    simulated: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    weight: float,
    two_sided: bool,
) -> Answer:
    """An answer and what alternative fits answer.

    pairs      answers (number,) of two fits each; weight · Σ (a − b)² is the variance
    two_sided  whether these stand on both sides of the fit, so that second differences can be taken
    """
    if not pairs:
        return Answer(value, np.zeros((0, len(value))), np.zeros(len(value)), simulated)
    first, second = (np.stack([pair[k] for pair in pairs]) for k in (0, 1))
    directions = np.sqrt(weight) * (first - second)
    if two_sided:
        seconds = first + second - 2 * value
        # exact where they bend one way, as a square does; the other bound for saddles, as of a product
        bend = np.maximum(np.abs(seconds.sum(0)), np.sqrt((seconds**2).sum(0)))
        return Answer(value, directions, bend, simulated)
    return Answer(value, directions, np.zeros(len(value)), simulated, freedom=len(pairs) - 1)


def joint(answers: Sequence[Answer]) -> Answer:
    """Answers of one model as one, their errors joint."""
    return Answer(
        np.concatenate([one.value for one in answers]),
        np.concatenate([one.directions for one in answers], axis=1),
        np.concatenate([one.bend for one in answers]),
        np.concatenate([one.simulated for one in answers]),
        answers[0].freedom,
    )
