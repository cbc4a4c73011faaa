"""Whether soft interventions change how latents depend on their parents, or the place and size of noise alone.

Where a mechanism keeps its weights, its row h of the unmixing is the same in both environments: precisions differ by
a multiple of h hᵀ, one eigenvalue, and means by a multiple of one direction. x = G (I − A)⁻¹ (ε + c e_i) is then also
a model without edges, and nothing of the graph can be told. Where environments have several targets, the rows of the
unmixing of such a model make the covariances of all of them diagonal together.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import Relative, box
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.numerics.joint_diagonal import joint_diagonal_cost

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


def edgeless(moments: Moments) -> float:
    """p-value of "one model without edges holds in all environments".

    The likelihood ratio of covariances that one change of coordinates makes diagonal together: the least that is
    found from the coordinates of each environment against the control.
    """
    n, count = moments.size, len(moments.names)
    free = (count - 2) * n * (n - 1) / 2
    if free <= 0:
        return 1.0
    starts = (found.rows for found in moments.changes[1:])
    least = min(joint_diagonal_cost(moments.covariances, moments.counts - 1, start) for start in starts)
    return float(chdtrc(free, least))


def noise_p_values(moments: Moments, several: bool) -> np.ndarray:
    """p-values of "noise alone changed": of each environment, of all together where they have ``several`` targets."""
    if several:
        return np.array([edgeless(moments)])
    return np.array([noise_alone(found) for found in moments.changes[1:]])


def check_mechanism_changed(
    moments: Moments, alpha: float = DesignThresholds.mechanism, several: bool = False
) -> list[Check]:
    """Undecided where no environment changes more than the noise of its targets.

    alpha    the probability that it passes though none does: the level of the tests, all environments together
    several  whether an environment may have several targets

    A single root changes its noise alone, and so one environment that changes more is enough to pass.
    """
    names = moments.names[1:]
    if moments.size < 2 or not names:
        return []
    p_values = noise_p_values(moments, several)
    least, level = float(p_values.min()), alpha / len(p_values)
    if least < level:
        return []
    return [
        Check(
            "mechanism-changed", "undecided", least, level,
            f"The environments {listed(names)} only shift or rescale their targets, as far as the data show "
            f"({chance(least)}). A model without edges fits as well.",
            "Give more samples, or interventions that change how a latent depends on its parents. If these only "
            "shift or rescale, say changes: shift or changes: scale.", names,
        )
    ]  # fmt: skip
