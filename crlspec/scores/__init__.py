"""Score differences between environments, from several sources behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from crlspec.scores.base import ScoreDifference

__all__ = ["scores_for"]


def scores_for(
    declared: Any, exact: Callable[[str, np.ndarray], np.ndarray] | None = None, device: str = "cpu"
) -> ScoreDifference:
    """The estimator that a spec's ``scores:`` slot declares.

    declared  an object with ``kind``: auto, exact, gaussian, kernel, ratio or sliced
    exact     (environment, x) → true d_x; needed for ``kind: exact`` alone

    Raises ValueError for an unknown kind, or for exact scores without an oracle.
    """
    from crlspec.scores.auto import AutoScores
    from crlspec.scores.exact import ExactScores
    from crlspec.scores.gaussian import GaussianScores
    from crlspec.scores.kernel import KernelScores
    from crlspec.scores.ratio import RatioScores
    from crlspec.scores.sliced import SlicedScores

    if declared.kind == "exact":
        if exact is None:
            raise ValueError("exact scores need an oracle of the true score differences")
        return ExactScores(exact)
    kinds: dict[str, Callable[[], ScoreDifference]] = {
        "auto": lambda: AutoScores(device=device),
        "gaussian": GaussianScores,
        "ratio": lambda: RatioScores(device=device),
        "sliced": lambda: SlicedScores(device=device),
        "kernel": lambda: KernelScores(device=device),
    }
    if declared.kind not in kinds:
        raise ValueError(f"unknown scores {declared.kind!r}; there are exact, {', '.join(kinds)}")
    return kinds[declared.kind]()
