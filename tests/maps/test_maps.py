"""Encoders and decoders as values: what scaling, reordering and links do to them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from crlspec.maps.maps import LinearEncoder, Network, NetworkDecoder, NetworkEncoder
from crlspec.numerics.links import LINKS

RNG = np.random.default_rng(0)


def network(inputs: int, outputs: int, hidden: tuple[int, ...] = (7, 6), activation: str = "silu") -> Network:
    sizes = (inputs, *hidden, outputs)
    weights = tuple(RNG.normal(size=(b, a)) for a, b in pairwise(sizes)) if hidden else ()
    biases = tuple(RNG.normal(size=size) for size in hidden)
    return Network(RNG.normal(size=(outputs, inputs)), RNG.normal(size=outputs), weights, biases, activation)


@pytest.mark.parametrize("hidden", [(), (7,), (7, 6)])
@pytest.mark.parametrize("activation", ["silu", "tanh", "leaky-relu"])
def test_scaling_a_decoder_undoes_scaling_its_encoder(hidden, activation):
    f = network(4, 3, hidden, activation)
    u, factor, centre = RNG.normal(size=(20, 4)), np.array([-2.0, 0.3, 5.0]), np.array([1.0, -1.0, 0.2])
    np.testing.assert_allclose(f.after(factor, centre)(u), factor * (f(u) - centre), atol=1e-12)
    g = network(3, 4, hidden, activation)
    z = RNG.normal(size=(20, 3))
    np.testing.assert_allclose(g.before(factor, centre)(factor * (z - centre)), g(z), atol=1e-11)
    np.testing.assert_allclose(f.outputs([2, 0, 1])(u), f(u)[:, [2, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(g.inputs([2, 0, 1])(z[:, [2, 0, 1]]), g(z), atol=1e-12)


def test_a_network_agrees_with_torch():
    torch = pytest.importorskip("torch")
    f, u = network(4, 3), RNG.normal(size=(9000, 4))
    hidden = torch.as_tensor(u)
    for weight, bias in zip(f.weights, f.biases, strict=False):
        hidden = torch.nn.functional.silu(hidden @ torch.as_tensor(weight).T + torch.as_tensor(bias))
    expected = hidden.numpy() @ f.weights[-1].T + u @ f.skip.T + f.bias
    np.testing.assert_allclose(f(u), expected, atol=1e-12)


def test_an_encoder_standardises_what_it_is_told_to():
    x = np.tanh(RNG.normal(size=(500, 5)))
    encoder = NetworkEncoder(network(4, 3), RNG.normal(size=(4, 5)), RNG.normal(size=5), "tanh")
    z = encoder(x)
    scaled = encoder.scaled(1 / z.std(0), x)
    np.testing.assert_allclose(scaled(x).mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled(x).std(0), 1)
    np.testing.assert_allclose(encoder.rows([1])(x), z[:, [1]])


@pytest.mark.parametrize("name", sorted(LINKS))
def test_links_and_their_inverses(name):
    link, u = LINKS[name], np.linspace(-4, 4, 101)
    np.testing.assert_allclose(link.inverse(link.forward(u)), u, atol=1e-10)
    step = 1e-6
    slopes = (link.forward(u + step) - link.forward(u - step)) / (2 * step)
    away = np.abs(u) > 1e-3
    np.testing.assert_allclose(link.slope(u)[away], slopes[away], rtol=1e-6, atol=1e-8)


def test_a_link_gives_no_latents_outside_its_range_and_finite_ones_at_its_border():
    encoder = NetworkEncoder(Network(np.eye(2), np.zeros(2)), np.eye(2), np.zeros(2), "tanh")
    found = encoder(np.array([[0.5, 1.5], [0.5, 1.0], [0.0, 0.0]]))
    assert np.isnan(found).any(axis=1).tolist() == [True, False, False]
    assert LINKS["tanh"].saturated(np.array([0.9, 1.0])).tolist() == [False, True]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not lead from 2 inputs to 3 outputs"):
        Network(np.zeros((3, 2)), np.zeros(3), (np.zeros((4, 2)),), (np.zeros(4),))
    with pytest.raises(ValueError, match="does not fit"):
        NetworkDecoder(Network(np.eye(2), np.zeros(2)), np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match="unknown link 'logit'"):
        NetworkEncoder(Network(np.eye(2), np.zeros(2)), np.eye(2), np.zeros(2), "logit")
    with pytest.raises(ValueError, match="matrix"):
        LinearEncoder(np.zeros((2, 3)), np.zeros(2))
