"""Linear encoders as starts of latents of images: where a code is nearly linear in one, few numbers tell it well.

Each restart has one, fitted on the half of the images at which it does not begin, so that restarts share no error.
It is taken for a latent where it tells the two environments of that latent nearly as well as the classifier of the
pixels does: it is smooth, and needs no sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.encoders.image_starts import Looked
from crlspec.inference.encoders.linear_starts import leading_components, linear_starts
from crlspec.inference.encoders.log_ratios import LOG_2
from crlspec.inference.encoders.recombine import pair_losses
from crlspec.inference.encoders.structured_ratio import StartingLatents

__all__ = ["linear_where_told"]

AXES = 12
"""Leading components that a direction is sought from."""

ENOUGH = 0.9
"""Share of the contrast of the classifier's start, from which on a linear one is taken: a convention."""


def linear_where_told(
    starts: Sequence[StartingLatents],
    places: Sequence[np.ndarray],
    looked: Looked,
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    even: float,
) -> tuple[list[StartingLatents], np.ndarray]:
    """The starts, some of their latents replaced; and which are, (restart, latent).

    starts, places  as :meth:`Looked.starts` gives them
    samples         (sample, component) of every environment
    even            as of :func:`crlspec.inference.encoders.linear_starts.linear_starts`
    """
    environment = np.repeat(np.arange(len(samples)), [len(one) for one in samples])
    rows = [_rows(samples, looked.found.half, half, pairs, even) for half in (0, 1)]
    halves = np.concatenate(looked.found.half)
    found, taken = [], []
    for (points, begun), place in zip(starts, places, strict=True):
        straight = points @ rows[1 - halves[place[0]]].T
        straight = (straight - straight.mean(0)) / straight.std(0)
        both = [[z[environment[place] == e] for e in range(len(samples))] for z in (straight, begun)]
        told = LOG_2 - pair_losses(both, pairs)
        taken.append(told[0] >= ENOUGH * told[1])
        found.append((points, np.where(taken[-1], straight, begun)))
    return found, np.array(taken)


def _rows(
    samples: Sequence[np.ndarray],
    halves: Sequence[np.ndarray],
    half: int,
    pairs: Sequence[tuple[int, int]],
    even: float,
) -> np.ndarray:
    """(latent, component), fitted on one half of every environment."""
    own = [one[h == half] for one, h in zip(leading_components(samples, True), halves, strict=True)]
    return linear_starts(own, pairs, True, samples[0].shape[1], even, AXES)[1]
