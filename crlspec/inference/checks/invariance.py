"""Whether mechanisms stay as they are in environments that do not target them, of latents of any distribution."""

from __future__ import annotations

from scipy.special import chdtrc, chdtri

from crlspec.inference.check import Check, chance
from crlspec.inference.thresholds import LscaleThresholds

__all__ = ["check_invariance"]


def check_invariance(overall: float, freedom: int, thresholds: LscaleThresholds) -> Check:
    """The check ``invariance``, a goodness of fit: the test of overidentifying restrictions (Hansen, Econometrica
    1982) of the best causal order, of all moments that a single-node design leaves unchanged.

    overall  χ² over its degrees of freedom
    freedom  those degrees of freedom

    An order that is the best of many that all misfit is no answer, however far the others are behind: their χ² grow
    with the misfit as well. No environment is named, since a nesting that is fitted to moments which contradict each
    other spreads the misfit over all of them.
    """
    p_value = float(chdtrc(freedom, freedom * overall / thresholds.granted))
    bound = float(thresholds.granted * chdtri(freedom, thresholds.unchanged) / freedom)
    if overall <= bound:
        return Check(
            "invariance", "passed", overall, bound,
            "Mechanisms stay as they are in environments that do not target them, as far as the data show.",
        )  # fmt: skip
    return Check(
        "invariance", "undecided", overall, bound,
        "Under every order that was tried, mechanisms change in environments that do not target them "
        f"({chance(p_value)}). So some environment has more than one target, or the rows of an environment follow "
        "more than one law.",
        "Look at the targets, the sensors and the control, and at a drift within environments. A hidden common cause "
        "of latents gives such a misfit too.",
    )  # fmt: skip
