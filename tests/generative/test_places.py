"""Devices and dtypes of whole models: all is computed where it lives in its dtype, on devices without numbers too."""

from __future__ import annotations

import pytest
import torch

import crlspec
from crlspec.generative.drawing import drawing_from
from crlspec.generative.program import predict
from crlspec.testing.places import all_in

FAMILIES = """
latents: 4
scm: {graph: {kind: random, density: 0.8}, mechanism: {kind: MECHANISM}, noise: {kind: NOISE}}
mixing: {kind: MIXING, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.25}}}
"""
EQUATIONS = """
latents:
  a: Normal(0, 1)
  b: Gumbel(0.5*tanh(a), exp(0.1*minimum(a, 1)))
  c: Laplace(a*b, 2)
  d: Uniform(-1, 1)
mixing: {kind: glm, observed: 5, noise: 0.1}
environments: {obs: {}, one: {a: do(2)}, two: {b: shift(1), c: scale(2)}, three: {d: "Logistic(0.5, 1)"}}
"""
SPECS = {
    "equations": EQUATIONS,
    **{
        f"{mechanism} {noise} {mixing}": FAMILIES.replace("MECHANISM", mechanism)
        .replace("NOISE", noise)
        .replace("MIXING", mixing)
        for mechanism, noise, mixing in (
            ("linear", "normal", "linear"),
            ("quadratic", "student-t", "glm"),
            ("mlp", "mixture", "mlp"),
            ("sine", "log-normal", "mlp, strength: strong"),
            ("location-scale", "laplace", "linear"),
        )
    },
}


@pytest.fixture(params=SPECS)
def spec(request):
    return crlspec.loads(SPECS[request.param])


def latents(built, dtype, device, count: int = 20) -> torch.Tensor:
    """Some that are inside every support."""
    drawn = [built.environments[name].sample(count, seed=1) for name in built.environments]
    return drawn[0].to(device=device, dtype=dtype)


def test_densities_scores_and_noise(spec, device, dtype):
    built = crlspec.compile(spec, device=device, dtype=dtype)
    z = latents(built, dtype, device)
    with all_in(dtype, device):
        for name in built.environments:
            assert built.log_density(z, name).shape == (20,)
            assert built.score(z, name).shape == z.shape
            if name == built.observational:
                noise = built.abduct(z, name)
                again = predict(built.environments[name].scm, noise, like=z[:, 0])
        x = built.mixing(z)
        assert built.mixing.jacobian(z).shape == (20, x.shape[-1], 4)
    torch.testing.assert_close(again, z, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("noise", ["implicit", "explicit"])
def test_programs(spec, device, dtype, noise):
    built = crlspec.compile(spec, device=device, dtype=dtype)
    for name in built.environments:
        program = built.pyro(name, noise=noise)
        with drawing_from(torch.Generator(device).manual_seed(0)):
            z, x = program(7)
        for value, size in ((z, 4), (x, len(built.observed))):
            assert (value.shape, value.dtype) == ((7, size), dtype)
            assert value.device.type == torch.device(device).type


def test_a_model_without_numbers(spec, dtype):
    built, there = crlspec.compile(spec, dtype=dtype), crlspec.compile(spec, device="meta", dtype=dtype)
    z = torch.empty(20, 4, dtype=dtype, device="meta")
    with all_in(dtype, "meta"):
        for name in there.environments:
            assert there.log_density(z, name).shape == (20,)
            assert there.score(z, name).shape == (20, 4)
        assert there.mixing(z).shape == (20, len(built.observed))
        assert there.mixing.jacobian(z).shape == (20, len(built.observed), 4)
        if there.mixing.has_inverse:
            assert there.mixing.inverse(there.mixing(z)).shape == (20, 4)
    assert there.sample(5, seed=1).identical(built.sample(5, seed=1))


def test_a_tensor_from_elsewhere_is_refused(spec, dtype):
    there = crlspec.compile(spec, device="meta", dtype=dtype)
    with pytest.raises(AssertionError, match="is on cpu, not meta"), all_in(dtype, "meta"):
        there.mixing(torch.zeros(20, 4, dtype=dtype))
    other = torch.float32 if dtype == torch.float64 else torch.float64
    with pytest.raises((AssertionError, RuntimeError)), all_in(dtype, "meta"):
        there.log_density(torch.zeros(20, 4, dtype=other, device="meta"))


def test_a_noise_that_is_not_given_is_drawn_from_its_own_stream(device, dtype):
    built = crlspec.compile(crlspec.loads(EQUATIONS), device=device, dtype=dtype)
    z = latents(built, dtype, device)
    noise = dict(built.abduct(z))
    del noise["a_noise"]
    one, again, other = (predict(built.scm, noise, z[:, 0], seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one[:, 0], other[:, 0])
    assert torch.equal(one[:, 3], other[:, 3])
