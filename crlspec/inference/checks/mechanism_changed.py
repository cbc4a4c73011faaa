"""Whether soft interventions change how latents depend on their parents, or the place and size of noise alone.

Where a mechanism keeps its weights, its row h of the unmixing is the same in both environments: precisions differ by
a multiple of h hᵀ, one eigenvalue, and means by a multiple of one direction. x = G (I − A)⁻¹ (ε + c e_i) is then also
a model without edges, and nothing of the graph can be told.
"""

from __future__ import annotations

from scipy.special import chdtrc

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import Relative, box
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["check_mechanism_changed", "noise_alone"]


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


def check_mechanism_changed(moments: Moments, alpha: float = DesignThresholds.mechanism) -> list[Check]:
    """Undecided where no environment changes more than the noise of one latent.

    alpha  the probability that it passes though none does: the level of the tests, all environments together

    A single root changes its noise alone, and so one environment that changes more is enough to pass.
    """
    names = moments.names[1:]
    if moments.size < 2:
        return []
    p_values = [noise_alone(found) for found in moments.changes[1:]]
    least, level = min(p_values), alpha / max(len(p_values), 1)
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
