"""Whether an environment differs from another one by one mechanism: the rank of the difference of two precisions.

A mechanism of a linear SCM contributes h hᵀ to the precision matrix, h its row (e_i − b)/σ. To change one mechanism
changes the precision by h'h'ᵀ − h hᵀ: one positive and one negative eigenvalue at most. In generalised eigenvalues of
the two covariances: at most one above one and at most one below.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, fdtrc

from crlspec.inference.check import Check, chance
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import Relative, box, relative
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["check_one_target", "one_mechanism", "pairwise"]


def one_mechanism(
    found: Relative,
    gap: np.ndarray,
    counts: tuple[float, float],
    clear: float = DesignThresholds.both_ways,
) -> float:
    """p-value of "two Gaussian environments differ by one mechanism".

    gap     (component,) difference of their means
    counts  samples of the two
    clear   level at which both directions of a change have to be seen before means are tested along the others

    The least of three tests, times three. (a) The n − 2 eigenvalues nearest to one are one: the likelihood ratio
    (Rao, in Multivariate Analysis VI, 1983) is χ² with (n − 2)(n − 1)/2 degrees of freedom where the two others
    are far from one, and smaller where they are not. (b) The same with the signs: all but the largest above and
    the least below one, held against χ² with n(n − 1)/2, which also bounds changes of rank one. (c) Where two
    directions have clearly changed, means are the same along all others (χ² with n − 2, the error of the
    directions included).
    """
    n = len(found.values)
    tests = [1.0]
    if n > 2 and (factor := box(found.one - 2, found.other - 2, n - 2)) > 0.5:
        tests.append(float(chdtrc((n - 2) * (n - 1) / 2, factor * found.costs[2:].sum())))
        tests.append(_means(found, gap, counts, clear))
    if n > 1 and (factor := box(found.one - 1, found.other - 1, n - 1)) > 0.5:
        left = found.costs.sum()
        for side in (found.values > 1, found.values < 1):
            left -= found.costs[side].max(initial=0.0)
        tests.append(float(chdtrc(n * (n - 1) / 2, factor * max(left, 0.0))))
    return min(1.0, 3 * min(tests))


def _means(found: Relative, gap: np.ndarray, counts: tuple[float, float], clear: float) -> float:
    n = len(found.values)
    if chdtrc(n * (n + 1) / 2, found.costs[1]) > clear:
        return 1.0
    along = found.rows @ gap
    one, other = counts
    away, others = slice(0, 2), slice(2, None)
    turned = (found.values[away] / found.other + 1 / found.one) * (
        along[away] / (found.values[away] - 1)
    ) ** 2
    error = 1 / one + found.values[others] / other + turned.sum()
    # Hotelling's statistic is larger than χ² where samples are few: its F instead, at the lesser of the two sizes.
    squares = float((along[others] ** 2 / error).sum())
    free = min(found.one, found.other)
    if free <= n:
        return 1.0
    return float(fdtrc(n - 2, free - n + 3, squares * (free - n + 3) / ((n - 2) * free)))


def pairwise(moments: Moments, clear: float) -> np.ndarray:
    """(environment, environment) p-values of "these two differ by one mechanism"; one on the diagonal."""
    count = len(moments.names)
    found = np.ones((count, count))
    for a in range(count):
        for b in range(a + 1, count):
            found[a, b] = found[b, a] = compare(moments, a, b, clear)[0]
    return found


def compare(moments: Moments, a: int, b: int, clear: float) -> tuple[float, Relative]:
    """The p-value of one mechanism between two environments, and the eigenvalues it comes from."""
    counts = moments.counts
    if a == 0:
        found = moments.changes[b]
    else:
        found = relative(moments.covariances[a], moments.covariances[b], counts[a] - 1, counts[b] - 1)
    gap = moments.means[b] - moments.means[a]
    return one_mechanism(found, gap, (float(counts[a]), float(counts[b])), clear), found


def check_one_target(
    moments: Moments, alpha: float, limits: DesignThresholds, fits: str | None = None
) -> list[Check]:
    """Names environments that differ from the control by more than one mechanism; alpha for all of them together.

    fits  the environment that would do as control, if one does
    """
    checks, control = [], moments.names[0]
    also = () if fits is None else (fits,)
    other = (
        "" if fits is None else f" Or '{fits}' is the control: from it, all others differ by one mechanism."
    )
    level = alpha / max(len(moments.names) - 1, 1)
    for e, name in enumerate(moments.names[1:], start=1):
        p_value, found = compare(moments, 0, e, limits.both_ways)
        if p_value >= level:
            continue
        checks.append(
            Check(
                "one-target", "refuted", p_value, level,
                f"Environment '{name}' differs from the control '{control}' by more than one mechanism "
                f"({chance(p_value)}). {_told(found, limits.along)}",
                f"Declare design: multi-node, or leave '{name}' out.{other}", (name, control, *also),
            )
        )  # fmt: skip
    return checks


def _told(found: Relative, level: float) -> str:
    """What does not fit: directions along which the variance changed, each at this level, or a mean."""
    up, down = ((found.values > 1), (found.values < 1))
    changed = chdtrc(1, found.costs) < level
    if (up & changed).sum() <= 1 and (down & changed).sum() <= 1:
        return "Means changed along other directions than variances did. Sensors that changed would show so, too."
    return (
        f"Directions along which the variance grew: {int((up & changed).sum())}, along which it fell: "
        f"{int((down & changed).sum())}. A single target changes at most one of each; sensors that changed, more."
    )
