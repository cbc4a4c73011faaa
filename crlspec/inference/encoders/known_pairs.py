"""Known targets of environments that come in pairs, which two nobody says.

Two environments of one latent are a pair, two of different latents are none. Each such statement is held against the
best pairing of all; then all of them are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from crlspec.data import Problem
from crlspec.inference.check import Check
from crlspec.inference.checks.known import check_known_targets
from crlspec.inference.encoders.pairing import Pairing, cheapest, pairing_of

__all__ = ["KnownPairs", "as_known"]


def as_known(problem: Problem, free: Pairing) -> tuple[Pairing, tuple[Check, ...]]:
    """The pairing that keeps the targets known of some environments, and what was said of them; ``free``: the best of
    all, which is left as it is where nothing is known."""
    known = KnownPairs.of(problem)
    if known is None:
        return free, ()
    said = known.check(free)
    return known.kept(free), () if said is None else (said,)


@dataclass(frozen=True)
class KnownPairs:
    """What known targets say of pairs.

    environments  the interventional ones, in order
    latents       in order
    targets       environment (index) → its latent (index), of some environments
    """

    environments: tuple[str, ...]
    latents: tuple[str, ...]
    targets: dict[int, int]

    @classmethod
    def of(cls, problem: Problem) -> KnownPairs | None:
        """What a problem whose pairs nobody declares says; None where it says nothing."""
        setting = problem.setting
        known = {} if setting.known is None else dict(setting.known.targets or {})
        if not known or setting.targets is not None or setting.pairs is not None:
            return None
        targets = {setting.environments.index(e): setting.latents.index(hit[0]) for e, hit in known.items()}
        return cls(setting.environments, setting.latents, targets)

    def kept(self, free: Pairing) -> Pairing:
        """The best pairing that keeps all that is known, pairs in the order of the latents."""
        costs = free.costs
        for pair in self._statements():
            costs = self._keeping(costs, pair)
        found = pairing_of(costs, free.clear)
        return replace(found, pairs=self._arranged(found.pairs), costs=free.costs)

    def check(self, free: Pairing) -> Check | None:
        """The check ``known-targets``; None where one environment alone is known.

        free  the best pairing of all
        """
        least, sayings = cheapest(free.costs)[1], []
        for one, other in self._statements():
            further = cheapest(self._keeping(free.costs, (one, other)))[1] - least
            a, b = self.environments[one], self.environments[other]
            names = tuple(dict.fromkeys(self.latents[self.targets[k]] for k in (one, other)))
            saying = (
                f"that '{a}' and '{b}' both target '{names[0]}'"
                if len(names) == 1
                else f"that '{a}' targets '{names[0]}' and '{b}' targets '{names[1]}'"
            )
            sayings.append((saying, (a, b), names, max(further, 0.0)))
        shown = [(self.environments[a], self.environments[b]) for a, b in free.pairs]
        return check_known_targets(sayings, shown, free.clear) if sayings else None

    def _statements(self) -> list[tuple[int, int]]:
        """Pairs of environments whose latents are known, which are the same or not."""
        return list(combinations(sorted(self.targets), 2))

    def _keeping(self, costs: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
        """The costs, infinite where a pairing would break one statement."""
        one, other = pair
        found = costs.copy()
        if self.targets[one] == self.targets[other]:
            for k in pair:
                found[k, :] = found[:, k] = np.inf
            found[one, other] = found[other, one] = costs[one, other]
        else:
            found[one, other] = found[other, one] = np.inf
        return found

    def _arranged(self, pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        """The pair of each latent: that of its known environment, and the others in order."""
        known = [next((self.targets[k] for k in pair if k in self.targets), None) for pair in pairs]
        rest = iter([k for k in range(len(self.latents)) if k not in known])
        latents = [next(rest) if k is None else k for k in known]
        return tuple(pairs[at] for at in np.argsort(latents))
