"""Mechanisms of one kind evaluated at once: the density and the score are those of one mechanism after the other."""

from __future__ import annotations

import pytest
import torch

import crlspec
from crlspec.generative.density import Plan, gather
from crlspec.generative.scm import SCM
from crlspec.testing.places import all_in

MECHANISMS = {
    "linear": 5,
    "quadratic": 3,
    "mlp, hidden: 7, activation: silu": 3,
    "sine": 3,
    "location-scale": 3,
    "location-scale, location: {kind: mlp}, log_scale: {kind: sine}": 3,
}
"""Family → how many of the nodes below are stacked at least; roots go with linear ones only."""
NOISES = (
    "normal", "laplace", "student-t", "uniform", "gumbel", "logistic", "log-normal, shape: 0.4",
    "mixture, weights: [1, 2, 1], means: [-1, 0, 2], deviations: [1, 0.5, 1]",
)  # fmt: skip
SPEC = """
latents: 5
scm:
  graph: [z1 -> z3, z1 -> z4, z2 -> z4, z1 -> z5, z3 -> z5, z4 -> z5]
  mechanism: {kind: MECHANISM}
  noise: {kind: NOISE, variance: [0.5, 1.5], mean: MEAN}
mixing: {kind: linear, observed: 6}
environments:
  obs: {}
  clamped: {z3: do(2)}
  moved: {z4: shift(1), z2: shift(-1)}
  wider: {z1: scale(2), z5: scale(0.5)}
  cut: {z4: "Normal(0, 2)"}
"""


def model(mechanism: str, noise: str, mean: float = 0.0):
    text = SPEC.replace("MECHANISM", mechanism).replace("NOISE", noise).replace("MEAN", str(mean))
    return crlspec.compile(crlspec.loads(text), seed=2)


def one_by_one(scm: SCM, z: torch.Tensor) -> torch.Tensor:
    """log p(z) by the definition, without any stack."""
    columns = dict(zip(scm.latents, z.unbind(-1)))
    return sum(
        mechanism.distribution(gather(columns, mechanism.parents)).log_prob(columns[name])
        for name, mechanism in scm.mechanisms.items()
        if not mechanism.clamped
    )


def slope(scm: SCM, z: torch.Tensor) -> torch.Tensor:
    """∇ log p(z) of the same, 0 for what do() clamps."""
    leaf = z.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(one_by_one(scm, leaf).sum(), leaf)
    for k, name in enumerate(scm.latents):
        if scm.mechanisms[name].clamped:
            found[:, k] = 0
    return found


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_family_in_every_environment(mechanism, noise):
    built = model(mechanism, noise, mean=0.7 if noise == "gumbel" else 0.0)
    for name, environment in built.environments.items():
        scm = environment.scm
        z = environment.sample(200, seed=3)
        torch.testing.assert_close(scm.log_density(z), one_by_one(scm, z), rtol=1e-12, atol=1e-11)
        torch.testing.assert_close(scm.score(z), slope(scm, z), rtol=1e-10, atol=1e-9)
        if name == "obs":
            plan = Plan.of(scm.latents, scm.mechanisms)
            assert 5 - len(plan.alone) >= MECHANISMS[mechanism]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_transforms_of_functions(mechanism):
    """Also before a plan is kept, and one made inside of a transform is not."""
    for fresh in (True, False):
        built = model(mechanism, "normal")
        scm, z = built.scm, built.scm.sample(6, seed=1)
        if not fresh:
            scm.log_density(z)
        found = torch.vmap(torch.func.hessian(scm.log_density))(z)
        expected = torch.vmap(torch.func.hessian(lambda one, scm=scm: one_by_one(scm, one[None])[0]))(z)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        assert (scm._kept is None) == fresh
        torch.testing.assert_close(torch.vmap(torch.func.grad(scm.log_density))(z), scm.score(z))


def test_a_number_that_changes_is_seen():
    scm = model("linear", "normal").scm
    z = scm.sample(20, seed=1)
    before = scm.log_density(z)
    scm.mechanisms["z5"].noise.deviation.mul_(3)
    assert not torch.allclose(scm.log_density(z), before)
    torch.testing.assert_close(scm.log_density(z), one_by_one(scm, z))
    scm.mechanisms["z5"].function.weight = torch.zeros(3, dtype=torch.float64)
    torch.testing.assert_close(scm.score(z), slope(scm, z))


def test_gradients_reach_the_numbers_of_stacked_mechanisms():
    scm = model("mlp", "laplace").scm
    z, outer = scm.sample(20, seed=1), scm.mechanisms["z5"].function.outer
    scm.log_density(z)
    outer.requires_grad_(True)
    for _ in range(2):
        (found,) = torch.autograd.grad(scm.log_density(z).sum(), outer)
        (expected,) = torch.autograd.grad(one_by_one(scm, z).sum(), outer)
        torch.testing.assert_close(found, expected)


def test_noises_of_one_family_with_other_shapes_stay_apart():
    """Degrees of freedom are a constant of the family, not a number of a node."""
    numbers = ", ".join(f"z{k}: {{kind: student-t, df: {df}}}" for k, df in enumerate((3, 3, 9, 3, 9), 1))
    text = SPEC.replace("MECHANISM", "linear").replace(
        "{kind: NOISE, variance: [0.5, 1.5], mean: MEAN}", f"{{{numbers}}}"
    )
    scm = crlspec.compile(crlspec.loads(text), seed=0).scm
    z = scm.sample(50, seed=1)
    assert sorted(len(group.rows) for group in Plan.of(scm.latents, scm.mechanisms).groups) == [2, 3]
    torch.testing.assert_close(scm.log_density(z), one_by_one(scm, z))


@pytest.mark.parametrize("count", [1, 2**17 // 5, 2**17 // 5 + 1])
def test_blocks_of_samples_are_put_together(count):
    built = model("linear", "normal")
    z = built.scm.sample(count, seed=1)
    torch.testing.assert_close(built.score(z), slope(built.scm, z))
    turned = z.mT.contiguous().mT
    kept = turned.clone()
    torch.testing.assert_close(built.score(turned), slope(built.scm, z))
    assert torch.equal(turned, kept) and not turned.requires_grad


@pytest.mark.parametrize(("mechanism", "noise"), zip([*MECHANISMS, "linear", "linear"], NOISES, strict=True))
def test_stacks_stay_where_their_numbers_are(mechanism, noise):
    text = SPEC.replace("MECHANISM", mechanism).replace("NOISE", noise).replace("MEAN", "0.5")
    there = crlspec.compile(crlspec.loads(text), device="meta", dtype=torch.float32)
    with all_in(torch.float32, "meta"):
        for name in there.environments:
            z = torch.empty(9, 5, dtype=torch.float32, device="meta")
            assert there.score(z, name).shape == (9, 5)
