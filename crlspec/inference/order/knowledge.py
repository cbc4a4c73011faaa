"""What is known already of the graph, as an estimator takes it: by index of the latents, or by its position."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.numerics.graphs import adjacency_of, transitive_closure

__all__ = ["GivenEdges", "Knowledge", "Order", "allows", "earliest_first"]

Order = tuple[int, ...]
"""Indices of latents, roots first."""


@dataclass(frozen=True)
class GivenEdges:
    """The same by position of one order, ``[i, j]`` for j → i with j before i.

    present  (position, position) bool: edges that are there
    absent   likewise: edges that are not
    ordered  likewise: pairs whose order is known
    """

    present: np.ndarray
    absent: np.ndarray
    ordered: np.ndarray


@dataclass(frozen=True)
class Knowledge:
    """What is known already; ``[cause, effect]`` in every matrix.

    latents  their names, by index
    edges    (latent, latent) bool: edges that are there
    absent   likewise: edges that are not
    direct   likewise: the pairs that an edge or the list ``order`` puts in order themselves
    before   likewise: what follows from these, the transitive closure
    """

    latents: tuple[str, ...]
    edges: np.ndarray
    absent: np.ndarray
    direct: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> Knowledge | None:
        """What a problem tells; None where it tells nothing of the graph."""
        known = problem.setting.known
        if known is None or not known.graph:
            return None
        names = problem.latents
        edges = adjacency_of(names, known.edges)
        direct = edges | adjacency_of(names, pairwise(known.order))
        absent = adjacency_of(names, known.absent)
        return cls(names, edges, absent, direct, transitive_closure(direct))

    def allows(self, order: Order) -> bool:
        """Whether an order keeps every pair."""
        return allows(self.before, order)

    def repaired(self, order: Order) -> Order:
        """The order, with latents moved behind those that are known to come before them."""
        return earliest_first(self.before, order)

    def given(self, order: Order, closure: bool = False) -> GivenEdges:
        """By position of an order that is allowed; ``closure``: edges stand for ancestors."""
        edges = transitive_closure(self.edges) if closure else self.edges
        at = np.ix_(order, order)
        below = np.tri(len(order), k=-1, dtype=bool)
        return GivenEdges(edges[at].T & below, self.absent[at].T & below, self.before[at].T & below)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(first, second): every pair that is put in order by itself."""
        return [(int(a), int(b)) for a, b in np.argwhere(self.direct)]

    def saying(self, first: int, second: int) -> str:
        """What puts a pair in order, in words."""
        a, b = self.latents[first], self.latents[second]
        there = f"that there is an edge '{a}' → '{b}'"
        return there if self.edges[first, second] else f"that '{a}' comes before '{b}'"

    def refuse_exact(self) -> None:
        """Raises SettingMismatch: with exact scores no likelihood is fitted, which knowledge enters."""
        raise SettingMismatch(
            "Got exact scores with what assume.known says of the graph, which enters the likelihood",
            "estimated scores",
            "Choose scores: {kind: auto}, or leave edges, absent and order out of assume.known.",
        )

    def refuse_smooth_soft(self) -> None:
        """Raises SettingMismatch: soft interventions on latents that are not linear-Gaussian."""
        raise SettingMismatch(
            "The latents are not Gaussian, and soft interventions on them are read without what assume.known says of "
            "the graph",
            "linear-Gaussian latents, or hard interventions",
            "Leave edges and order out of assume.known.",
        )


def allows(before: np.ndarray, order: Order) -> bool:
    """Whether an order puts i before j wherever ``before[i, j]``."""
    at = np.ix_(order, order)
    return not bool(np.tril(before[at]).any())


def earliest_first(before: np.ndarray, order: Order) -> Order:
    """Of the orders that keep ``before``, the one that takes latents as early in the given order as it may."""
    rest, found = list(order), []
    while rest:
        following = next(k for k in rest if not before[rest, k].any())
        rest.remove(following)
        found.append(following)
    return tuple(found)
