"""Whether soft interventions change how latents depend on their parents, or the place and size of noise alone.

Where all mechanisms keep their weights, x = G (I − A)⁻¹ (ε + c e_i) is also a model without edges, and nothing of the
graph can be told: its latents are the noise terms. Such a mechanism keeps its row h of the unmixing, so precisions
differ by a multiple of h hᵀ, one eigenvalue, and means by a multiple of one direction. Several of them at once leave
covariances that one change of coordinates makes diagonal together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import Relative, box
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.numerics.joint_diagonal import joint_diagonal
from crlspec.numerics.statistics import curvature_p_value

__all__ = ["check_mechanism_changed", "edgeless", "noise_alone", "noise_p_values"]


def noise_alone(found: Relative) -> float:
    """p-value of "all generalised eigenvalues but one are one", in two Gaussian environments.

    The likelihood ratio of the n − 1 nearest to one (Rao, in Multivariate Analysis VI, 1983) is χ² with n(n − 1)/2
    degrees of freedom where the other is far from one, and smaller where it is not.
    """
    n = len(found.values)
    factor = box(found.one - 1, found.other - 1, n - 1)
    if n < 2 or factor <= 0.5:
        return 1.0
    return float(chdtrc(n * (n - 1) / 2, factor * found.costs[1:].sum()))


def edgeless(moments: Moments, curved: float = 0.0) -> float:
    """p-value of "one model without edges holds in all environments", however many targets they have.

    The likelihood ratio of covariances that one change of coordinates makes diagonal together is χ² for independent
    components of any distribution, since their correlations have variance 1/N.

    curved  where the components depend on each other beyond correlations, with a p-value below this, that is the
            answer: latents may be uncorrelated with their parents
    """
    n, count = moments.size, len(moments.names)
    free = (count - 2) * n * (n - 1) / 2
    if free <= 0:
        return 1.0
    found = [joint_diagonal(moments.covariances, moments.counts - 1, one.rows) for one in moments.changes[1:]]
    least = min(found, key=lambda one: one.loss)
    p_value = float(chdtrc(free, least.loss))
    dependent = _independent(moments, least.rows) if curved else 1.0
    return dependent if dependent < curved else p_value


def _independent(moments: Moments, rows: np.ndarray) -> float:
    """p-value of components none of which, and none of whose squares, is a polynomial of the others in any
    environment, beyond a linear one."""
    least, n = 1.0, len(rows)
    for y in moments.y.values():
        components = (y - y.mean(0)) @ rows.T
        for i in range(n):
            one, others = components[:, [i]], np.delete(components, i, axis=1)
            least = min(least, curvature_p_value(np.hstack([one, one**2]), others))
    return min(1.0, least * n * len(moments.names))


def noise_p_values(moments: Moments, several: bool, curved: float = 0.0) -> np.ndarray:
    """p-values of "noise alone changed": of each environment, of all together where they have ``several`` targets or
    the samples are not normal (``curved``, see :func:`edgeless`)."""
    if several or curved:
        return np.array([edgeless(moments, curved)])
    return np.array([noise_alone(found) for found in moments.changes[1:]])


def check_mechanism_changed(
    names: Sequence[str], p_values: np.ndarray, alpha: float = DesignThresholds.mechanism
) -> list[Check]:
    """Undecided where no environment changes more than the noise of its targets.

    names     of the environments
    p_values  as :func:`noise_p_values` gives them
    alpha     the probability that it passes though none does: the level of the tests, all environments together

    A single root changes its noise alone, and so one environment that changes more is enough to pass.
    """
    least, level = float(p_values.min()), alpha / len(p_values)
    if least < level:
        return []
    return [
        Check(
            "mechanism-changed", "undecided", least, level,
            f"The environments {listed(names)} only shift or rescale their targets, as far as the data show "
            f"({chance(least)}). A model without edges fits as well.",
            "Give more samples, or interventions that change how a latent depends on its parents. If these only "
            "shift or rescale, say changes: shift or changes: scale.", tuple(names),
        )
    ]  # fmt: skip
