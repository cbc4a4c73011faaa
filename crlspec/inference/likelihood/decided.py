"""Do the data decide? Order, latents, edges and fit of Gaussian latents under hard interventions, as checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from crlspec.inference.check import Check
from crlspec.inference.checks.fitted import FittedModel, hard_model
from crlspec.inference.checks.freeing import most_freeing
from crlspec.inference.checks.goodness import check_goodness, goodness
from crlspec.inference.checks.hard import check_hard
from crlspec.inference.checks.order_margin import Margin, gaussian_margin, undecided_order
from crlspec.inference.checks.samples import check_samples
from crlspec.inference.likelihood.gaussian import GaussianFit, Refit
from crlspec.inference.likelihood.wald import WaldTests
from crlspec.inference.order.knowledge import GivenEdges, Knowledge, Order
from crlspec.inference.power import Power
from crlspec.inference.step import found_edges
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.graphs import topological_order, transitive_closure

__all__ = ["Asked", "Fits", "decide", "decide_flexible", "settled"]


@dataclass(frozen=True)
class Asked:
    """What the checks of an answer need to know.

    latents       their names, by index
    environments  their names, the observational first
    counts        (environment,) samples; effective ones where rows depend on each other
    alpha         level of the tests of edges
    thresholds    the bounds
    knowledge     what is known of the graph already; None where nothing is
    """

    latents: Sequence[str]
    environments: Sequence[str]
    counts: np.ndarray
    alpha: float
    thresholds: LinearThresholds
    knowledge: Knowledge | None = None

    def given(self, order: Order) -> GivenEdges | None:
        """What is known, by position of an order."""
        return None if self.knowledge is None else self.knowledge.given(order)


@dataclass(frozen=True)
class Fits:
    """What a decision rests on.

    best      the fit of the best order
    refit     other orders, fitted from starts
    tests     of the best order
    moments   (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    targeted  (latent, environment) bool
    """

    best: GaussianFit
    refit: Refit
    tests: WaldTests
    moments: np.ndarray
    targeted: np.ndarray


@dataclass(frozen=True)
class _Decision(Asked, Fits):
    """Both together."""

    @property
    def names(self) -> list[str]:
        """Names of the latents by position in the order."""
        return [self.latents[k] for k in self.best.order]

    def model(self, fit: GaussianFit) -> FittedModel:
        """Means and covariances of every environment that a fit stands for."""
        return hard_model(fit.rows, self.moments, self.counts, self.targeted[list(fit.order)])

    @cached_property
    def best_model(self) -> FittedModel:
        """The model of the best fit."""
        return self.model(self.best)

    @cached_property
    def sampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariances of the samples."""
        means = self.moments[:, 0, 1:]
        return means, self.moments[:, 1:, 1:] - means[:, :, None] * means[:, None, :]


def decide(asked: Asked, fits: Fits, p_values: np.ndarray, power: Power) -> tuple[Check, ...]:
    """The checks ``goodness-of-fit``, ``order``, ``latents``, ``edges`` and ``settled``.

    p_values  (position, position) of the edges, ``[i, j]`` for j → i
    power     of their tests
    """
    given = _Decision(**vars(fits), **vars(asked))
    found = found_edges(p_values, asked.alpha, asked.given(fits.best.order))
    return (
        _fit(given),
        _order(given, found),
        _latents(given),
        power.check(given.names, found),
        settled(given.best.settled),
    )


def settled(flag: bool) -> Check:
    """Whether every optimiser came to its optimum, as it says itself."""
    if flag:
        return Check("settled", "passed", 1.0, 1.0, "Every optimiser came to its optimum.")
    return Check(
        "settled", "undecided", 0.0, 1.0,
        "An optimiser stopped before its optimum, so the answer may be off.",
        "Give more samples, or look for variables that are nearly functions of each other.",
    )  # fmt: skip


def decide_flexible(
    asked: Asked,
    order: tuple[int, ...],
    rivals: Mapping[tuple[int, ...], float],
    p_values: np.ndarray,
    ended: bool,
    latents: Sequence[np.ndarray],
    targeted: np.ndarray,
    power: Power,
) -> tuple[Check, ...]:
    """The checks ``samples``, ``order``, ``edges``, ``hard`` and ``settled`` of smooth mechanisms, whose likelihood
    is no closed form.

    order     indices of the latents, roots first
    rivals    the next orders → by how many standard errors of held-out losses they fit worse
    p_values  (position, position) of the edges, ``[i, j]`` for j → i
    latents   (sample, position) of every environment
    targeted  (latent, environment) bool
    power     of the tests of edges
    """
    found = found_edges(p_values, asked.alpha, asked.given(order))
    edges = [(order[j], order[i]) for i, j in zip(*np.nonzero(found), strict=True)]
    names = [asked.latents[k] for k in order]
    sizes = dict(zip(asked.environments, asked.counts.tolist(), strict=True))
    samples = check_samples(sizes, asked.thresholds.flexible_samples, "fit smooth mechanisms")
    others = (samples, _rivals(asked, edges, rivals), power.check(names, found), settled(ended))
    sure = not any(check.objects for check in others)
    hard = check_hard(
        latents, targeted[list(order)], names, asked.environments, asked.counts, asked.thresholds.hard, sure
    )
    return (*others, hard)


def _rivals(asked: Asked, edges: Sequence[tuple[int, int]], rivals: Mapping[tuple[int, ...], float]) -> Check:
    """The nearest orders that turn a found edge around."""
    worst: tuple[float, tuple[int, int]] | None = None
    for order, z in rivals.items():
        for a, b in edges:
            if order.index(b) < order.index(a) and (worst is None or z < worst[0]):
                worst = (z, (a, b))
    bound = asked.thresholds.order
    if worst is None:
        return Check("order", "passed", 0.0, bound, "No order that fits nearly as well reverses an edge.")
    z, (a, b) = worst
    one, two = asked.latents[a], asked.latents[b]
    p_value = float(min(1.0, 2 * len(rivals) * ndtr(-max(z, 0.0))))
    if p_value < bound:
        text = f"The nearest order that reverses an edge has '{two}' first. It fits worse by {z:.1f} standard errors."
        return Check("order", "passed", p_value, bound, text, None, (), (one, two))
    return undecided_order(p_value, bound, (one, two), f"{z:.1f} standard errors")


def _fit(given: _Decision) -> Check:
    model, (means, covariances) = given.best_model, given.sampled
    fit = goodness(covariances, model.covariances, given.counts, model.free, (means, model.means))
    if fit.p_value >= given.thresholds.misfit:
        return check_goodness(fit, given.environments, given.thresholds)
    gains, explained = _gains(given, fit.statistic, model.free)
    freeing = most_freeing(fit.statistic, gains, given.thresholds)
    check = check_goodness(
        fit, given.environments, given.thresholds, freeing, undecided=explained < given.thresholds.explained
    )
    named = tuple(name for name in given.latents if f"'{name}'" in check.message)
    extra = tuple(
        name for name in given.environments if f"'{name}'" in check.message and name not in check.environments
    )
    return Check(
        check.name, check.consequence, check.figure, check.bound, check.message, check.remedy,
        (*check.environments, *extra), named,
    )  # fmt: skip


def _gains(given: _Decision, statistic: float, free: int) -> tuple[dict[str, tuple[float, int]], float]:
    """By how much the misfit falls, rows kept, when one mechanism of one environment is freed; the largest share."""
    means, covariances = given.sampled
    gains = {}
    for i, name in enumerate(given.latents):
        for e in map(int, np.flatnonzero(~given.targeted[i])):
            freed = given.targeted.copy()
            freed[i, e] = True
            if freed[i].all():
                continue
            model = hard_model(given.best.rows, given.moments, given.counts, freed[list(given.best.order)])
            fit = goodness(covariances, model.covariances, given.counts, model.free, (means, model.means))
            key = f"the mechanism of '{name}' in '{given.environments[e]}'"
            gains[key] = (statistic - fit.statistic, max(model.free - free, 1))
    best = max((gain for gain, _ in gains.values()), default=0.0)
    return gains, best / max(statistic, 1e-300)


def _order(given: _Decision, found: np.ndarray) -> Check:
    """Every order with one found edge reversed, against the best one.

    Were a reversed order the truth, the best one would fit better by g nats with probability e⁻ᵍ at most, about (a
    likelihood ratio is at least k with probability 1/k at most where its denominator is true); times the number of
    reversed orders. Vuong's standard error stands beside the gain.
    """
    pairs = _reversible(found, _known(given))
    best, sampled = given.best_model, given.sampled
    worst: tuple[float, Margin, tuple[int, int]] | None = None
    orders = [tuple(given.best.order[p] for p in positions) for _, _, positions in pairs]
    starts = given.best.rows[np.array([positions for _, _, positions in pairs], dtype=int)]
    for (j, i, _), fit in zip(pairs, given.refit(orders, starts), strict=True):
        other = given.model(fit)
        margin = gaussian_margin(
            (best.means, best.covariances), (other.means, other.covariances), sampled, given.counts,
            alternatives=len(pairs),
        )  # fmt: skip
        p_value = min(1.0, len(pairs) * float(np.exp(-max(margin.gain, 0.0))))
        if worst is None or p_value > worst[0]:
            worst = (p_value, margin, (j, i))
    if worst is None:
        text = "No edge was found, so no order is claimed."
        if found.any():
            text = "What is known already leaves no order that reverses an edge."
        return Check("order", "passed", 0.0, given.thresholds.order, text)
    p_value, margin, (j, i) = worst
    one, two = given.names[j], given.names[i]
    told = f"{margin.gain:.1f} ± {margin.error:.1f} nats"
    if p_value < given.thresholds.order:
        text = (
            f"Every order that reverses an edge fits worse. The nearest has '{two}' first, worse by {told}."
        )
        return Check("order", "passed", p_value, given.thresholds.order, text, None, (), (one, two))
    return undecided_order(p_value, given.thresholds.order, (one, two), told)


def _known(given: _Decision) -> np.ndarray:
    """(position, position) bool: pairs whose order is known, ``[i, j]`` for j before i."""
    found = given.given(given.best.order)
    return np.zeros((len(given.best.order),) * 2, dtype=bool) if found is None else found.ordered


def _reversible(found: np.ndarray, known: np.ndarray) -> list[tuple[int, int, tuple[int, ...]]]:
    """(j, i, positions): edges j → i that no other path doubles, and whose order is not known, with an order in which
    i stands right before j and all else is kept as far as the graph, and what is known, allow."""
    listed = []
    for j, i in np.argwhere((found & ~known).T).tolist():
        reduced = (found | known).T
        reduced[j, i] = False
        if transitive_closure(reduced)[j, i]:
            continue
        reduced[i, j] = True
        listed.append((j, i, tuple(topological_order(reduced))))
    return listed


def _latents(given: _Decision) -> Check:
    """How much of the others a latent may hold, by the standard errors of the unmixing."""
    totals = np.sqrt((given.tests.leftovers**2).sum(1))
    i = int(totals.argmax())
    j = int(given.tests.leftovers[i].argmax())
    one, two = given.names[i], given.names[j]
    figure, bound = float(totals[i]), given.thresholds.leftover
    if len(totals) < 2:
        return Check(
            "latents", "passed", 0.0, bound, "There is one latent alone, so no other is mixed into it."
        )
    share = float(f"{200 * given.tests.leftovers[i, j]:.2g}")
    text = f"'{one}' may contain up to {share:g} % of '{two}' (two standard errors)"
    if figure <= bound:
        return Check(
            "latents",
            "passed",
            figure,
            bound,
            f"{text}. All latents count as separated.",
            None,
            (),
            (one, two),
        )
    return Check(
        "latents", "undecided", figure, bound, f"{text}. This is too much to call them separated.",
        "Give more samples, above all in the environments that target these two, or stronger interventions.",
        (), (one, two),
    )  # fmt: skip
