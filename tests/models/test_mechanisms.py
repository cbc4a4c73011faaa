"""Mechanism families keep the contract; known values."""

import numpy as np
import pyro
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError, SpecError
from crlspec.models.declarations import LinearMechanism, MlpMechanism, QuadraticMechanism, SineMechanism
from crlspec.models.location_scale import LocationScaleMechanism
from crlspec.testing import PARENTS, MechanismContract


class TestLinear(MechanismContract):
    def declaration(self):
        return LinearMechanism()

    def expected(self, declaration, parents):
        return sum(declaration.weight[name] * parents[:, i] for i, name in enumerate(PARENTS))


class TestQuadratic(MechanismContract):
    def declaration(self):
        return QuadraticMechanism(factor=1.5)

    def expected(self, declaration, parents):
        matrix = np.array(declaration.matrix)
        return 1.5 * np.sqrt(np.einsum("si,ij,sj->s", parents, matrix, parents))

    def test_is_homogeneous(self):
        points = self.points(20, 3)
        torch.testing.assert_close(self.built()(-2 * points), 2 * self.built()(points))

    def test_gradient_at_zero_is_zero(self):
        point = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(self.built(torch.float64).cpu()(point).sum(), point)
        assert torch.equal(gradient, torch.zeros(1, 3, dtype=torch.float64))

    def test_root_of_the_matrix_is_bounded_away_from_singular(self):
        for seed in range(20):
            assert np.linalg.eigvalsh(np.array(self.resolved(seed).matrix))[0] >= 0.1**2 * (1 - 1e-9)


class MlpLaws(MechanismContract):
    activation: str

    def declaration(self):
        return MlpMechanism(hidden=7, activation=self.activation)

    def sigma(self, u):
        raise AssertionError

    def expected(self, declaration, parents):
        hidden = self.sigma(parents @ np.array(declaration.inner).T + np.array(declaration.bias))
        return hidden @ np.array(declaration.outer) + declaration.offset


class TestReluMlp(MlpLaws):
    activation = "relu"

    def sigma(self, u):
        return np.maximum(u, 0)


class TestTanhMlp(MlpLaws):
    activation = "tanh"

    def sigma(self, u):
        return np.tanh(u)


class TestSiluMlp(MlpLaws):
    activation = "silu"

    def sigma(self, u):
        return u / (1 + np.exp(-u))


class TestSine(MechanismContract):
    def declaration(self):
        return SineMechanism(phase=0.3)

    def expected(self, declaration, parents):
        columns = enumerate(PARENTS)
        return sum(
            declaration.amplitude[p] * np.sin(declaration.frequency[p] * parents[:, i] + 0.3)
            for i, p in columns
        )


class TestLocationScale(MechanismContract):
    def declaration(self):
        return LocationScaleMechanism(location=SineMechanism(), log_scale=LinearMechanism(), reach=1.5)

    def expected(self, declaration, parents):
        sine = declaration.location
        terms = (
            sine.amplitude[p] * np.sin(sine.frequency[p] * parents[:, i] + sine.phase[p])
            for i, p in enumerate(PARENTS)
        )
        return sum(terms)

    def expected_scale(self, declaration, parents):
        g = sum(declaration.log_scale.weight[name] * parents[:, i] for i, name in enumerate(PARENTS))
        return np.exp(1.5 * np.tanh(g / 1.5))

    def test_the_scale_stays_within_reach(self):
        scale = self.built().scale(1e3 * self.points(50, 3)).log().abs()
        assert float(scale.max()) <= 1.5 + 1e-6


def test_weights_are_drawn_from_the_interval_with_both_signs():
    drawn = [
        LinearMechanism(weight=[0.5, 1.5]).draw(np.random.default_rng(seed), "c", ("a", "b")).weight
        for seed in range(50)
    ]
    values = np.array([[w["a"], w["b"]] for w in drawn])
    assert (abs(values) >= 0.5).all()
    assert (abs(values) <= 1.5).all()
    assert 0.3 < (values > 0).mean() < 0.7


def test_a_number_is_the_weight_of_every_edge():
    assert LinearMechanism(weight=-0.4).draw(np.random.default_rng(0), "c", ("a", "b")).weight == {
        "a": -0.4,
        "b": -0.4,
    }


def test_weights_for_other_parents_are_refused():
    with pytest.raises(SpecError, match=r"scm.mechanism.c.weight.*\[a, z\].*\[a, b\].*Remedy"):
        LinearMechanism(weight={"a": 1.0, "z": 2.0}).draw(np.random.default_rng(0), "c", ("a", "b"))


def test_a_matrix_that_is_not_positive_definite_is_refused():
    with pytest.raises(ValueError, match="positive definite"):
        QuadraticMechanism(parents=("a", "b"), matrix=((1.0, 2.0), (2.0, 1.0)))


def test_half_given_networks_are_refused():
    with pytest.raises(ValueError, match="together"):
        MlpMechanism(bias=(0.0,) * 32)


def test_unresolved_declarations_are_not_built():
    with pytest.raises(CrlspecError, match="draw"):
        LinearMechanism.implement()(LinearMechanism(), ("a",), torch.float64, "cpu")


@pytest.mark.usefixtures("own_rng")
def test_shift_and_scale_move_the_value_and_widen_the_noise_whatever_the_scale():
    """z = f + mean + s · noise: shift(2) adds 2, scale(3) triples the distance to f + mean."""
    text = """
latents: 2
scm: {graph: [z1 -> z2], mechanism: {kind: location-scale}, noise: {kind: laplace, mean: 1, variance: 2}}
mixing: {kind: linear, observed: 3}
environments: {obs: {}, up: {z2: shift(2)}, wide: {z2: scale(3)}}
"""
    model = crlspec.compile(crlspec.loads(text), seed=1)
    z = model.scm.sample(50, seed=0)
    noise = model.abduct(z)
    moved, _ = pyro.condition(model.pyro("up", noise="explicit"), data=noise)(50)
    torch.testing.assert_close(moved[:, 1], z[:, 1] + 2)
    wide, _ = pyro.condition(model.pyro("wide", noise="explicit"), data=noise)(50)
    centre = model.scm.mechanisms["z2"].function(z[:, :1]) + 1
    torch.testing.assert_close(wide[:, 1] - centre, 3 * (z[:, 1] - centre))


def test_a_scale_of_no_function_is_refused():
    with pytest.raises(ValueError, match="a function of the parents is needed"):
        LocationScaleMechanism(log_scale={"kind": "location-scale"})
