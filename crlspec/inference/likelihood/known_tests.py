"""Is what is known of the graph true? Likelihood ratios between causal orders, and tests of edges, one a statement.

Were a known order the truth, the best order of all would fit better than the best one that keeps it by g nats with
probability e⁻ᵍ at most, about: a likelihood ratio is at least k with probability 1/k at most where its denominator
is true. Each pair is held by itself while all other knowledge is given up, so that a wrong statement does not drag
true ones along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import chndtr, ndtr

from crlspec.inference.checks.known import Statement, absence, precedence, presence
from crlspec.inference.likelihood.gaussian import GaussianFit, Order, Refit, search_order
from crlspec.inference.likelihood.wald import WaldTests
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.thresholds import LinearThresholds

__all__ = ["gaussian_statements", "kept_pair", "smooth_statements", "with_pair"]


def gaussian_statements(
    knowledge: Knowledge,
    best: GaussianFit,
    free: GaussianFit,
    refit: Refit,
    tests_of: Callable[[GaussianFit], WaldTests],
    samples: float,
    alpha: float,
    thresholds: LinearThresholds,
    margin: float,
) -> list[Statement]:
    """Every statement on linear-Gaussian latents under hard interventions, tested.

    best      the best order that keeps all that is known
    free      an order found without it, from which the best of all is looked for
    tests_of  tests of all edges of an order, none of them known
    samples   of all environments
    alpha     level at which an edge counts as seen
    margin    of the search, as :func:`search_order` takes it
    """
    whole = min((search_order(one, refit, margin) for one in (best, free)), key=lambda fit: fit.loss)
    found, broken = [], False
    for first, second in knowledge.pairs:
        gain = 0.0
        if whole.order.index(second) < whole.order.index(first):
            kept = _kept(whole, first, second, refit, margin)
            gain = max(samples * (min(kept, best.loss) - whole.loss), 0.0)
        p_value = float(np.exp(-gain))
        broken = broken or p_value < thresholds.known
        found.append(precedence(knowledge, first, second, p_value, f"{gain:.1f} nats"))
    fit = whole if broken else best
    tests, place = tests_of(fit), {k: position for position, k in enumerate(fit.order)}
    for cause, effect in np.argwhere(knowledge.absent | knowledge.edges).tolist():
        i, j = place[effect], place[cause]
        if j > i:  # the order excludes the edge by itself
            found += [absence(knowledge, cause, effect, 1.0, 0.0)] if knowledge.absent[cause, effect] else []
            continue
        strength, p_value = abs(float(tests.strengths[i, j])), float(tests.p_values[i, j])
        if knowledge.absent[cause, effect]:
            found.append(absence(knowledge, cause, effect, p_value, strength))
            continue
        bound, error = thresholds.negligible, max(float(tests.errors[i, j]), 1e-300)
        less = 1.0 if p_value < alpha else float(ndtr((strength - bound) / error))
        found.append(presence(knowledge, cause, effect, less, strength, bound))
    return found


def kept_pair(count: int, first: int, second: int) -> np.ndarray:
    """(latent, latent) bool: one pair alone, as what is known to come before."""
    before = np.zeros((count, count), dtype=bool)
    before[first, second] = True
    return before


def with_pair(order: Order, first: int, second: int) -> list[Order]:
    """The two orders nearest to one that has ``second`` first: ``first`` moved right before it, and it right behind
    ``first``."""
    without_first, without_second = ([k for k in order if k != one] for one in (first, second))
    ahead, behind = without_first.index(second), without_second.index(first)
    return [
        (*without_first[:ahead], first, *without_first[ahead:]),
        (*without_second[: behind + 1], second, *without_second[behind + 1 :]),
    ]


def _kept(whole: GaussianFit, first: int, second: int, refit: Refit, margin: float) -> float:
    """Loss of the best order that keeps one pair."""
    orders = with_pair(whole.order, first, second)
    starts = np.stack([whole.rows[[whole.order.index(k) for k in order]] for order in orders])
    before = kept_pair(len(whole.order), first, second)
    return min(search_order(fit, refit, margin, before=before).loss for fit in refit(orders, starts))


def smooth_statements(
    knowledge: Knowledge,
    order: Order,
    reversed_pairs: Mapping[tuple[int, int], float],
    shares: np.ndarray,
    p_values: np.ndarray,
    samples: int,
    alpha: float,
    thresholds: LinearThresholds,
) -> list[Statement]:
    """Every statement on smooth mechanisms under hard interventions, tested.

    order           that keeps all that is known
    reversed_pairs  pair → by how many standard errors of held-out losses the best order with it reversed fits worse
    shares          (position, position) of the edges, ``[i, j]`` for j → i, as
                    :func:`crlspec.inference.likelihood.edge_tests.absent_edge_tests` gives them, and their p-values
    samples         that these are from
    """
    found = [
        precedence(knowledge, *pair, float(ndtr(min(z, 0.0))), f"{max(-z, 0.0):.1f} standard errors")
        for pair, z in reversed_pairs.items()
    ]
    place = {k: position for position, k in enumerate(order)}
    least = thresholds.negligible**2 / (1 + thresholds.negligible**2)
    for cause, effect in np.argwhere(knowledge.absent | knowledge.edges).tolist():
        i, j = place[effect], place[cause]
        if j > i:
            found += [absence(knowledge, cause, effect, 1.0, 0.0)] if knowledge.absent[cause, effect] else []
            continue
        share, p_value = float(shares[i, j]), float(p_values[i, j])
        if knowledge.absent[cause, effect]:
            found.append(absence(knowledge, cause, effect, p_value, (share / max(1 - share, 1e-12)) ** 0.5))
            continue
        less = 1.0 if p_value < alpha else float(chndtr(samples * share, i + 2, samples * least))
        found.append(presence(knowledge, cause, effect, less, share, least))
    return found
