"""Is what is known of the graph true? Tests of edges between recovered latents, made without what is known.

Each statement is held by itself against tests that know nothing, so that a wrong one does not drag true ones along.

That a comes before b says that no path of edges leads from b to a. Of latents that b reaches and those that it does
not, no edge joins the first to the second; a path that the tests see all the same holds one of these pairs. So the
largest p-value on a path, times the number of such pairs at most, is a p-value of "no such path" (Bonferroni).

Tests allow for small errors of the latents to first order alone. So what is known is contradicted only by effects
that are larger than such errors may look like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.checks.known import Statement, absence, check_known, check_unseen, presence, reached
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.step import Step

__all__ = ["FreeTests", "edge_statements", "known_checks", "ruled_out"]


@dataclass(frozen=True)
class FreeTests:
    """What tests say of every edge without what is known; matrices are (latent, latent), ``[i, j]`` for j → i.

    seen       p-values of "no such edge", of this direction alone; 1 where the order that they lead to excludes it
    p_values   likewise of "no more of it than latents that hold some of each other may show"
    strengths  0 there
    weaker     p-values of "it is as strong as ``bound`` at least", whatever the order
    bound      strength from which an edge counts
    """

    seen: np.ndarray
    p_values: np.ndarray
    strengths: np.ndarray
    weaker: np.ndarray
    bound: float


def ruled_out(knowledge: Knowledge) -> np.ndarray:
    """(latent, latent) bool, ``[i, j]``: that j is no cause of i is known, or follows from what is."""
    return np.asarray(knowledge.absent.T | knowledge.before)


def edge_statements(knowledge: Knowledge, tests: FreeTests, alpha: float) -> list[Statement]:
    """Every statement, tested; ``alpha``: level at which an edge counts as seen."""
    n = len(knowledge.latents)
    crossing, found = (n // 2) * (n - n // 2), []
    for first, second in knowledge.pairs:
        largest, way = _way(tests.p_values, second, first)
        found.append(reached(knowledge, first, second, min(1.0, crossing * largest), way))
    for cause, effect in np.argwhere(knowledge.absent | knowledge.edges).tolist():
        p_value, strength = (float(one[effect, cause]) for one in (tests.p_values, tests.strengths))
        if knowledge.absent[cause, effect]:
            found.append(absence(knowledge, cause, effect, p_value, strength))
            continue
        less = 1.0 if tests.seen[effect, cause] < alpha else float(tests.weaker[effect, cause])
        found.append(presence(knowledge, cause, effect, less, strength, tests.bound))
    return found


def known_checks(
    knowledge: Knowledge, statements: Sequence[Statement], step: Step, level: float, alpha: float
) -> tuple[Check, ...]:
    """The check ``known``, and the note ``known-unseen`` where the step does not show a known edge."""
    names = [knowledge.latents[k] for k in step.order]
    unseen = () if step.given is None else check_unseen(names, step.given, step.p_values, alpha)
    return (check_known(statements, level), *unseen)


def _way(p_values: np.ndarray, start: int, end: int) -> tuple[float, tuple[int, ...]]:
    """The largest p-value on a path of edges from ``start`` to ``end``, and the path: the one where it is least; of
    such paths a shortest."""
    n = len(p_values)
    largest = np.full(n, np.inf)
    ways: dict[int, tuple[int, ...]] = {start: (start,)}
    largest[start] = 0.0
    for _ in range(n - 1):
        before, shorter = largest.copy(), dict(ways)
        for i, j in np.argwhere(~np.eye(n, dtype=bool)).tolist():
            reaching = max(before[j], float(p_values[i, j]))
            if reaching < largest[i]:
                largest[i], ways[i] = reaching, (*shorter[j], i)
    return float(largest[end]), ways[end]
