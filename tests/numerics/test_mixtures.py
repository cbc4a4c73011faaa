"""Mixtures: densities in closed form, and derivatives that are theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from crlspec.numerics.mixtures import GaussianMixture, either


def test_mixtures_agree_with_scipy() -> None:
    mixture = GaussianMixture((2,), 3).double()
    with torch.no_grad():
        mixture.logits.copy_(torch.tensor([[0.0, 1.0, -1.0], [0.5, 0.0, 0.0]]))
        mixture.means.copy_(torch.tensor([[-1.0, 0.0, 2.0], [0.0, 1.0, -3.0]]))
    values = torch.linspace(-4, 4, 9, dtype=torch.float64).expand(2, 9)
    found = mixture(values).detach().numpy()
    for k in range(2):
        weights = np.exp(mixture.logits[k].detach().numpy())
        means, scales = mixture.means[k].detach().numpy(), mixture.log_scales[k].exp().detach().numpy()
        density = stats.norm.pdf(values[k].numpy()[:, None], means, scales) @ (weights / weights.sum())
        np.testing.assert_allclose(found[k], np.log(density), rtol=1e-6)


@pytest.mark.parametrize("frozen", [False, True])
def test_derivatives_are_those_of_differences(frozen: bool) -> None:
    """Of values under one mixture and of values under another, in these and in the parameters of both."""
    generator = torch.Generator().manual_seed(0)
    mixtures = [GaussianMixture((2, 3)).double() for _ in range(2)]
    parameters = [p for mixture in mixtures for p in mixture.parameters()]
    for parameter in parameters:
        parameter.data.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        parameter.requires_grad_(not frozen)
    values = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    first = torch.rand(2, 3, 5, generator=generator) < 0.4

    def density(values: Tensor, *_: Tensor) -> Tensor:
        return either(*mixtures, values, first)

    expected = torch.where(first, mixtures[0](values), mixtures[1](values))
    torch.testing.assert_close(density(values), expected)
    assert torch.autograd.gradcheck(density, (values, *parameters))


def test_values_far_out_have_a_finite_density_and_slope() -> None:
    values = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    found = GaussianMixture((1,))(values)
    (slope,) = torch.autograd.grad(found.sum(), values)
    assert torch.isfinite(found).all() and torch.isfinite(slope).all() and slope[0, 0] > 0 > slope[0, 1]
