"""Laws of structural causal models: density, score and sampling against closed forms."""

import numpy as np
import pyro.distributions as dist
import pytest
import torch

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import named_seed
from crlspec.generative.scm import SCM, AdditiveMechanism, Function, Mechanism, Noise

LATENTS = ("a", "b", "c", "d")
WEIGHTS = np.array([[0, 0, 0, 0], [0.8, 0, 0, 0], [-1.2, 0.5, 0, 0], [0, 0, 0.7, 0]])
VARIANCES = np.array([1.0, 0.5, 2.0, 0.7])
MEANS = np.array([0.3, 0.0, -1.0, 2.0])


class Weighted(Function):
    def __init__(self, weight):
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64))

    def forward(self, parents):
        return parents @ self.weight


class Gaussian(Noise):
    def __init__(self, mean, variance):
        super().__init__(type("Numbers", (), {"mean": mean, "variance": variance}), torch.float64, "cpu")

    def distribution(self, mean):
        return dist.Normal(mean, self.deviation, validate_args=False)


def linear_scm() -> SCM:
    mechanisms = {}
    for i, name in enumerate(LATENTS):
        parents = np.flatnonzero(WEIGHTS[i])
        function = Weighted(WEIGHTS[i, parents]) if len(parents) else None
        noise = Gaussian(MEANS[i], VARIANCES[i])
        mechanisms[name] = AdditiveMechanism(function, noise, tuple(LATENTS[j] for j in parents))
    return SCM(LATENTS, mechanisms)


def moments() -> tuple[np.ndarray, np.ndarray]:
    total = np.linalg.inv(np.eye(4) - WEIGHTS)
    return total @ MEANS, total @ np.diag(VARIANCES) @ total.T


@pytest.fixture
def points() -> torch.Tensor:
    return torch.tensor(np.random.default_rng(0).standard_normal((50, 4)) * 2)


def test_log_density_is_the_gaussian_one(points):
    mean, covariance = moments()
    expected = torch.distributions.MultivariateNormal(torch.tensor(mean), torch.tensor(covariance))
    torch.testing.assert_close(linear_scm().log_density(points), expected.log_prob(points))


def test_score_is_the_closed_form_and_autograd(points):
    mean, covariance = moments()
    expected = -(points - torch.tensor(mean)) @ torch.linalg.inv(torch.tensor(covariance))
    scm = linear_scm()
    torch.testing.assert_close(scm.score(points), expected)
    torch.testing.assert_close(torch.vmap(torch.func.grad(scm.log_density))(points), expected)
    assert not scm.score(points.requires_grad_(True)).requires_grad


def test_hessian_by_nested_transforms(points):
    _, covariance = moments()
    hessian = torch.vmap(torch.func.hessian(linear_scm().log_density))(points)
    torch.testing.assert_close(hessian, -torch.linalg.inv(torch.tensor(covariance)).expand(50, 4, 4))


def test_any_sample_shape(points):
    scm = linear_scm()
    torch.testing.assert_close(scm.score(points.reshape(2, 5, 5, 4)), scm.score(points).reshape(2, 5, 5, 4))
    torch.testing.assert_close(scm.log_density(points[0]), scm.log_density(points)[0])
    torch.testing.assert_close(scm.score(points[0]), scm.score(points)[0])
    assert scm.score(points[:0]).shape == (0, 4)


def test_score_under_no_grad(points):
    with torch.no_grad():
        inside = linear_scm().score(points)
    torch.testing.assert_close(inside, linear_scm().score(points))


def test_sample_has_the_moments():
    z = linear_scm().sample(40_000, seed=1).numpy()
    mean, covariance = moments()
    np.testing.assert_allclose(z.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.1)


