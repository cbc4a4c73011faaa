"""Functions depend on the variables that they say they do, and on no others."""

from __future__ import annotations

import numpy as np
import torch

from crlspec.numerics.smooth_basis import SmoothBasis


def test_functions_depend_on_their_variables_alone() -> None:
    z = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    basis = SmoothBasis(z)
    for a in range(4):
        moved = z.clone()
        moved[:, a] += 1
        changed = (basis(moved) - basis(z)).abs().amax(0) > 1e-5
        np.testing.assert_array_equal(changed.numpy(), basis.support[:, a])


def test_functions_of_one_variable() -> None:
    z = torch.linspace(-2, 2, 9)[:, None]
    values = SmoothBasis(z)(z)
    assert values.shape == (9, 4)
    np.testing.assert_allclose(values[:, 0], 1)
    np.testing.assert_allclose(values[:, 1], z[:, 0])


def test_many_variables_have_no_products_of_three() -> None:
    assert SmoothBasis(torch.eye(6)).support.sum(1).max() == 2
