"""Environments in which the latents span fewer dimensions than there are latents."""

from __future__ import annotations

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.inference.checks.moments import Moments

__all__ = ["check_singular", "ranks"]


def ranks(moments: Moments, rounding: float) -> np.ndarray:
    """(environment,) dimensions that the white coordinates of each environment span.

    rounding  share of the pooled variance below which that of a direction is rounding
    """
    values = np.linalg.eigvalsh(moments.covariances)
    return np.asarray((values > rounding * values[:, -1:].clip(min=1.0)).sum(1))


def check_singular(moments: Moments, rounding: float) -> list[Check]:
    """Names the environments whose covariance is singular though the pooled one is not.

    In all of them, some latent is a function of the others; in some of them, a latent is fixed there.
    """
    found = ranks(moments, rounding)
    few, least, n = found < moments.size, int(found.min()), moments.size
    if not few.any():
        return []
    names = tuple(name for name, short in zip(moments.names, few, strict=True) if short)
    if few.all() or few[0]:
        where = "every environment" if few.all() else f"environment{'s' * (len(names) > 1)} {listed(names)}"
        return [
            Check(
                "dependent-latents", "refuted", float(least), float(n),
                f"The observations of {where} span {least} dimension{'s' * (least != 1)}, fewer than "
                f"the {n} latents. Some latent is an exact function of the others where no intervention targets it.",
                "Declare one latent fewer, or give data in which every latent has noise of its own.",
                () if few.all() else names,
            )
        ]  # fmt: skip
    return [
        Check(
            "fixed-latent", "refuted", float(found[e]), float(n),
            f"The observations of environment '{moments.names[e]}' span {found[e]} "
            f"dimension{'s' * int(found[e] != 1)}, fewer than the {n} latents. A latent is fixed to one value "
            "there, so it has no density.",
            "Give an environment in which the latent still varies, or leave this one out.", (moments.names[e],),
        )
        for e in np.flatnonzero(few)
    ]  # fmt: skip