def test_the_score_has_mean_zero_and_the_fisher_identity():
    scm = linear_scm()
    z = scm.sample(40_000, seed=2)
    score = scm.score(z)
    assert float(score.mean(0).abs().max()) < 0.05
    identity = -(score.T @ (z - z.mean(0))) / len(z)
    torch.testing.assert_close(identity, torch.eye(4, dtype=torch.float64), rtol=0, atol=0.05)


def test_sampling_leaves_the_global_generator_alone_and_repeats_itself():
    before = torch.get_rng_state()
    first = linear_scm().sample(10, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(linear_scm().sample(10, seed=3), first)
    assert not torch.equal(linear_scm().sample(10, seed=4), first)


def test_replacing_a_mechanism_keeps_the_draws_of_its_non_descendants():
    scm = linear_scm()
    changed = scm.replace({"c": AdditiveMechanism(None, Gaussian(5.0, 1.0), ())})
    before, after = scm.sample(100, seed=0), changed.sample(100, seed=0)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2:], after[:, 2:])


def test_the_order_of_the_latents_does_not_matter(points):
    scm = linear_scm()
    turned = SCM(("d", "b", "a", "c"), scm.mechanisms)
    columns = [LATENTS.index(name) for name in turned.latents]
    torch.testing.assert_close(turned.score(points[:, columns]), scm.score(points)[:, columns])
    assert torch.equal(turned.sample(20, seed=1), scm.sample(20, seed=1)[:, columns])
    assert turned.order.index("a") < turned.order.index("b") < turned.order.index("c")


def test_float32_follows_float64(points):
    scm = linear_scm().to(torch.float32, "cpu")
    score = scm.score(points.float())
    assert score.dtype == torch.float32
    torch.testing.assert_close(score.double(), linear_scm().score(points), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        scm.sample(20, seed=1).double(), linear_scm().sample(20, seed=1), rtol=1e-5, atol=1e-5
    )


def test_cycles_are_refused():
    noise = Gaussian(0.0, 1.0)
    loop = {"a": ("b",), "b": ("a",)}
    mechanisms = {name: AdditiveMechanism(Weighted([1.0]), noise, parents) for name, parents in loop.items()}
    with pytest.raises(CrlspecError, match="cycle"):
        SCM(("a", "b"), mechanisms)


def test_unknown_parents_and_missing_mechanisms_are_refused():
    noise = Gaussian(0.0, 1.0)
    with pytest.raises(CrlspecError, match=r"unknown parents \['q'\]"):
        SCM(("a",), {"a": AdditiveMechanism(Weighted([1.0]), noise, ("q",))})
    with pytest.raises(CrlspecError, match="one mechanism for each latent"):
        SCM(("a", "b"), {"a": AdditiveMechanism(None, noise, ())})


def test_a_wrong_number_of_columns_is_refused():
    with pytest.raises(CrlspecError, match=r"shape \(3, 5\).*4 latents.*a, b, c, d"):
        linear_scm().score(torch.zeros(3, 5, dtype=torch.float64))


class Growing(Mechanism):
    """A mechanism of one's own: its scale depends on the parent."""

    def __init__(self, parents):
        super().__init__(parents)

    def distribution(self, parents):
        return dist.Normal(torch.zeros_like(parents[..., 0]), parents[..., 0], validate_args=False)


def test_a_mechanism_of_ones_own_needs_one_method_and_bad_arguments_are_named():
    scm = SCM(("a", "b"), {"a": AdditiveMechanism(None, Gaussian(0.0, 1.0), ()), "b": Growing(("a",))})
    positive = torch.tensor([[1.5, 0.3]], dtype=torch.float64)
    torch.testing.assert_close(scm.score(positive)[0, 1], torch.tensor(-0.3 / 1.5**2, dtype=torch.float64))
    with pytest.raises(CrlspecError, match=r"the scale of b is -.*Remedy"):
        scm.sample(100)


def test_streams_have_names():
    assert named_seed(0, "a", "b") != named_seed(0, "ab") != named_seed(1, "ab")
    assert named_seed(0, "a") == 225321766190137866
