"""Wald tests of the Gaussian likelihood: the information matrix is that of automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crlspec.inference.likelihood.gaussian import fit_order, targeted
from crlspec.inference.likelihood.wald import _point, information_matrix, wald_tests

from .test_gaussian import problem


@pytest.mark.parametrize(("seed", "n", "environments"), [(0, 3, 4), (1, 3, 6), (2, 4, 6)])
def test_the_information_matrix_is_that_of_automatic_differentiation(
    seed: int, n: int, environments: int
) -> None:
    moments, counts, signature = problem(seed, n, environments)
    order = tuple(int(k) for k in np.random.default_rng(seed).permutation(n))
    cut, rows = targeted(order, signature), np.random.default_rng(seed).normal(size=(n, n))
    pooled = np.tensordot(counts * ~cut, moments, 1)
    point = _point(rows, pooled, moments, cut)
    lower = np.tril_indices(n, -1)
    given = [torch.as_tensor(each) for each in (moments, counts, pooled)]
    sizes = [n * n, len(lower[0]), n, len(point.where), len(point.where)]

    def loss(parameters: Tensor) -> Tensor:
        flat, weights, intercepts, means, log_variances = torch.split(parameters, sizes)
        h = flat.reshape(n, n)
        weight = h.new_zeros(n, n).index_put(tuple(map(torch.as_tensor, lower)), weights)
        residual = torch.cat([-intercepts[:, None], (torch.eye(n, dtype=h.dtype) - weight) @ h], 1)
        away = torch.cat([-means[:, None], h[point.where]], 1)
        terms = 0.5 * torch.einsum("pi,pij,pj->", residual, given[2], residual)
        changed = torch.einsum("ti,tij,tj->t", away, given[0][point.environment], away)
        terms = (
            terms
            + 0.5 * (given[1][point.environment] * (changed / log_variances.exp() + log_variances)).sum()
        )
        return terms - given[1].sum() * torch.linalg.slogdet(h)[1]

    parts = [
        point.rows.ravel(), point.weights[lower], point.intercepts, point.means, np.log(point.variances),
    ]  # fmt: skip
    at = torch.as_tensor(np.concatenate(parts))
    expected = torch.autograd.functional.hessian(loss, at, vectorize=True).numpy()
    found = information_matrix(point, pooled, moments, counts)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_scale_of_the_rows_changes_no_test() -> None:
    moments, counts, signature = problem(3, 3, 5)
    fit = fit_order((1, 2, 0), np.eye(3), moments, counts, signature)
    scaled = type(fit)(fit.order, fit.rows * np.array([[3.0], [-0.2], [1.0]]), fit.loss)
    one, other = (wald_tests(each, moments, counts, signature) for each in (fit, scaled))
    np.testing.assert_allclose(one.p_values, other.p_values, rtol=1e-6)
    np.testing.assert_allclose(np.abs(one.strengths), np.abs(other.strengths), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(one.leftovers, other.leftovers, rtol=1e-6, atol=1e-12)
