"""One step of an estimation by causal position, before its names are given back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.order.knowledge import GivenEdges
from crlspec.inference.power import Power

__all__ = ["Step", "found_edges"]


@dataclass(frozen=True)
class Step:
    """What a step left.

    order      indices of the interventional environments, roots first
    rows       (position, component): encoder rows in white coordinates, by position in the order
    strengths  (position, position), ``[i, j]`` for j → i
    p_values   likewise
    heteroscedasticity  share of the variance of a squared residual that other latents explain, where noise was taken
                        to be of one size
    settled    whether every search that the answer rests on came to its end: optimisers at their optimum, graphs that
               no further round changes
    checks     what speaks for and against the step's claims
    power      what the tests of edges would have seen; None where that is not known
    errors     (position, position) standard errors of the strengths; None where they are not known
    leftovers  (position, position) standard error of what the latent at i holds of the one at j, in observational
               standard deviations of the two; None where it is not known
    given      what is known of edges already; None where nothing is
    """

    name: str
    order: tuple[int, ...]
    rows: np.ndarray
    strengths: np.ndarray
    p_values: np.ndarray
    seconds: float
    note: str
    heteroscedasticity: float = 0.0
    settled: bool = True
    checks: tuple[Check, ...] = ()
    power: Power | None = None
    errors: np.ndarray | None = None
    leftovers: np.ndarray | None = None
    given: GivenEdges | None = None

    def found(self, alpha: float) -> np.ndarray:
        """(position, position) bool: the edges of a level, and those that are known; without those known absent."""
        return found_edges(self.p_values, alpha, self.given)


def found_edges(p_values: np.ndarray, alpha: float | np.ndarray, given: GivenEdges | None) -> np.ndarray:
    """(position, position) bool, ``[i, j]`` for j → i: p-values below alpha, one or one a pair, and what is known
    already."""
    found = np.tril(p_values < alpha, -1)
    return found if given is None else (found | given.present) & ~given.absent
