"""Are the targets true that are known of some environments? Other targets for one of them, held against those known.

A signature with other targets is another model. Its likelihood is compared with that of the best signature that
keeps all known targets. Twice the gain is taken for χ², with as many degrees of freedom as it has further parameters,
two at least; p-values are multiplied by the number of target sets that an environment may have (Bonferroni). The name
of a latent is only a label: a signature whose latents can be named so that it is as known contradicts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc, chndtr

from crlspec.inference.check import listed
from crlspec.inference.checks.known import Statement, targeting
from crlspec.inference.likelihood.gaussian import GaussianFit, Order, fit_orders, search_order
from crlspec.inference.order.signature import Peeled
from crlspec.inference.order.signature_search import SignatureSearch
from crlspec.inference.order.told import Told
from crlspec.inference.soft.fit import FAR, fit_soft
from crlspec.inference.thresholds import UmniThresholds

__all__ = ["target_statements"]

_Said = tuple[str, tuple[str, ...]]
"""What fits better, in words, and the latents that it names."""

LEAST = 2
"""Parameters of one more target of a root, a mean and a variance: degrees of freedom of a comparison, at least."""


def target_statements(search: SignatureSearch, found: Peeled, limits: UmniThresholds) -> list[Statement]:
    """One statement for every environment whose targets are known and not declared, tested.

    found  the best signature that keeps them all, and what is known of the order

    All known targets are given up first. Where that gains nothing, no single one is contradicted. Else those of one
    environment are given up at a time, all others kept: where that gains most they are wrong, and where it gains as
    much (``limits.clear``); they stay given up while the others are looked at. Of these each target is held against
    the model without it: one that surely changes less than ``limits.negligible`` is none.
    """
    names, targets = search.problem.environments, search.told.signature
    known = np.flatnonzero(search.told.environments).tolist()
    if search.problem.setting.targets is not None or not known:
        return []
    test, told = _Test(search, limits), search.told
    kept = test.of(found if search.knowledge is None else search.kept(told, limits))
    free = test.other(Told.nothing(*targets.shape), told, kept)
    level, left, tested = limits.known / len(known), known, dict[int, tuple[float, _Said]]()
    while left and test.p_value(kept, free) < level:
        tried = {k: test.other(told.without(k), told, kept) for k in left}
        best = min(left, key=lambda k: test.cost(tried[k]))
        least = test.cost(tried[best]) + limits.clear
        wrong = [k for k in left if test.p_value(kept, tried[k]) < level and test.cost(tried[k]) < least]
        if best not in wrong:
            break
        for k in wrong:
            tested[k] = test.p_value(kept, tried[k]), test.gained(kept, tried[k], k, told.without(k))
        told, kept, left = told.without(best), tried[best], [k for k in left if k not in wrong]
    rest = test.p_value(kept, free), test.gained(kept, free)
    tested.update({k: test.seen(kept, told, k, rest) for k in left})
    latents = [[search.problem.latents[i] for i in np.flatnonzero(targets[:, k])] for k in known]
    found_all = [(names[k], latents[at], tested[k]) for at, k in enumerate(known)]
    return [targeting(name, hit, p_value, *said) for name, hit, (p_value, said) in found_all]


@dataclass(frozen=True)
class _Fit:
    """A signature at its joint optimum: nats lost, and how many parameters it has."""

    peeled: Peeled
    loss: float
    parameters: int


@dataclass(frozen=True)
class _Test:
    """The comparison of signatures in one search."""

    search: SignatureSearch
    limits: UmniThresholds

    @property
    def worth(self) -> float:
        """The share of the rows that they are worth where they depend on each other, of the worst environment."""
        problem = self.search.problem
        return min(problem.size(name) / len(problem.samples[name]) for name in problem.samples)

    def of(self, peeled: Peeled) -> _Fit:
        """The joint optimum of a signature, orders beside its own looked at."""
        sinks, total = self.search.likelihood, float(self.search.likelihood.counts.sum())

        def refit(orders: Sequence[Order], starts: np.ndarray) -> list[GaussianFit]:
            if self.search.hard:
                signatures: list[np.ndarray | None] = [peeled.signature] * len(orders)
                return fit_orders(orders, starts, sinks.moments, sinks.counts, signatures)
            groups = peeled.groups[np.array(orders)]
            fits = fit_soft(groups, starts, sinks.moments, sinks.counts)
            return [GaussianFit(o, fit.rows, fit.loss) for o, fit in zip(orders, fits, strict=True)]

        first = refit([tuple(range(len(peeled.rows)))], peeled.rows[None])[0]
        best = search_order(first, refit, 1e-2 / total)
        used = peeled.groups[list(best.order)].any(2).sum(1)
        parameters = 2 * peeled.signature if self.search.hard else used * (2 + np.arange(len(used)))
        loss = total * best.loss if best.loss < FAR else float("inf")
        return _Fit(peeled, loss, int(parameters.sum()))

    def other(self, told: Told, known: Told, kept: _Fit) -> _Fit:
        """The best signature that keeps what is told; ``kept`` itself where it is as known anyway."""
        peeled = self.search.kept(told, self.limits)
        return kept if known.keeps(peeled.signature) else self.of(peeled)

    def cost(self, fit: _Fit) -> float:
        """The loss with the price of the parameters by the Bayesian information criterion."""
        return fit.loss + 0.5 * fit.parameters * float(np.log(self.search.likelihood.counts.sum()))

    def p_value(self, kept: _Fit, other: _Fit) -> float:
        """Of a gain as large as that of the other signature, where the kept one is true."""
        further = max(LEAST, other.parameters - kept.parameters)
        sets = 2.0 ** len(kept.peeled.signature) - 1
        return float(min(1.0, sets * chdtrc(further, 2 * max(self._gain(kept, other), 0.0))))

    def seen(
        self, kept: _Fit, told: Told, environment: int, rest: tuple[float, _Said]
    ) -> tuple[float, _Said]:
        """The p-value of an environment's targets, and what speaks most against them: ``rest``, or a target whose
        latent it surely leaves alone, by the noncentral χ² of the smallest change that counts."""
        found, counts, least = kept.peeled, self.search.likelihood.counts, (1.0, -1)
        targets = np.flatnonzero(found.signature[:, environment]).tolist()
        for at in targets:
            fewer = found.signature.copy()
            fewer[at, environment] = False
            without = self.of(replace(found, signature=fewer))
            there, elsewhere = counts[1 + environment], counts[0] + counts[1:][~found.signature[at]].sum()
            shift = there * elsewhere / (there + elsewhere) * self.limits.negligible**2
            ratio, free = 2 * self._gain(without, kept), max(LEAST, kept.parameters - without.parameters)
            if np.isfinite(without.loss):
                least = min(least, (float(chndtr(max(ratio, 0.0), free, self.worth * shift)), at))
        both = min(1.0, 2 * len(targets) * least[0])
        if both >= min(1.0, 2 * rest[0]):
            return min(1.0, 2 * rest[0]), rest[1]
        place = told.latents(found.signature)[least[1]]
        name = f"'{self.search.problem.latents[place]}'" if [place] in told.classes() else "one of them"
        bound = self.limits.negligible
        text = f"What it changes of {name} is surely less than the {bound:.2g} deviations from which a change counts"
        return both, (text, ())

    def gained(
        self, kept: _Fit, other: _Fit, environment: int | None = None, told: Told | None = None
    ) -> _Said:
        """What the other signature says of an environment, and what that gains, in words; and the latents named.

        told  what it keeps
        """
        gain = f"fits better by {max(self._gain(kept, other), 0.0):.1f} nats"
        if environment is None or told is None:
            return f"With other targets the model {gain}", ()
        column = np.empty(len(told.signature), dtype=bool)
        column[list(told.latents(other.peeled.signature))] = other.peeled.signature[:, environment]
        if all(len(set(column[one].tolist())) == 1 for one in told.classes()):
            names = tuple(self.search.problem.latents[k] for k in np.flatnonzero(column))
            return f"That it targets {listed(names)} {gain}", names
        number = int(column.sum())
        return f"That it has {number} target{'s' * (number > 1)}, others than said, {gain}", ()

    def _gain(self, kept: _Fit, other: _Fit) -> float:
        """Nats, of as many samples as the rows are worth."""
        return self.worth * (kept.loss - other.loss) if np.isfinite(kept.loss) else 0.0
