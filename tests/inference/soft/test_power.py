"""The power of likelihood ratios between orders: where a change of an effect is seen, and what a closure claims."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.checks.fitted import soft_fit
from crlspec.inference.lscale import LScaleI
from crlspec.inference.power import Power
from crlspec.inference.soft.decided import check_absences
from crlspec.inference.soft.fit import fit_soft
from crlspec.inference.soft.gaussian import _own_and_others
from crlspec.inference.soft.power import detectable_changes, own_loss, with_change
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores

from .test_decided import Soft, check_of

DECODER = np.array([[1.0, 0.4], [-0.7, 1.3]])
SAMPLES = 4000
COUNTS = np.full(3, float(SAMPLES))
GROUPS = _own_and_others(2)


def moments(noise: float) -> np.ndarray:
    """Two latents without an effect; environments multiply their variances by 1.6 and by ``noise``."""
    second = [DECODER @ np.diag(one) @ DECODER.T for one in ((1, 1), (1.6, 1), (1, noise))]
    return augmented(np.stack(second), np.zeros((3, 2)))


def augmented(covariances: np.ndarray, means: np.ndarray) -> np.ndarray:
    found = np.zeros((3, 3, 3))
    found[:, 0, 0], found[:, 0, 1:], found[:, 1:, 0] = 1, means, means
    found[:, 1:, 1:] = covariances + means[:, :, None] * means[:, None, :]
    return found


def losses(orders: list[tuple[int, ...]], given: np.ndarray) -> np.ndarray:
    rows = np.stack([np.linalg.inv(DECODER)[list(order)] for order in orders])
    return np.array([fit.loss for fit in fit_soft(GROUPS[np.array(orders)], rows, given, COUNTS)])


def detectable(noise: float, counts: np.ndarray = COUNTS) -> float:
    fit = soft_fit(np.linalg.inv(DECODER), moments(noise), counts, GROUPS)
    return float(detectable_changes(fit, {(1, 0): (1, 0)}, counts, losses, 0.01)[1, 0])


def test_a_models_own_loss_is_that_of_its_fit() -> None:
    fit = soft_fit(np.linalg.inv(DECODER), moments(0.6), COUNTS, GROUPS)
    changed = with_change(fit, 1, 0, 0.3)
    assert own_loss(fit, COUNTS) == pytest.approx(losses([(0, 1)], changed)[0], abs=1e-9)
    z = np.linalg.inv(DECODER) @ (changed[:, 1:, 1:]) @ np.linalg.inv(DECODER).T
    np.testing.assert_allclose(z[:, 1, 0] / z[:, 0, 0], [0.3, 0.3, 0], atol=1e-12)


def test_more_samples_show_smaller_changes() -> None:
    """Without a change of noise a change counts in its square, and four times the samples halve it."""
    few, many = detectable(1.0), detectable(1.0, 4 * COUNTS)
    assert few / many == pytest.approx(2, rel=0.05)
    assert detectable(0.6) > 2 * few  # a change of noise beside it hides what is of first order


def test_the_power_at_the_detectable_change_is_four_in_five() -> None:
    """600 draws of sample moments (Wishart), both orders fitted to each."""
    fit = soft_fit(np.linalg.inv(DECODER), moments(0.6), COUNTS, GROUPS)
    truth, rng, runs = with_change(fit, 1, 0, detectable(0.6))[:, 1:, 1:], np.random.default_rng(5), 600
    drawn = []
    for _ in range(runs):
        second = [stats.wishart.rvs(SAMPLES - 1, one / SAMPLES, random_state=rng) for one in truth]
        means = [rng.multivariate_normal(np.zeros(2), one / SAMPLES) for one in truth]
        drawn.append(augmented(np.stack(second), np.stack(means)))
    both = np.stack([losses([order] * runs, np.stack(drawn)) for order in ((0, 1), (1, 0))])
    ratios = 2 * COUNTS.sum() * (both[1] - both[0])
    seen = (stats.chi2.sf(np.maximum(ratios, 0), 1) < 0.01).mean()
    assert seen == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / runs))


def test_a_closure_claims_absence_above_what_it_sees() -> None:
    soft = Soft(0, 4000, arrows=(1.1, 0.0, 0.0))
    found = soft.solved()
    assert {edge.pair for edge in found.edges} == {("z1", "z2")}
    check = check_of(found, "edges")
    assert check.consequence == "passed" and check.message.endswith(
        " that would have been missed one time in five. All other absent pairs are known better."
    )
    assert len(found.absent_edges) == 2 and all(edge.claimed for edge in found.absent_edges)
    assert check.figure == max(edge.detectable or 0.0 for edge in found.absent_edges) <= 0.5
    strict = replace(LScaleI(), thresholds=replace(LScaleI().thresholds, detectable=0.0))
    asked = strict.solve(soft.problem(), GaussianScores(), 0, silent)
    open_ones = check_of(asked, "edges")
    assert open_ones.message.endswith(" missed one time in five. So its absence is not claimed.")
    assert open_ones.consequence == "note" and asked.status.code == found.status.code
    assert not any(edge.claimed for edge in asked.absent_edges)


def test_where_every_pair_is_claimed_none_is_absent() -> None:
    check = check_absences(Power(np.full((2, 2), 0.1), 0.5), ["a", "b"], np.tri(2, k=-1, dtype=bool))
    assert check.consequence == "passed"
    assert check.message == "No pair is claimed not to be ancestor and descendant."
