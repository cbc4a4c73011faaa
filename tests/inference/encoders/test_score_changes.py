"""Score differences pulled back to latents: Jacobian products, freedom from noise, the check."""

from __future__ import annotations

import numpy as np

from crlspec.inference.encoders.score_changes import (
    check_scattered,
    first_rows,
    mean_squares,
    pulled_back,
    scattered,
)
from crlspec.maps.maps import Network
from crlspec.scores.base import ScoreEstimate


def network() -> Network:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(6, 3)), rng.normal(size=(5, 6))
    return Network(rng.normal(size=(5, 3)), np.zeros(5), weights, (rng.normal(size=6),), "tanh")


def test_pulling_back_is_the_product_with_the_jacobian():
    decoder, rng = network(), np.random.default_rng(1)
    z, d = rng.normal(size=(40, 3)), rng.normal(size=(2, 40, 5))
    inner = np.tanh(z @ decoder.weights[0].T + decoder.biases[0])
    slope = (1 - inner**2)[:, :, None] * decoder.weights[0]
    jacobian = decoder.skip + np.einsum("ch,shz->scz", decoder.weights[1], slope)
    np.testing.assert_allclose(
        pulled_back(decoder, z, d), np.einsum("scz,esc->esz", jacobian, d), rtol=1e-6, atol=1e-6
    )


def test_noise_that_two_fits_do_not_share_leaves_nothing():
    rng = np.random.default_rng(2)
    z, decoder = rng.normal(size=(20_000, 3)), Network(np.eye(3), np.zeros(3))
    truth = np.stack([2.0 * z[:, [0]] * np.eye(3)[0], 3.0 * z[:, [2]] * np.eye(3)[2]])
    noisy = ScoreEstimate.from_replicates(truth + rng.normal(size=(2, *truth.shape)))
    found = mean_squares(decoder, z, noisy)
    np.testing.assert_allclose(found, [[4.0, 0, 0], [0, 0, 9.0]], rtol=0.06, atol=0.05)
    exact = ScoreEstimate(truth, np.zeros((2, 3, 3)), exact=True)
    np.testing.assert_allclose(
        mean_squares(decoder, z, exact), [[4.0, 0, 0], [0, 0, 9.0]], rtol=0.06, atol=1e-9
    )


def test_units_of_latents_do_not_count():
    rng = np.random.default_rng(3)
    z, values = rng.normal(size=(500, 3)), rng.normal(size=(3, 500, 3))
    scores = ScoreEstimate(values, np.zeros((3, 3, 3)))
    scale = np.array([0.1, 1.0, 20.0])
    own = mean_squares(Network(np.eye(3), np.zeros(3)), z, scores)
    np.testing.assert_allclose(
        mean_squares(Network(np.diag(1 / scale), np.zeros(3)), z * scale, scores), own, rtol=1e-6
    )


def test_the_first_rows_are_the_latents_of_a_linear_mixing():
    rng = np.random.default_rng(4)
    rows = np.linalg.qr(rng.normal(size=(5, 5)))[0][:3]
    values = rng.standard_t(3, size=(3, 900, 1)) * rows[:, None]
    found = first_rows(ScoreEstimate(values, np.zeros((3, 5, 5))))
    np.testing.assert_allclose(np.abs(np.einsum("ic,ic->i", found, rows)), 1.0, atol=1e-9)


def test_the_check_names_what_is_mixed():
    shares = scattered(np.array([[4.0, 0.0, -0.1], [0.5, 1.5, 0.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(shares, [0.0, 0.25, 1.0])
    good = check_scattered(shares[:1], ["a"], 0.1)
    assert (good.consequence, good.message) == (
        "passed",
        "Between the two environments of every latent the score changes along that latent (100% of it in the worst).",
    )
    bad = check_scattered(shares[:2], ["a", "b"], 0.1)
    assert (bad.consequence, bad.latents) == ("undecided", ("b",))
    assert bad.message == (
        "Between the two environments of 'b' up to 25% of the score change falls on other latents, 10% is allowed. "
        "Latents are mixed, or scores are too noisy to tell."
    )
