"""What the absence of an edge says: the smallest strength at which a test would have seen one with power .8.

Absence of evidence is evidence of absence only above that strength. So a pair that was not found is claimed to have
no edge where the strength is within a stated bound; elsewhere it is open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from crlspec.inference.check import Check

__all__ = ["POWER", "Power", "by_chi_square", "by_normal"]

POWER = 0.8
"""Power at which an edge counts as one that would have been seen (Cohen, "Statistical power analysis for the
behavioral sciences", 1988)."""


@dataclass(frozen=True)
class Power:
    """What the tests of a step would have seen.

    detectable  (position, position), ``[i, j]`` for j → i: the least strength that is seen with power .8; NaN where
                no power is known
    bound       up to which an edge that was not found is claimed absent
    """

    detectable: np.ndarray
    bound: float

    def check(self, names: list[str], found: np.ndarray) -> Check:
        """The check ``edges``: whether every pair that was not found (``found``: (position, position) bool) is known
        to have none above the bound. ``names`` are those of the latents by position."""
        absent = np.tri(len(found), k=-1, dtype=bool) & ~found
        if not absent.any():
            return Check(
                "edges", "passed", 0.0, self.bound, "Every pair has an edge, so none is claimed to be absent."
            )
        detectable = np.where(absent, self.detectable, 0.0)
        i, j = np.unravel_index(int(detectable.argmax()), detectable.shape)
        one, two, figure = names[int(j)], names[int(i)], float(detectable[i, j])
        text = f"An edge '{one}' → '{two}' of strength {figure:.2g} would have been missed one time in five"
        if figure <= self.bound:
            told = f"{text}. All other absent edges are known better."
            return Check("edges", "passed", figure, self.bound, told, None, (), (one, two))
        return Check(
            "edges", "undecided", figure, self.bound, f"{text}. So its absence says little.",
            "Give more samples, or take absent edges as unknown.", (), (one, two),
        )  # fmt: skip


def by_normal(errors: np.ndarray, level: float) -> np.ndarray:
    """Sizes that a two-sided test of normal estimates sees: (z_{1 − level/2} + z_.8) standard errors."""
    return np.asarray((special.ndtri(1 - level / 2) + special.ndtri(POWER)) * errors)


def by_chi_square(freedom: float, level: float, unit: float = np.inf) -> float:
    """Noncentrality that a χ² test with so many degrees of freedom sees.

    unit  degrees of freedom of an estimate that the statistic was taken in units of; the critical value is then that
          of an F test
    """
    exact = np.isinf(unit)
    critical = special.chdtri(freedom, level) if exact else freedom * special.fdtri(freedom, unit, 1 - level)
    return float(special.chndtrinc(critical, freedom, 1 - POWER))
