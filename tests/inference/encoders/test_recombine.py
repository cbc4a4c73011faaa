"""Starts that take each latent from the restart that tells its two environments apart best."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.encoders.recombine import pair_losses, recombined

PAIRS = [(1, 2), (3, 4)]
LOG_2 = np.log(2.0)


@pytest.fixture
def truth() -> list[np.ndarray]:
    """Two independent latents; of each, one environment has four times the scale of the other."""
    rng = np.random.default_rng(0)
    scales = [(1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)]
    return [rng.normal(size=(4000, 2)) * scale for scale in scales]


def seam(z: np.ndarray, latent: int) -> np.ndarray:
    """The wrong distance from 0 in part of the space: where the other latent is positive, the sign is turned and the
    latent is gaussianised."""
    found = z.copy()
    found[:, latent] = np.where(z[:, 1 - latent] > 0, 1 - z[:, latent], z[:, latent])
    return found


def test_losses_are_those_of_the_best_classifier(truth):
    first, second = truth[1][:, 0], truth[2][:, 0]
    z = np.concatenate([first, second])
    ratio = np.log(4) - z**2 * (1 / 0.5**2 - 1 / 2**2) / 2
    label = np.repeat([1, -1], len(first))
    assert pair_losses([truth], PAIRS)[0, 0] == pytest.approx(
        np.logaddexp(0, -label * ratio).mean(), abs=0.01
    )


def test_losses_do_not_see_the_scale_and_know_when_nothing_is_told(truth):
    stretched = [np.sign(z) * np.abs(z) ** 3 for z in truth]
    np.testing.assert_allclose(pair_losses([truth], PAIRS), pair_losses([stretched], PAIRS), atol=1e-12)
    same = [truth[0]] * 5
    assert pair_losses([same], PAIRS).min() > LOG_2 - 1e-9


def test_a_latent_is_taken_from_the_restart_that_has_it_right(truth):
    restarts = [[seam(z, 0) for z in truth], [seam(z, 1) for z in truth], [-z for z in truth]]
    starts, chosen = recombined(restarts[:2], PAIRS)
    assert chosen.tolist() == [[1, 0], [0, 1]]
    whole = np.concatenate(truth)
    np.testing.assert_allclose(starts[0], (whole - whole.mean(0)) / whole.std(0), atol=1e-12)
    starts, chosen = recombined(restarts, PAIRS)
    assert chosen.tolist() == [[1, 0], [2, 2]]
    np.testing.assert_allclose(starts[1], -starts[0], atol=1e-12)
