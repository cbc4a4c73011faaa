"""Estimators: from a Problem and its score differences to latents, mixing and graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec.inference.baselines import Baseline
    from crlspec.inference.lscale import LScaleI
    from crlspec.inference.umni import UmniCrl

__all__ = ["estimator_for"]


def estimator_for(declared: Any) -> LScaleI | UmniCrl | Baseline:
    """The estimator that a spec's ``estimator:`` slot declares. Raises ValueError for an unknown kind."""
    if declared.kind in ("ica", "pca"):
        from crlspec.inference.baselines import Baseline

        return Baseline(declared.kind)
    if declared.kind == "umni-crl":
        from crlspec.inference.umni import UmniCrl

        return UmniCrl(declared.variant, declared.alpha, declared.refine)
    if declared.kind != "lscale-i":
        raise ValueError(f"unknown estimator {declared.kind!r}; there are lscale-i, umni-crl, ica and pca")
    from crlspec.inference.lscale import LScaleI

    return LScaleI(declared.variant, declared.alpha, declared.refine)
