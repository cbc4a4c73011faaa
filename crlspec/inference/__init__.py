"""Estimators: from a Problem and its score differences to latents, encoder and graph.

At the door stand the estimators, one file a method (``lscale``, ``umni``, ``gscale``, ``contrastive``,
``baselines``), and what they share: ``declarations`` and ``refusals`` (what a spec may ask for, and what is
refused), ``base`` (what an estimator is), ``step`` and ``answer`` (from what it computes to what it gives back),
``status`` and ``estimate`` (what that is). Behind them ``checks`` asks whether the design is what the data show,
``order`` finds the causal order, ``likelihood`` refines linear mixings, ``soft`` serves soft interventions,
``encoders`` learns general mixings, and ``edges`` tests edges of latents that are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crlspec.inference.base import Estimator
    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.registry import EstimatorDeclaration

__all__ = ["estimator_for"]


def estimator_for(declared: EstimatorDeclaration, context: TrainingContext | None = None) -> Estimator:
    """The estimator that a spec's ``estimator:`` slot declares, its networks trained in a context.

    Raises SpecError where the declaration of a plug-in names a class that is no estimator.
    """
    from crlspec.inference.base import Estimator
    from crlspec.numerics.checkpoints import HERE

    built: Estimator = declared.built(Estimator, context=context or HERE)
    return built
