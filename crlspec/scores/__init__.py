"""Score differences between environments, from several sources behind one interface.

They are given :class:`~crlspec.scores.base.Coordinates` and give back a :class:`~crlspec.scores.base.ScoreEstimate`.
``declarations`` says what a spec may ask for, ``base`` what every source keeps to, and each source has a file of its
own: ``auto`` chooses between ``gaussian`` and ``ratio``; ``folds`` is shared by those that train.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crlspec.registry import ScoresDeclaration
    from crlspec.scores.base import ScoreDifference

__all__ = ["scores_for"]

Oracle = Callable[[str, np.ndarray], np.ndarray]


def scores_for(
    declared: ScoresDeclaration, gaussian: float, exact: Oracle | None = None, device: str = "cpu"
) -> ScoreDifference:
    """The source of score differences that a spec's ``scores:`` slot declares.

    gaussian  p-value above which latents pass as Gaussian, for those that choose by it
    exact     (environment, x) → true d_x; for those that need the truth alone

    Raises ValueError for scores that need the truth, without an oracle; SpecError where the declaration of a plug-in
    names a class that is no source of scores.
    """
    from crlspec.scores.base import ScoreDifference

    if declared.needs_truth and exact is None:
        raise ValueError(f"{declared.kind} scores need an oracle of the true score differences")
    built: ScoreDifference = declared.built(ScoreDifference, gaussian=gaussian, oracle=exact, device=device)
    return built
