"""Pairs of environments that change one and the same mechanism, where each was declared to have a target of its own.

Encoder rows of a changed mechanism span the generalised eigenvectors with λ ≠ 1 of an environment against the
control. Environments of different targets span different rows, whichever the graph: the later target's own row is
in no span of the earlier one's. Two hard environments of one latent span the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.check import Check
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import equality, equality_p_value
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["check_alike", "check_same_target", "largest_agreement"]


@dataclass(frozen=True)
class _Change:
    """What an environment changed against the control, in coordinates in which the control's covariance is I.

    span     (direction, component) two orthonormal directions at most, the clearest first
    errors   (direction,) squared standard error of each
    clear    how many of them have clearly changed
    shift    (component,) unit direction of Θ Δμ, and its squared error
    moved    whether means have clearly changed
    shifted  whether they have, and nothing else has
    """

    span: np.ndarray
    errors: np.ndarray
    clear: int
    shift: np.ndarray
    error: float
    moved: bool
    shifted: bool


def check_same_target(
    moments: Moments, declared: Iterable[frozenset[str]], limits: DesignThresholds
) -> list[Check]:
    """One check a pair of environments that change one mechanism.

    declared  pairs of environments that are said to share a target, and are left out
    """
    left_out, checks = set(declared), []
    changes = [_change(moments, e, limits) for e in range(1, len(moments.names))]
    for a, b in combinations(range(len(changes)), 2):
        one, other = moments.names[a + 1], moments.names[b + 1]
        if frozenset((one, other)) in left_out:
            continue
        figure = _agreement(changes[a], changes[b], limits)
        if figure < limits.same and not _alike(moments, a + 1, b + 1, limits):
            continue
        checks.append(
            Check(
                "same-target", "refuted", figure if figure >= limits.same else 1.0, limits.same,
                f"Environments '{one}' and '{other}' change the same linear combinations of the observations. So "
                "they have the same target, though each was declared to have its own.",
                f"Declare design: multi-node, or leave '{one}' or '{other}' out.", (one, other),
            )
        )  # fmt: skip
    return checks


def largest_agreement(moments: Moments, limits: DesignThresholds) -> float:
    """Over all pairs of environments, the least squared cosine between what they changed; 0 where too little is
    clear."""
    changes = [_change(moments, e, limits) for e in range(1, len(moments.names))]
    return max((_agreement(one, other, limits) for one, other in combinations(changes, 2)), default=0.0)


def check_alike(moments: Moments, needed: int, limits: DesignThresholds) -> list[Check]:
    """Pairs of environments that cannot be told from each other, though both from the control: their targets are the
    same, which a design of several targets allows.

    needed  environments that the design has to have, those that say nothing new left out
    """
    count = len(moments.names)
    pairs = [(a, b) for a, b in combinations(range(1, count), 2) if _alike(moments, a, b, limits)]
    if not pairs:
        return []
    left = count - 1 - len({b for _, b in pairs})
    a, b = pairs[0]
    one, other = moments.names[a], moments.names[b]
    return [
        Check(
            "same-targets", "note" if left >= needed else "undecided", float(left), float(needed),
            f"Environments '{one}' and '{other}' differ from the control, but not from each other. So they have the "
            f"same targets. That leaves {left} environments that differ, and {needed} are needed.",
            f"Leave '{other}' out, or give an environment with other targets.", (one, other),
        )
    ]  # fmt: skip


def _change(moments: Moments, e: int, limits: DesignThresholds) -> _Change:
    control, counts, n = moments.covariances[0], moments.counts, moments.size
    found = moments.changes[e]
    factor = np.linalg.cholesky(control)
    span = found.rows[:2] @ factor  # w S wᵀ = I makes these orthonormal
    values = found.values[:2]
    errors = np.minimum((values / counts[e] + 1 / counts[0]) / np.maximum((values - 1) ** 2, 1e-12), 1.0)
    clear = int((chdtrc(n, found.costs[:2]) < limits.changed).sum())
    gap = np.linalg.solve(factor, moments.means[e] - moments.means[0])
    size = float(gap @ gap)
    error = min((1 / counts[0] + 1 / counts[e]) / max(size, 1e-300), 1.0)
    covered = chdtrc(n * (n + 1) / 2, found.costs.sum())
    moved = bool(chdtrc(n, size / (1 / counts[0] + 1 / counts[e])) < limits.changed)
    shift = gap / max(size, 1e-300) ** 0.5
    return _Change(span, errors, clear, shift, error, moved, moved and bool(covered > limits.mean_alone))


def _agreement(one: _Change, other: _Change, limits: DesignThresholds) -> float:
    """The least squared cosine between what two environments changed; 0 where too little is clear, or where sampling
    error alone takes more than ``limits.blur`` off it."""
    n = len(one.shift)
    if one.shifted and other.shifted:
        blur, figure = (n - 1) * (one.error + other.error), float((one.shift @ other.shift) ** 2)
        return figure if blur < limits.blur else 0.0
    k, most = min(one.clear, other.clear), max(one.clear, other.clear)
    if k == 0 or most == n:
        return 0.0
    blur = (n - k) * float(one.errors[:k].max() + other.errors[:k].max())
    figure = float(np.linalg.svd(one.span[:k] @ other.span[:k].T, compute_uv=False)[-1] ** 2)
    # A mechanism moves means along what it reads, so that the shift of each lies in the span of both.
    for shift in (change.shift for change in (one, other) if change.moved):
        spans = (change.span[: change.clear] for change in (one, other))
        figure = min(figure, *(float(((span @ shift) ** 2).sum()) for span in spans))
    # Where the second direction of one is not clear, the span of a parent's environment may lie in that of its child.
    return figure if blur < limits.blur and (k == most or figure > limits.leading) else 0.0


def _alike(moments: Moments, a: int, b: int, limits: DesignThresholds) -> bool:
    """Whether two environments cannot be told from each other while each is far from the control."""
    if equality_p_value(moments, a, b) < limits.alike:
        return False
    free = moments.size * (moments.size + 3) / 2
    return min(equality(moments, 0, a), equality(moments, 0, b)) > limits.far * free
