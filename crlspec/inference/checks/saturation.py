"""Observations at the limits of a link, or of what their sensors or files can hold: their arguments are not known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.links import Link

__all__ = ["check_saturation", "limits", "unsaturated"]


def limits(samples: Mapping[str, np.ndarray]) -> np.ndarray:
    """(2, observed): the least and the greatest value of each variable, where values were cut off at them; else ∓∞.

    That is the extreme value of an environment's variable, or in size of all of them, that stands there more than
    once, and more often than the next one does: values of continuous variables differ, and rounded ones repeat
    everywhere.

    samples  environment → (sample, observed), finite
    """
    high = np.min([_cut(x) for x in samples.values()], axis=0)
    low = -np.min([_cut(-x) for x in samples.values()], axis=0)
    sizes = np.concatenate([np.abs(x).ravel() for x in samples.values()])
    common = _cut(sizes[:, None])[0]
    return np.stack([np.maximum(low, -common), np.minimum(high, common)])


def _cut(values: np.ndarray) -> np.ndarray:
    """(observed,) the value at which the greatest of each column of (sample, observed) were cut off, or ∞."""
    most = values.max(0)
    times = (values == most).sum(0)
    rest = np.where(values < most, values, -np.inf)
    others = np.isfinite(rest).any(0)  # a column in which nothing varies has no limits
    times_next = np.where(others, (rest == rest.max(0)).sum(0), len(values))
    return np.where((times > 1) & (times > 1 + times_next), most, np.inf)


def unsaturated(samples: Mapping[str, np.ndarray], link: Link) -> dict[str, np.ndarray]:
    """environment → bool (sample,): rows none of whose values is at its limit.

    Limits are those of all environments together: what is left are the same latents everywhere, so that log ratios
    of environments are what they were, up to a constant.
    """
    low, high = limits(samples)
    return {name: ~((x <= low) | (x >= high) | link.saturated(x)).any(axis=1) for name, x in samples.items()}


def check_saturation(
    kept: Mapping[str, np.ndarray], link: str, bound: float = GscaleThresholds.saturated
) -> Check:
    """The check ``saturation``: how many rows :func:`unsaturated` leaves out, and whether that is few.

    bound  share of an environment's rows up to which that moves distributions of latents by little
    """
    shares = {name: 1 - float(rows.mean()) for name, rows in kept.items()}
    dropped, total = sum(int((~rows).sum()) for rows in kept.values()), sum(map(len, kept.values()))
    worst = max(shares, key=lambda name: shares[name])
    if dropped == 0:
        return Check("saturation", "passed", 0.0, bound, f"No row saturates the link {link}.")
    told = f"{dropped / total:.2g}" if dropped / total < 1e-3 else f"{dropped / total:.1%}"
    text = f"{told} of the rows saturate the link {link} and were left out"
    if shares[worst] <= bound:
        return Check(
            "saturation",
            "note",
            shares[worst],
            bound,
            f"{text}; in '{worst}' {shares[worst]:.1%}.",
            None,
            (worst,),
        )
    many = tuple(name for name in shares if shares[name] > bound)
    return Check(
        "saturation", "undecided", shares[worst], bound,
        f"{text}, in {listed(many)} up to {shares[worst]:.1%}. Latents are extreme in such rows, so that "
        "those that are left follow other distributions, and depend on each other.",
        "Measure over a wider range, or leave out the variables that saturate.", many,
    )  # fmt: skip
