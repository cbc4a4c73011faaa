"""Equations: distributions by Pyro's names against scipy, functions against numpy."""

import numpy as np
import pytest
import torch
from scipy import stats

import crlspec
from crlspec.errors import CrlspecError
from crlspec.generative.equation import FUNCTIONS, LOCATION_SCALE, EquationMechanism
from crlspec.spec import vocabulary
from crlspec.spec.expression import parse_expression

CASES = {
    "Normal(0.5*a, 2)": lambda a: stats.norm(0.5 * a, 2),
    "Laplace(a, 1.5)": lambda a: stats.laplace(a, 1.5),
    "StudentT(4, a, 0.5)": lambda a: stats.t(4, a, 0.5),
    "StudentT(df=5, scale=exp(a))": lambda a: stats.t(5, 0, np.exp(a)),
    "Cauchy(a, 1)": lambda a: stats.cauchy(a, 1),
    "Gumbel(a, 2)": lambda a: stats.gumbel_r(a, 2),
    "Logistic(1, 0.5 + a**2)": lambda a: stats.logistic(1, 0.5 + a**2),
    "LogNormal(a, 0.5)": lambda a: stats.lognorm(0.5, scale=np.exp(a)),
    "Uniform(a, a + 2)": lambda a: stats.uniform(a, 2),
    "Exponential(exp(a))": lambda a: stats.expon(scale=np.exp(-a)),
    "Gamma(2, softplus(a))": lambda a: stats.gamma(2, scale=1 / np.logaddexp(a, 0)),
    "Beta(2, 1 + a**2)": lambda a: stats.beta(2, 1 + a**2),
    "HalfNormal(1 + a**2)": lambda a: stats.halfnorm(scale=1 + a**2),
    "HalfCauchy(2)": lambda a: stats.halfcauchy(scale=2),
    "Chi2(3)": lambda a: stats.chi2(3),
}


def mechanism(text: str) -> EquationMechanism:
    return EquationMechanism(parse_expression(text, ("a", "b")), torch.float64, "cpu")


@pytest.mark.parametrize("text", CASES)
def test_density_agrees_with_scipy(text):
    built = mechanism(text)
    a = np.random.default_rng(0).standard_normal(40)
    family = CASES[text](a)
    value = family.ppf(np.linspace(0.05, 0.95, 40))
    parents = torch.tensor(a)[:, None][:, : len(built.parents)]
    found = built.distribution(parents)
    assert found.batch_shape == (40,)
    np.testing.assert_allclose(found.log_prob(torch.tensor(value)).numpy(), family.logpdf(value), rtol=1e-9)


def test_every_distribution_of_the_language_is_covered():
    assert {text.partition("(")[0] for text in CASES} == set(vocabulary.DISTRIBUTIONS)
    assert set(vocabulary.LOCATION_SCALE) <= LOCATION_SCALE


def test_every_function_of_the_language_agrees_with_numpy():
    assert set(FUNCTIONS) == set(vocabulary.FUNCTIONS)
    points = np.array([0.2, 0.7, 1.9])
    for name, reference in vocabulary.numpy_functions().items():
        extra = (0.5,) if name in ("maximum", "minimum") else ()
        found = FUNCTIONS[name](torch.tensor(points), *extra)
        np.testing.assert_allclose(found.numpy(), reference(points, *extra), err_msg=name)


def test_two_parents_in_their_order():
    built = mechanism("Normal(b - 2*a, 1 + maximum(0, a))")
    assert built.parents == ("a", "b")
    found = built.distribution(torch.tensor([[1.0, 5.0]], dtype=torch.float64))
    assert (found.loc.item(), found.scale.item()) == (3.0, 2.0)


def test_density_under_func_transforms():
    built = mechanism("StudentT(4, tanh(a)*b, exp(0.1*b))")
    points = torch.tensor(np.random.default_rng(0).standard_normal((6, 3)))

    def density(z):
        return built.distribution(z[..., :2]).log_prob(z[..., 2])

    (whole,) = torch.autograd.grad(density(points.requires_grad_(True)).sum(), points)
    torch.testing.assert_close(torch.vmap(torch.func.grad(density))(points.detach()), whole)


def test_dtype_is_kept_without_parents(own_rng):
    built = EquationMechanism(parse_expression("Normal(0, 1)", ()), torch.float32, "cpu")
    assert built.distribution(torch.empty(3, 0)).sample().dtype == torch.float32


def test_a_scale_that_turns_negative_is_named():
    spec = crlspec.loads(
        'latents: {a: "Normal(0, 1)", b: "Normal(0, a)"}\nmixing: {kind: linear, observed: 2}'
    )
    with pytest.raises(CrlspecError, match=r"the scale of b is -.*softplus"):
        crlspec.compile(spec).sample(100)


def test_a_uniform_with_its_ends_crossed_is_refused():
    spec = crlspec.loads(
        'latents: {a: "Normal(0, 1)", b: "Uniform(0, a)"}\nmixing: {kind: linear, observed: 2}'
    )
    with pytest.raises(CrlspecError, match=r"the low of b is 0 .*not allowed there"):
        crlspec.compile(spec).sample(100)
