"""The nested coordinates of a fitted causal order, moved a little: what tests of its mechanisms are functions of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood

__all__ = ["CLIP", "Nesting", "less_regression", "slope", "smooth_functions"]

CLIP = 4.0  # standard deviations of residuals: moments stay bounded, so that means are near normal
TAIL = 8.0  # the same for the coordinates that residuals are regressed on
KINKS = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0)
FEW = 2000  # samples of an environment that derivatives are taken on
WIDTH = 0.02  # of their differences


class Nesting:
    """Coordinates and residuals of a model of one candidate order, as a function of a relative change of the nesting.

    The nesting is known up to sampling error alone, so tests move it to where what they test agrees best.

    reference  (sample, component) that gives the scales of coordinates and residuals
    """

    def __init__(self, model: FlexibleLikelihood, reference: Tensor) -> None:
        self.model, self.n = model, model.shape[1]
        self.upper = torch.triu_indices(self.n, self.n, 1, device=reference.device)
        self.basis = model.coordinates()[0].detach()
        u, residuals = self._raw(self.start(reference), reference)
        self.scales = u.std(0), [one.std(0) for one in residuals]

    def start(self, like: Tensor) -> Tensor:
        """No change (parameter,): one entry for each pair of positions."""
        return like.new_zeros(self.upper.shape[1])

    def at(self, change: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of y (sample, component), each (sample, position), float64, in deviations of the reference: coordinates,
        and what mechanisms leave of them, the unchanged ones and those that interventions put in their place."""
        u, (kept, changed) = self._raw(change, y)
        return (
            (u / self.scales[0]).clamp(-TAIL, TAIL).double(),
            (kept / self.scales[1][0]).clamp(-CLIP, CLIP).double(),
            (changed / self.scales[1][1]).clamp(-CLIP, CLIP).double(),
        )

    def _raw(self, change: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
        moved = y.new_zeros(self.n, self.n).index_put((self.upper[0], self.upper[1]), change.to(y))
        with torch.no_grad():
            eye = torch.eye(self.n, dtype=y.dtype, device=y.device)
            u = y @ ((eye + moved) @ self.basis).T
            return u, [one[0].T for one in self.model.terms(u[None])]


def slope(means: Callable[[Tensor, list[Tensor]], Tensor], change: Tensor, samples: list[Tensor]) -> Tensor:
    """Derivatives (moment, parameter) by forward differences, on the first samples of each environment.

    means  change, (sample, component) of each environment → moments
    """
    few = [y[:FEW] for y in samples]
    here = means(change, few)
    units = torch.eye(len(change), dtype=change.dtype, device=change.device)
    return torch.stack([(means(change + WIDTH * unit, few) - here) / WIDTH for unit in units], 1)


def smooth_functions(u: Tensor) -> Tensor:
    """(sample, function): cubic polynomials and kinks of each column of u, products of pairs to third order."""
    first, second = torch.triu_indices(u.shape[1], u.shape[1], 1, device=u.device)
    a, b = u[:, first], u[:, second]
    kinks = [(u - at).abs() for at in KINKS]
    return torch.cat(
        [u.new_ones(len(u), 1), u, u**2, u**3, *kinks, a * b, a * a * b, a * b * b, (a * b).abs()], 1
    )


def less_regression(targets: Tensor, inputs: Tensor) -> Tensor:
    """Residuals (sample, target) of the least-squares regression on the inputs (sample, input)."""
    inputs = inputs / inputs.norm(dim=0)
    normal = inputs.T @ inputs + 1e-10 * torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    return targets - inputs @ torch.linalg.solve(normal, inputs.T @ targets)
