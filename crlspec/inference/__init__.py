"""Estimators: from a Problem and its score differences to latents, mixing and graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec.inference.baselines import Baseline
    from crlspec.inference.contrastive import Contrastive
    from crlspec.inference.gscale import GScaleI
    from crlspec.inference.lscale import LScaleI
    from crlspec.inference.umni import UmniCrl
    from crlspec.numerics.checkpoints import TrainingContext

__all__ = ["estimator_for"]


def estimator_for(
    declared: Any, context: TrainingContext | None = None
) -> LScaleI | UmniCrl | GScaleI | Contrastive | Baseline:
    """The estimator that a spec's ``estimator:`` slot declares, its networks trained at a place.

    Raises ValueError for an unknown kind.
    """
    from crlspec.numerics.checkpoints import HERE

    context = context or HERE
    if declared.kind in ("ica", "pca"):
        from crlspec.inference.baselines import Baseline

        return Baseline(declared.kind)
    if declared.kind == "contrastive":
        from crlspec.inference.contrastive import Contrastive

        return Contrastive(declared.alpha, declared.refine, declared.restarts, context)
    if declared.kind == "umni-crl":
        from crlspec.inference.umni import UmniCrl

        return UmniCrl(declared.variant, declared.alpha, declared.refine)
    if declared.kind == "gscale-i":
        from crlspec.inference.gscale import GScaleI

        return GScaleI(declared.alpha, declared.restarts, declared.steps, declared.loss, context)
    if declared.kind != "lscale-i":
        known = "lscale-i, umni-crl, gscale-i, contrastive, ica and pca"
        raise ValueError(f"unknown estimator {declared.kind!r}; there are {known}")
    from crlspec.inference.lscale import LScaleI

    return LScaleI(declared.variant, declared.alpha, declared.refine)
