"""Do environments share the mechanisms that a multi-node design says they share?

Under the right targets and causal order a latent has two mechanisms, one where it is targeted and one where it is
not. In nested coordinates u, the conditional distribution of u_i given u_before is then the same in all environments
that target i, and the same in all that do not. So what mechanisms leave of u_i, and its square, must not depend on
the environment within either group, nor on u_before in another way there; as in
:mod:`crlspec.inference.soft.invariance_test` for one target each, by the test of overidentifying restrictions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.soft.nesting import Nesting, less_regression, slope, smooth_functions
from crlspec.numerics.overidentified import fitted_moments
from crlspec.numerics.sample import Sample

__all__ = ["Shared", "shared"]


@dataclass(frozen=True)
class Shared:
    """overall  χ² of all moments over its degrees of freedom: about 1 where mechanisms are shared
    freedom  those degrees of freedom"""

    overall: float
    freedom: int


def shared(model: FlexibleLikelihood, sample: Sample) -> Shared:
    """The test for a fitted model of one candidate order, soft, with targets (1, position, environment)."""
    samples = [sample.y[sample.environment == e] for e in range(model.targets.shape[2])]
    nesting = Nesting(model, samples[0])
    targeted = model.targets[0]
    groups = [
        (i, hit, [e for e in range(len(samples)) if bool(targeted[i, e]) == hit])
        for i in range(nesting.n)
        for hit in (False, True)
    ]
    groups = [(i, hit, group) for i, hit, group in groups if len(group) > 1]

    def products(change: Tensor, samples: list[Tensor]) -> Iterator[Tensor]:
        """(sample, moment) of each group, whose means are zero where it shares a mechanism."""
        found = [nesting.at(change, y) for y in samples]
        for i, hit, group in groups:
            residual = torch.cat([found[e][1 + hit][:, i] for e in group])
            yield _products([found[e][0][:, :i] for e in group], residual)

    def at(change: Tensor) -> tuple[Tensor, Tensor]:
        each = list(products(change, samples))
        total = torch.block_diag(*(one.T @ one / len(one) ** 2 for one in each))
        return torch.cat([one.mean(0) for one in each]), total + 1e-8 * torch.diag(total.diagonal())

    def means(change: Tensor, samples: list[Tensor]) -> Tensor:
        return torch.cat([one.mean(0) for one in products(change, samples)])

    start = nesting.start(sample.y).double()
    gaps, covariance = fitted_moments(at, lambda change: slope(means, change, samples), start)
    freedom = max(len(gaps) - len(start), 1)
    return Shared(float(gaps @ torch.linalg.solve(covariance, gaps)) / freedom, freedom)


def _products(before: list[Tensor], residual: Tensor) -> Tensor:
    """(sample, 2 (environments − 1) (1 + i)): instruments times the residual, and times its square.

    The instruments are 1 and each column of u_before in each environment but the first, less their regression on
    smooth functions of u_before in all of them; so is the residual, so that what networks have left does not matter.
    """
    sizes = [len(one) for one in before]
    everything = torch.cat(before)
    linear = torch.cat([everything.new_ones(len(everything), 1), everything], 1)
    places = torch.arange(len(sizes), device=residual.device).repeat_interleave(
        torch.tensor(sizes, device=residual.device)
    )
    instruments = torch.cat([linear * (places == e).to(linear)[:, None] for e in range(1, len(sizes))], 1)
    count, r = instruments.shape[1], residual[:, None]
    free = less_regression(torch.cat([instruments, r, r**2], 1), smooth_functions(everything))
    return torch.cat([free[:, :count] * free[:, [-2]], free[:, :count] * free[:, [-1]]], 1)
