"""Whether mechanisms are what a design says they are in every environment, of latents of any distribution."""

from __future__ import annotations

from scipy.special import chdtrc, chdtri

from crlspec.inference.check import Check, chance
from crlspec.inference.thresholds import LinearThresholds

__all__ = ["check_invariance", "check_shared"]


LOOK = (
    "Look at the targets, the sensors and the control, and at a drift within environments. A hidden common cause of "
    "latents gives such a misfit too."
)


def check_invariance(overall: float, freedom: int, thresholds: LinearThresholds) -> Check:
    """The check ``invariance``, a goodness of fit: the test of overidentifying restrictions (Hansen, Econometrica
    1982) of the best causal order, of all moments that a single-node design leaves unchanged.

    overall  χ² over its degrees of freedom
    freedom  those degrees of freedom

    An order that is the best of many that all misfit is no answer, however far the others are behind: their χ² grow
    with the misfit as well. No environment is named, since a nesting that is fitted to moments which contradict each
    other spreads the misfit over all of them.
    """
    bound, p_value = _held_against(overall, freedom, thresholds)
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
        LOOK,
    )  # fmt: skip


def check_shared(overall: float, freedom: int, thresholds: LinearThresholds) -> Check:
    """The check ``shared-mechanisms``: the same of a multi-node design, under which a latent has two mechanisms, one
    in all environments that target it and one in all others."""
    bound, p_value = _held_against(overall, freedom, thresholds)
    if overall <= bound:
        return Check(
            "shared-mechanisms", "passed", overall, bound,
            "Environments share the mechanisms that the targets say they share, as far as the data show.",
        )  # fmt: skip
    return Check(
        "shared-mechanisms", "undecided", overall, bound,
        f"Environments that should share a mechanism do not ({chance(p_value)}). So targets are missing or too many, "
        "a latent has more than two mechanisms, or the rows of an environment follow more than one law.",
        LOOK,
    )  # fmt: skip


def _held_against(overall: float, freedom: int, thresholds: LinearThresholds) -> tuple[float, float]:
    """The bound of χ² over its degrees of freedom, and its p-value, with what is granted to networks taken off."""
    p_value = float(chdtrc(freedom, freedom * overall / thresholds.granted))
    return float(thresholds.granted * chdtri(freedom, thresholds.unchanged) / freedom), p_value
