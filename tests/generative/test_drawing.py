"""Draws from generators of one's own: every function of torch that draws, every family, threads side by side."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

import crlspec
from crlspec.generative.drawing import RANDOM, drawing_from, named_generator, named_seed
from crlspec.numerics.forward_mode import jacobians
from crlspec.spec.vocabulary import DISTRIBUTIONS

NOISES = ("normal", "laplace", "student-t", "uniform", "gumbel", "logistic", "log-normal", "mixture")
UNREACHED = {"_fused_dropout", "random", "rrelu", "rrelu_"}
"""No draws of numbers: bends of networks in training, and a name of the module torch.random."""
MODEL = """
latents: 4
scm: {graph: {kind: random, density: 0.8}, mechanism: {kind: mlp}, noise: {kind: NOISE}}
mixing: {kind: mlp, strength: strong, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.25}}}
samples: 300
"""


def model(noise: str = "normal"):
    return crlspec.compile(crlspec.loads(MODEL.replace("NOISE", noise)), seed=3)


@pytest.fixture
def often():
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_every_function_of_torch_that_takes_a_generator_is_known():
    taking = {
        schema.name.removeprefix("aten::")
        for schema in torch._C._jit_get_all_schemas()
        if schema.name.startswith("aten::") and any(a.name == "generator" for a in schema.arguments)
    }
    reached = {name for name in taking if hasattr(torch, name) or hasattr(torch.Tensor, name)}
    assert reached - UNREACHED == RANDOM


CALLS = {
    "_sample_dirichlet": lambda p: torch._sample_dirichlet(p),
    "_standard_gamma": lambda p: torch._standard_gamma(p),
    "bernoulli": lambda p: torch.bernoulli(p),
    "bernoulli_": lambda p: p.clone().bernoulli_(0.4),
    "binomial": lambda p: torch.binomial(torch.full_like(p, 20), p),
    "cauchy_": lambda p: p.clone().cauchy_(),
    "exponential_": lambda p: p.clone().exponential_(),
    "geometric_": lambda p: p.clone().geometric_(0.1),
    "log_normal_": lambda p: p.clone().log_normal_(),
    "multinomial": lambda p: p.multinomial(50, replacement=True),
    "normal": lambda p: torch.normal(p, p),
    "normal_": lambda p: p.clone().normal_(),
    "poisson": lambda p: torch.poisson(50 * p),
    "rand": lambda p: torch.rand(p.shape, device=p.device),
    "rand_like": lambda p: torch.rand_like(p),
    "randint": lambda p: torch.randint(1000, p.shape, device=p.device),
    "randint_like": lambda p: torch.randint_like(p, 1000),
    "randn": lambda p: torch.randn(p.shape, device=p.device),
    "randn_like": lambda p: torch.randn_like(p),
    "random_": lambda p: p.clone().random_(0, 1000),
    "randperm": lambda p: torch.randperm(len(p), device=p.device),
    "uniform_": lambda p: p.clone().uniform_(),
}


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_what_torch_draws_is_the_generators_and_the_global_one_is_left_alone(name, device, dtype):
    p = torch.linspace(0.1, 0.9, 40, device=device, dtype=dtype)

    def drawn(seed: int) -> torch.Tensor:
        with drawing_from(torch.Generator(device).manual_seed(seed)):
            return CALLS[name](p)

    before = torch.cuda.get_rng_state(device) if p.is_cuda else torch.get_rng_state()
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    after = torch.cuda.get_rng_state(device) if p.is_cuda else torch.get_rng_state()
    assert torch.equal(before, after)


def test_a_call_keeps_the_generator_that_it_names():
    own = torch.Generator().manual_seed(5)
    with drawing_from(torch.Generator().manual_seed(1)):
        found = torch.rand(10, generator=own)
    assert torch.equal(found, torch.rand(10, generator=torch.Generator().manual_seed(5)))


def test_the_draws_are_those_of_the_global_generator_under_the_same_seed(own_rng):
    family = dist.StudentT(torch.full((50,), 4.0), 1.0, 2.0)
    torch.manual_seed(named_seed(7, "a"))
    expected = family.sample()
    with drawing_from(named_generator(7, "a")):
        assert torch.equal(family.sample(), expected)


PLACES = {"low": 0.0, "loc": 0.0, "df": 5.0}
"""Of arguments that may not be 1.5."""


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_every_distribution_that_an_equation_may_name(name):
    text = f"{name}({', '.join(str(PLACES.get(key, 1.5)) for key in DISTRIBUTIONS[name])})"
    built = crlspec.compile(
        crlspec.loads(f'latents: {{a: "{text}"}}\nmixing: {{kind: linear, observed: 2}}\nsamples: 50')
    )
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda seed: built.sample(seed=seed), (1, 1))
    assert one.identical(other)
    assert not one.identical(built.sample(seed=2))


@pytest.mark.parametrize("noise", NOISES)
def test_threads_draw_what_one_thread_draws(noise, often):
    built = model(noise)
    expected = [built.sample(seed=seed) for seed in range(3)]
    before, validates, stored = torch.get_rng_state(), dist.Normal._validate_args, len(pyro.get_param_store())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: built.sample(seed=k % 3), range(12)))
    assert all(one.identical(expected[k % 3]) for k, one in enumerate(found))
    assert torch.equal(before, torch.get_rng_state())
    assert (validates, stored) == (dist.Normal._validate_args, len(pyro.get_param_store()))


def test_the_global_generator_does_not_matter(own_rng):
    built = model()
    first = built.sample(seed=1)
    torch.manual_seed(99)
    assert built.sample(seed=1).identical(first)


def test_a_new_environment_leaves_the_draws_of_others_as_they_are():
    for noise in NOISES:
        spec = model(noise).spec
        more = spec.model_copy(update={"environments": {"new": {"z1": "do(1)"}, **spec.environments}})
        found, expected = crlspec.compile(more).sample(seed=4), crlspec.compile(spec).sample(seed=4)
        for name, child in expected.children.items():
            np.testing.assert_array_equal(found[name]["x"].values, child["x"].values)


def test_jacobians_in_threads_are_those_of_one(often):
    mixing, z = model().mixing, model().scm.sample(100)
    expected = mixing.jacobian(z)
    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(one, expected) for one in pool.map(lambda _: mixing.jacobian(z), range(16)))


def test_jacobians_are_those_of_reverse_mode(device, dtype):
    points = torch.linspace(-1, 1, 12, device=device, dtype=dtype).reshape(4, 3)

    def curve(u: torch.Tensor) -> torch.Tensor:
        return torch.stack([u[0] * u[1], u[2].sin(), u.prod(), u[0] ** 3])

    found = jacobians(curve, points)
    assert found.shape == (4, 4, 3)
    torch.testing.assert_close(found, torch.vmap(torch.func.jacrev(curve))(points))
