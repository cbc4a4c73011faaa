"""The generalised method of moments with more moments than parameters (Hansen, Econometrica 1982)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["fitted_moments"]

MOST = 0.1  # change of a parameter in one step


def fitted_moments(
    at: Callable[[Tensor], tuple[Tensor, Tensor]],
    slope: Callable[[Tensor], Tensor],
    start: Tensor,
    steps: int = 3,
) -> tuple[Tensor, Tensor]:
    """Moments (moment,) and their covariance (moment, moment) after Gauss–Newton steps to where they agree best.

    at     parameters (parameter,) → moments, which are zero under the model, and their sampling covariance
    slope  parameters → derivatives (moment, parameter)
    start  near the solution: no step changes a parameter by more than .1

    The quadratic form of what is returned is χ² with as many degrees of freedom as moments exceed parameters.
    """
    parameters = start
    for _ in range(steps):
        gaps, covariance = at(parameters)
        derivatives = slope(parameters)
        weighted = torch.linalg.solve(covariance, derivatives)
        normal = derivatives.T @ weighted
        normal = normal + 1e-9 * torch.diag(normal.diagonal() + 1e-12)
        parameters = parameters - torch.linalg.solve(normal, weighted.T @ gaps).clamp(-MOST, MOST)
    return at(parameters)
