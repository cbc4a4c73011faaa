"""The judge: what a result claims against the truth that its data were drawn from.

Wrong is an answer with a mean correlation of matched latents below .95 where each latent is claimed by itself, with
an ancestral pair turned round, or with more than one false edge. An edge that is not found makes no answer wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from trust_kinds import Case
from trust_kinds.scm import ancestors

__all__ = ["Judgement", "judge", "names_fault", "names_one_of"]

ENOUGH = 0.95
"""Mean correlation of latents that were recovered each by itself."""


@dataclass(frozen=True)
class Judgement:
    """What a claimed graph and latents have wrong.

    mcc              mean absolute correlation of matched latents, by ranks where only a map of each is promised
    reversed         ancestral pairs claimed against their direction
    false_edges      claimed edges that are none
    false_ancestors  claimed ancestors, along claimed edges, that are none
    missed           true edges, or true ancestors where ancestors are claimed, that are not claimed
    """

    mcc: float
    reversed: int
    false_edges: int
    false_ancestors: int
    missed: int
    wrong: bool


def judge(
    case: Case,
    latents: Mapping[str, np.ndarray],
    names: Sequence[str],
    edges: Iterable[tuple[str, str]],
    exact: bool,
    targeted_by: Mapping[str, Collection[str]] | None = None,
) -> Judgement:
    """Judge recovered latents and edges.

    latents   environment → (rows, recovered), rows as in the case's truth
    names     of the recovered latents
    edges     (source, target) by these names
    exact     whether they are claimed as the graph itself, not as ancestors
    targeted_by  recovered latent → the environments said to target it: this matches latents that are claimed up to
                 their ancestors, where correlations cannot
    """
    correlations = _correlations(case, latents)
    match = _match(correlations, case, names, targeted_by or {})
    mcc = float(sum(correlations[k, i] for k, i in match.items()) / len(names))
    n = max(len(case.parents), len(names))
    known = {**match, **_strangers(match, len(names), len(case.parents))}
    claimed = np.zeros((2 * n, 2 * n), dtype=bool)
    for source, target in edges:
        claimed[known[names.index(target)], known[names.index(source)]] = True
    true = np.zeros_like(claimed)
    true[: len(case.parents), : len(case.parents)] = case.parents
    above, claims = ancestors(true), ancestors(claimed)
    turned = int((claims & above.T & ~above).sum())
    false_edges, false_ancestors = int((claimed & ~true).sum()), int((claims & ~above).sum())
    by_itself = case.claim != "ancestors"
    itself = exact and by_itself
    false = false_edges if itself else false_ancestors
    missed = int((true & ~claimed).sum() if itself else (above & ~claims).sum())
    wrong = turned > 0 or false > 1 or (by_itself and mcc < ENOUGH)
    return Judgement(mcc, turned, false_edges, false_ancestors, missed, wrong)


def _correlations(case: Case, latents: Mapping[str, np.ndarray]) -> np.ndarray:
    """(recovered, true) absolute correlations, environments pooled; 0 for a latent that never varies."""
    listed = list(latents)
    found = np.concatenate([np.asarray(latents[name]) for name in listed])
    true = np.concatenate([case.truth[name] for name in listed])
    if case.claim == "map":
        found, true = rankdata(found, axis=0), rankdata(true, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        both = np.corrcoef(found, true, rowvar=False)
    return np.nan_to_num(np.abs(both[: found.shape[1], found.shape[1] :]))


def _match(
    correlations: np.ndarray, case: Case, names: Sequence[str], targeted_by: Mapping[str, Collection[str]]
) -> dict[int, int]:
    """Recovered latent → true latent, by number: of all matches the one with the fewest wrong targets where latents
    are claimed up to their ancestors, and the highest correlations among those, or else."""
    cost = -correlations
    if case.claim == "ancestors" and targeted_by:
        hit = np.array([[name in targeted_by.get(latent, ()) for name in case.targets] for latent in names])
        true = np.array(
            [[i in case.targets[name] for name in case.targets] for i in range(len(case.parents))]
        )
        cost = (hit[:, None] != true).sum(2) - correlations / (len(names) + 1)
    rows, columns = linear_sum_assignment(cost)
    return {int(k): int(i) for k, i in zip(rows, columns, strict=True)}


def _strangers(match: Mapping[int, int], found: int, true: int) -> dict[int, int]:
    """Numbers beyond the true latents for recovered ones that no true latent matches: their edges are all false."""
    return {k: true + extra for extra, k in enumerate(k for k in range(found) if k not in match)}


def names_fault(case: Case, text: str) -> bool | None:
    """Whether a message names an environment (or column) at fault without naming them all; None where none is."""
    if not case.at_fault:
        return None

    def named(name: str) -> bool:
        return re.search(rf"\b{re.escape(name)}\b", text) is not None

    others = [name for name in case.samples if name not in case.at_fault]
    return any(map(named, case.at_fault)) and not all(map(named, others))


def names_one_of(words: Iterable[str], text: str) -> bool:
    """Whether a message holds any of the words or parts of words, whatever their case."""
    return any(word.lower() in text.lower() for word in words)
