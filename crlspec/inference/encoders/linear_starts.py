"""Linear encoders to begin from: of each latent the direction along which its two environments differ.

Quadratic log ratios of many components have more coefficients than samples tell, and cost their number cubed. Behind
a general mixing, where directions are starts and no more, they are fitted in the leading components alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.encoders.log_ratios import (
    LOG_2,
    RankOne,
    even_direction,
    leading_direction,
    one_direction,
    quadratic_ratio,
)

__all__ = ["bent_row", "leading_components", "linear_starts", "straight_row"]

LEADING = 24
"""Principal components, at most, of a quadratic log ratio behind a general mixing: 325 coefficients, where 64 have
2145."""


def leading_components(y: Sequence[np.ndarray], general: bool) -> list[np.ndarray]:
    """The components (sample, component) of every environment in which quadratic log ratios are fitted, of principal
    components in falling order."""
    return [one[:, :LEADING] if general else one for one in y]


def linear_starts(
    y: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    general: bool,
    components: int,
    even: float,
    axes: int = 0,
) -> tuple[list[RankOne], np.ndarray]:
    """Of each latent its log ratio along one direction, and the directions (latent, component).

    y           (sample, component) of every environment
    pairs       for each latent the two environments that intervene on it
    components  of the directions; those that y lacks are 0
    even, axes  as ``share`` and ``axes`` of :func:`bent_row`, for a general mixing
    """
    ratios = [bent_row(y[a], y[b], even, axes) if general else straight_row(y[a], y[b]) for a, b in pairs]
    rows = np.stack([ratio.row for ratio in ratios])
    return ratios, np.pad(rows, ((0, 0), (0, components - rows.shape[1])))


def straight_row(first: np.ndarray, second: np.ndarray) -> RankOne:
    """The one direction along which two environments (sample, component) differ, of unit variance over both."""
    whole = quadratic_ratio(first, second)
    start = leading_direction(whole, np.concatenate([first, second]))
    return one_direction(first, second, start)


def bent_row(first: np.ndarray, second: np.ndarray, share: float, axes: int = 0) -> RankOne:
    """The same where the mixing bends: an even log ratio, if it tells at least a share of what another does; ``axes``
    as of :func:`crlspec.inference.encoders.log_ratios.even_direction`."""
    row, even = straight_row(first, second), even_direction(first, second, axes)
    u, v = first @ row.row, second @ row.row
    free = LOG_2 - quadratic_ratio(u[:, None], v[:, None]).loss
    return even if LOG_2 - even.loss >= share * free else row
