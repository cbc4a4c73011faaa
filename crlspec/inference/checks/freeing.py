"""Which one assumption, given up, would mend a model that does not fit."""

from __future__ import annotations

from collections.abc import Mapping

from scipy.special import chdtrc

from crlspec.inference.thresholds import LinearThresholds

__all__ = ["most_freeing"]


def most_freeing(
    statistic: float, gains: Mapping[str, tuple[float, int]], thresholds: LinearThresholds
) -> str | None:
    """A sentence on the assumption that explains most of a misfit, or None where none explains anything.

    statistic  of the goodness of fit
    gains      what is freed, such as "the mechanism of z2 in 'e3'" → by how much the statistic falls, and how many
               parameters more that takes
    """
    chances = {
        what: float(chdtrc(max(parameters, 1), max(gain, 0.0))) for what, (gain, parameters) in gains.items()
    }
    real = [what for what, chance in chances.items() if chance * len(chances) < thresholds.misfit]
    if not real:
        return None
    best = max(real, key=lambda what: gains[what][0] - 2 * gains[what][1])
    gain = gains[best][0]
    if gain < thresholds.freeing * statistic:
        return f"No single change explains the misfit: freeing {best} removes {gain / statistic:.0%} of it."
    return f"Freeing {best} removes {min(gain / statistic, 1):.0%} of the misfit."
