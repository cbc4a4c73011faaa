"""Mixing families keep the contract; what is refused, and how nonlinear the strong networks are."""

import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import SpecError
from crlspec.models.declarations import GlmMixing, LinearMixing, MlpMixing
from crlspec.models.mixings import twist, untwist
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


def spun(z, rate):
    """The twist as two rotation matrices for each sample."""
    turned = []
    for point in z:
        angle = rate * (np.hypot(1, np.linalg.norm(point)) - 1)
        rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrices = [np.eye(len(point)), np.eye(len(point))]
        for first, matrix in enumerate(matrices):
            for k in range(first, len(point) - 1, 2):
                matrix[k : k + 2, k : k + 2] = rotation
        turned.append(matrices[1] @ matrices[0] @ point)
    return np.array(turned)


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
        if self.strength == "strong":
            z = spun(z, 1.25)
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


LATENTS = """
latents: {n}
scm:
  graph: {{kind: random, density: 0.6}}
  mechanism: {{kind: {mechanism}}}
  noise: {{kind: {noise}, mean: {mean}}}
mixing: {{kind: linear, observed: {n}}}
"""


def explained(z, mixing):
    """The share of the variance of z that least squares on x = g(z) explains, averaged over latents."""
    x = mixing(torch.tensor(z)).numpy()
    x = np.column_stack([x, np.ones(len(x))])
    residual = z - x @ np.linalg.lstsq(x, z, rcond=None)[0]
    return 1 - (residual.var(0) / z.var(0)).mean()


def network(size, seed, **given):
    names = tuple(f"z{k}" for k in range(size))
    declaration = MlpMixing(**given).draw(np.random.default_rng(seed), names)
    return declaration.implement()(declaration, names, torch.float64, "cpu")


@pytest.mark.parametrize("activation", ["tanh", "leaky-relu", "silu"])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("mechanism", "noise", "mean"),
    [
        ("quadratic", "normal", 0),
        ("linear", "normal", 5),
        ("sine", "laplace", 0),
        ("mlp", "gumbel", -3),
        ("quadratic", "uniform", 0),
    ],
)
def test_a_linear_map_does_not_undo_a_strong_network(activation, n, mechanism, noise, mean):
    """Below 90 % for each of ten graphs and networks, as many observed as latents or five times as many."""
    spec = crlspec.loads(LATENTS.format(n=n, mechanism=mechanism, noise=noise, mean=mean))
    for seed in range(10):
        z = crlspec.compile(spec, seed=seed).scm.sample(2000, seed=seed).numpy()
        mixing = network(n, seed, observed=n * (1 + 4 * (seed % 2)), activation=activation, strength="strong")
        assert explained(z, mixing) < 0.9, seed
        torch.testing.assert_close(
            mixing.inverse(mixing(torch.tensor(z))), torch.tensor(z), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("activation", ["tanh", "leaky-relu", "silu"])
def test_a_mild_network_is_close_to_linear(activation):
    for seed in range(5):
        z = np.random.default_rng(seed).standard_normal((4000, 3))
        assert explained(z, network(3, seed, observed=10, activation=activation)) > 0.8


def test_a_twist_keeps_the_volume_and_is_undone():
    z = 5 * torch.randn(50, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = torch.vmap(torch.func.jacrev(lambda point: twist(point, 1.25)))(z)
    torch.testing.assert_close(torch.linalg.det(jacobian), torch.ones(50, dtype=torch.float64))
    torch.testing.assert_close(untwist(twist(z, 1.25), 1.25), z)
    assert torch.equal(twist(z[:, :1], 1.25), z[:, :1])


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


def test_an_offset_moves_x_alone():
    declaration = LinearMixing(observed=3, offset=(1.0, -2.0, 0.5)).draw(np.random.default_rng(0), ("a", "b"))
    moved = declaration.implement()(declaration, ("a", "b"), torch.float64, "cpu")
    plain = declaration.model_copy(update={"offset": None})
    still = plain.implement()(plain, ("a", "b"), torch.float64, "cpu")
    z = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    offset = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(moved(z), still(z) + offset)
    torch.testing.assert_close(moved.inverse(moved(z)), z)
    torch.testing.assert_close(moved.jacobian(z), still.jacobian(z))
    with pytest.raises(ValueError, match="offset must hold one number per observed variable"):
        LinearMixing(observed=3, offset=(1.0,))
