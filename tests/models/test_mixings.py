"""Mixing families keep the contract; what is refused, and how nonlinear the strong networks are."""

import numpy as np
import pytest
import torch

from crlspec.errors import SpecError
from crlspec.models.declarations import GlmMixing, LinearMixing, MlpMixing
from crlspec.testing import MixingContract


class TestLinear(MixingContract):
    def declaration(self):
        return LinearMixing(observed=7)

    def expected(self, declaration, z):
        return np.einsum("oi,si->so", np.array(declaration.matrix), z)

    def test_columns_have_length_one(self):
        np.testing.assert_allclose(np.linalg.norm(self.resolved().matrix, axis=0), 1)


class TestTanh(MixingContract):
    def declaration(self):
        return GlmMixing(observed=5)

    def expected(self, declaration, z):
        return np.tanh(z @ np.array(declaration.matrix).T)


class TestLeakyRelu(MixingContract):
    def declaration(self):
        return GlmMixing(observed=5, link="leaky-relu")

    def expected(self, declaration, z):
        u = z @ np.array(declaration.matrix).T
        return np.where(u > 0, u, 0.2 * u)


class TestSinh(MixingContract):
    def declaration(self):
        return GlmMixing(observed=5, link="sinh", names=["p", "q", "r", "s", "t"])

    def expected(self, declaration, z):
        return np.sinh(z @ np.array(declaration.matrix).T)


class TestArcsinh(MixingContract):
    def declaration(self):
        return GlmMixing(observed=3, link="arcsinh")

    def expected(self, declaration, z):
        return np.arcsinh(z @ np.array(declaration.matrix).T)


class MlpLaws(MixingContract):
    activation: str
    strength = "mild"
    gain, slope = 1.0, 0.0

    def declaration(self):
        return MlpMixing(observed=6, activation=self.activation, strength=self.strength)

    def expected(self, declaration, z):
        bends = {
            "tanh": np.tanh,
            "leaky-relu": lambda u: np.maximum(u, 0),
            "silu": lambda u: u / (1 + np.exp(-u)),
        }
        for weight, bias in zip(declaration.weights, declaration.biases, strict=True):
            u = z @ np.array(weight).T + np.array(bias)
            z = bends[self.activation](self.gain * u) + self.slope * u
        return z

    def test_bends_are_strictly_increasing(self):
        u = torch.linspace(-30, 30, 20_001, dtype=torch.float64, device=self.device)
        mixing = self.built(torch.float64)
        steps = mixing.bend(u).diff() / u.diff()
        assert float(steps.min()) >= mixing.least_slope * (1 - 1e-9) > 0


class TestMildTanh(MlpLaws):
    activation, slope = "tanh", 0.1


class TestMildLeaky(MlpLaws):
    activation, slope = "leaky-relu", 0.25


class TestMildSilu(MlpLaws):
    activation, slope = "silu", 0.2


class TestStrongTanh(MlpLaws):
    activation, strength, gain, slope = "tanh", "strong", 2.0, 0.1


class TestStrongLeaky(MlpLaws):
    activation, strength, slope = "leaky-relu", "strong", 0.1


class TestStrongSilu(MlpLaws):
    activation, strength, gain, slope = "silu", "strong", 4.0, 0.5


@pytest.mark.parametrize("activation", ["tanh", "leaky-relu", "silu"])
@pytest.mark.parametrize("seed", range(5))
def test_a_linear_map_does_not_undo_a_strong_network(activation, seed):
    """Least squares of z on x explains less than 90 % of the variance; of a mild network more than 80 %."""
    rng, names = np.random.default_rng(seed), ("a", "b", "c")
    z = rng.standard_normal((4000, 3))
    explained = {}
    for strength in ("mild", "strong"):
        declaration = MlpMixing(observed=10, activation=activation, strength=strength).draw(rng, names)
        x = declaration.implement()(declaration, names, torch.float64, "cpu")(torch.tensor(z)).numpy()
        x = np.column_stack([x, np.ones(len(x))])
        residual = z - x @ np.linalg.lstsq(x, z, rcond=None)[0]
        explained[strength] = 1 - (residual.var(0) / z.var(0)).mean()
    assert explained["strong"] < 0.9
    assert explained["mild"] > 0.8


@pytest.mark.parametrize("family", [LinearMixing, GlmMixing, MlpMixing])
def test_fewer_observed_than_latents_are_refused(family):
    with pytest.raises(SpecError, match=r"mixing\.observed: got 2 .* 3 latents.*at least 3"):
        family(observed=2).draw(np.random.default_rng(0), ("a", "b", "c"))


def test_a_matrix_without_full_column_rank_is_refused():
    mixing = LinearMixing(observed=3, matrix=((1.0, 2.0), (2.0, 4.0), (3.0, 6.0)))
    with pytest.raises(SpecError, match="full column rank"):
        mixing.draw(np.random.default_rng(0), ("a", "b"))


@pytest.mark.parametrize("size", [2, 5, 12, 30])
def test_square_matrices_reach_the_condition_number(size):
    declaration = LinearMixing(observed=size, condition=4.0)
    matrix = np.array(declaration.draw(np.random.default_rng(1), tuple(f"z{i}" for i in range(size))).matrix)
    assert np.linalg.cond(matrix) <= 4.0
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=0), 1)


def test_columns_have_the_length_that_is_asked_for():
    short, unit = (
        LinearMixing(observed=6, length=length).draw(np.random.default_rng(0), ("a", "b", "c")).matrix
        for length in (0.5, 1.0)
    )
    np.testing.assert_allclose(np.linalg.norm(short, axis=0), 0.5)
    np.testing.assert_allclose(np.multiply(2, short), unit)
