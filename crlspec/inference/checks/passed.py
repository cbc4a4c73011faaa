"""What the tests of a design measured where they have no objection, so that a user sees what was tested."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy.special import chdtr

from crlspec.inference.check import Check
from crlspec.inference.checks.cells import PROBED, Ends
from crlspec.inference.checks.effect import no_effect
from crlspec.inference.checks.heavy_tails import worth
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.one_target import compare
from crlspec.inference.checks.same_target import largest_agreement
from crlspec.inference.checks.sensors import furthest
from crlspec.inference.checks.singular import ranks
from crlspec.inference.checks.two_samples import equality
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["of_moments", "of_rows", "of_table", "of_tails", "of_targets"]


def of_table(samples: Mapping[str, np.ndarray], ends: Ends, limits: DesignThresholds) -> list[Check]:
    """Of single cells and rows; ``samples``: environment → (sample, observed)."""
    far = 0.0
    for name, x in samples.items():
        some, (low, high) = x[:PROBED], ends[name]
        away = np.maximum(high - some.mean(0), some.mean(0) - low)
        far = max(far, float((away / np.maximum(some.std(0), 1e-300)).max()) if len(some) > 1 else 0.0)
    return [
        _passed(
            "outlier",
            far,
            limits.towers,
            "No cell lies so far off that it decides the moments of its column.",
        ),
        _passed(
            "rounded",
            0.0,
            limits.negligible,
            "No column holds values so coarse that rounding counts as noise.",
        ),
        _passed("duplicate-rows", 0.0, limits.duplicates, "No row repeats an earlier one."),
        _passed("shared-rows", 0.0, limits.duplicates, "No two environments share a row."),
    ]


def of_moments(moments: Moments, latents: int, limits: DesignThresholds) -> list[Check]:
    """Of the column space of linear mixings."""
    n = float(moments.size)
    found = [
        _passed(
            "singular",
            float(ranks(moments, limits.singular).min()),
            n,
            "The latents vary in every environment.",
        )
    ]
    if (figure := furthest(moments, latents, limits)) is not None:
        found.append(_passed("sensors", figure, 1.0, "Every environment lies in the space of the control's."))
    return found


def of_rows(p_values: Mapping[str, float], alpha: float) -> Check:
    """Of rows in file order; ``p_values``: environment → of independent ones, ``alpha`` for all together."""
    text = "No row is seen to depend on the rows before it."
    return _passed("rows-independent", min(p_values.values()), alpha / len(p_values), text)


def of_tails(kurtosis: np.ndarray, y: Mapping[str, np.ndarray], limits: DesignThresholds) -> Check:
    """Of fourth moments (environment, component)."""
    sizes = [worth(float(k.max()), len(values)) for k, values in zip(kurtosis, y.values(), strict=True)]
    bounds = [min(limits.settled_rows, limits.settled_share * len(values)) for values in y.values()]
    worst = min(zip(sizes, bounds, strict=True), key=lambda pair: pair[0] / pair[1])
    return _passed(
        "heavy-tails", *worst, "Second moments are known as well as those of that many normal rows."
    )


def of_targets(
    moments: Moments, alpha: float, names: set[str], limits: DesignThresholds, noise: np.ndarray | None
) -> list[Check]:
    """Of what environments change, each of the tests named.

    alpha  level of the test of one target, all environments together
    noise  p-values of "noise alone changed"; None where that was not tested
    """
    others = range(1, len(moments.names))
    found = []
    if "copied-environments" in names:
        free = moments.size * (moments.size + 3) / 2
        pairs = combinations(range(len(moments.names)), 2)
        least = min((float(chdtr(free, max(equality(moments, a, b), 0.0))) for a, b in pairs), default=1.0)
        found.append(
            _passed("copied-environments", least, limits.copies, "No environment is a copy of another.")
        )
    if "effect" in names:
        p_value = float(no_effect(moments).max(initial=0.0))
        text = "Every environment is told from the control."
        found.append(_passed("effect", min(p_value, limits.effect), limits.effect, text))
    if "one-target" in names:
        p_value = min((compare(moments, 0, e, limits.both_ways)[0] for e in others), default=1.0)
        text = "Every environment differs from the control by one mechanism, as far as the data show."
        found.append(_passed("one-target", p_value, alpha / max(len(others), 1), text))
    if "same-target" in names:
        text = "No two environments change the same mechanism, as far as the data show."
        found.append(_passed("same-target", largest_agreement(moments, limits), limits.same, text))
    if noise is not None:
        text = "Some environment changes more than the place and size of noise."
        found.append(_passed("mechanism-changed", float(noise.min()), limits.mechanism / len(noise), text))
    return found


def _passed(name: str, figure: float, bound: float, text: str) -> Check:
    return Check(name, "passed", figure, bound, text)
