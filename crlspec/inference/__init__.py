"""Estimators: from a Problem and its score differences to latents, mixing and graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec.inference.lscale import LScaleI

__all__ = ["estimator_for"]


def estimator_for(declared: Any) -> LScaleI:
    """The estimator that a spec's ``estimator:`` slot declares. Raises ValueError for an unknown kind."""
    from crlspec.inference.lscale import LScaleI

    if declared.kind != "lscale-i":
        raise ValueError(f"unknown estimator {declared.kind!r}; there is lscale-i")
    return LScaleI(declared.variant, declared.alpha, declared.refine)
