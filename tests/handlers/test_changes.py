"""shift and scale as distributions: their densities, supports and shapes, and what they refuse."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import constraints

from crlspec.errors import CrlspecError
from crlspec.handlers import scale, shift

POSITIVE = st.floats(0.1, 5)
REAL = st.floats(-5, 5)


@settings(deadline=None, max_examples=50)
@given(REAL, POSITIVE, REAL, POSITIVE)
def test_of_a_normal_they_are_normals(loc, width, amount, factor):
    value = torch.linspace(-6, 6, 7)
    found = scale(factor)(shift(amount)(dist.Normal(loc, width)))
    expected = dist.Normal(loc + amount, width * factor)
    torch.testing.assert_close(found.log_prob(value), expected.log_prob(value), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.variance, expected.variance)


@pytest.mark.parametrize(
    ("base", "location"),
    [
        (dist.Laplace(1.0, 2.0), 1.0),
        (dist.StudentT(4.0, 1.0, 2.0), 1.0),
        (dist.Cauchy(1.0, 2.0), 1.0),
        (dist.Gumbel(1.0, 2.0), 1.0),
        (dist.Logistic(1.0, 2.0), 1.0),
        (dist.Uniform(-1.0, 3.0), 1.0),
    ],
)
def test_scale_acts_about_the_location(base, location):
    wide = scale(3.0)(base)
    value = torch.tensor([-0.7, 0.3, 1.0, 2.9])
    moved = location + 3 * (value - location)
    torch.testing.assert_close(wide.log_prob(moved), base.log_prob(value) - torch.log(torch.tensor(3.0)))
    torch.testing.assert_close(scale(1.0)(base).log_prob(value), base.log_prob(value))


@pytest.mark.parametrize(
    ("base", "lower", "upper"),
    [
        (dist.Gamma(2.0, 1.0), 2.0, None),
        (dist.LogNormal(0.0, 1.0), 2.0, None),
        (dist.HalfCauchy(1.0), 2.0, None),
        (dist.Beta(2.0, 2.0), 2.0, 3.0),
        (dist.Uniform(-1.0, 1.0), 1.0, 3.0),
    ],
)
def test_the_support_moves_along(base, lower, upper):
    """So that NUTS and guides transform the right half-line or interval."""
    support = shift(2.0)(base).support
    assert float(support.lower_bound) == lower
    assert upper is None or float(support.upper_bound) == upper
    unbounded = torch.linspace(-3, 3, 5)
    assert bool(
        shift(2.0)(base).log_prob(torch.distributions.transform_to(support)(unbounded)).isfinite().all()
    )


@pytest.mark.usefixtures("own_rng")
def test_vectors():
    rows = dist.Gamma(2.0, 1.0).expand([4, 3]).to_event(1)
    moved = shift(torch.tensor([1.0, 2.0, 3.0]))(rows)
    assert (moved.batch_shape, moved.event_shape) == ((4,), (3,))
    assert moved.support.event_dim == 1
    assert bool((moved.sample((50,)).amin((0, 1)) > torch.tensor([1.0, 2.0, 3.0])).all())
    assert moved.expand([2, 4]).log_prob(moved.sample()).shape == (2, 4)
    joint = dist.MultivariateNormal(torch.zeros(2), torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    value = torch.tensor([0.3, -1.0])
    expected = dist.MultivariateNormal(torch.ones(2), 4 * joint.covariance_matrix)
    torch.testing.assert_close(scale(2.0)(shift(1.0)(joint)).log_prob(value), expected.log_prob(value))
    assert shift(1.0)(joint).support.event_dim == 1


def test_masks_are_kept():
    mask = torch.tensor([True, False])
    moved = scale(2.0)(shift(1.0)(dist.Normal(torch.zeros(2), 1.0).mask(mask)))
    expected = dist.Normal(1.0, 2.0).log_prob(torch.tensor(0.5)) * mask
    torch.testing.assert_close(moved.log_prob(torch.full((2,), 0.5)), expected)


def test_of_a_delta():
    fixed = dist.Delta(torch.tensor([1.0, 2.0]), event_dim=1)
    assert shift(0.5)(fixed).v.tolist() == [1.5, 2.5]
    assert scale(3.0)(fixed) is fixed
    assert shift(0.5)(fixed).event_shape == (2,)


def test_gradients_reach_the_amount():
    """A shift may itself be a parameter to learn."""
    amount = torch.tensor(0.5, requires_grad=True)
    shift(amount)(dist.Normal(0.0, 1.0)).log_prob(torch.tensor(2.0)).backward()
    assert float(amount.grad) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("change", "base", "message"),
    [
        (shift(1), dist.Poisson(3.0), "shift(1) of Poisson: its values are discrete."),
        (shift(1), dist.Dirichlet(torch.ones(3)), "shift(1) of Dirichlet: its support is Simplex()."),
        (scale(2), dist.Gamma(2.0, 1.0), "scale(2) of Gamma: it has no location and scale."),
        (scale(2), dist.LogNormal(0.0, 1.0), "scale(2) of LogNormal: it has no location and scale."),
        (scale(2), dist.Bernoulli(0.5), "scale(2) of Bernoulli: it has no location and scale."),
        (
            shift(torch.zeros(2)),
            dist.Normal(0, 1).expand([3]).to_event(1),
            "shift(tensor([0., 0.])) has the shape (2,), a value (3,).",
        ),
    ],
)
def test_what_is_refused(change, base, message):
    with pytest.raises(CrlspecError) as caught:
        change(base)
    assert caught.value.message == message
    assert caught.value.remedy.startswith("give")


@pytest.mark.parametrize("factor", [0, -1.0, torch.tensor([1.0, -1.0])])
def test_scale_is_positive(factor):
    with pytest.raises(CrlspecError, match="is not positive"):
        scale(factor)


def test_they_show_what_they_are():
    assert repr([shift(2), scale(0.5)]) == "[shift(2), scale(0.5)]"
    assert shift(1.0)(dist.Normal(0, 1)).support is constraints.real
