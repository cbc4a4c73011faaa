"""Whether log ratios turn, the latents where they do not, and heads that cannot turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.inference.encoders.halves import halved_latents
from crlspec.inference.encoders.monotone_ratio import MonotoneRatio
from crlspec.inference.encoders.sign_starts import signed_latents
from crlspec.inference.encoders.turning import normal_scores, sided_starts, skewnesses
from crlspec.progress import silent

SAMPLES, DRAWS, ERROR = 2000, 20, 0.1
FOLDED, MONOTONE = 0.08, 0.005
"""Shares of the samples beyond the turning point from which on, and up to which, one answer is right."""
Moments = tuple[float, float, float, float]


def begins(*ratios: tuple[np.ndarray, np.ndarray]) -> tuple[set[bool], ...]:
    """For each latent whether restarts begin with two sides: all, none or some."""
    return tuple(set(one) for one in zip(*sided_starts(skewnesses(ratios), 2), strict=True))


def log_ratio(z: np.ndarray, moments: Moments) -> np.ndarray:
    """log N(z; first mean, first variance) − log N(z; second), without its constant."""
    mean, variance, other, wide = moments
    return (z - other) ** 2 / (2 * wide) - (z - mean) ** 2 / (2 * variance)


def pair(rng: np.random.Generator, moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    mean, variance, other, wide = moments
    z = rng.normal(size=(2, SAMPLES))
    return mean + np.sqrt(variance) * z[0], other + np.sqrt(wide) * z[1]


def beyond(moments: Moments) -> float:
    """Share of the samples of the two environments on the lesser side of the turning point."""
    mean, variance, other, wide = moments
    if variance == wide:
        return 0.0
    point = (mean / variance - other / wide) / (1 / variance - 1 / wide)
    low = (stats.norm.cdf(point, mean, variance**0.5) + stats.norm.cdf(point, other, wide**0.5)) / 2
    return float(min(low, 1 - low))


GRID = [
    (shift / 2, 1.0, -shift / 2, ratio)
    for shift in (0.0, 0.5, 1.0, 2.0, 3.0)
    for ratio in (1.0, 1.2, 1.5, 2.0, 4.0, 16.0)
    if shift or ratio > 1
]
CLEAR = [moments for moments in GRID if beyond(moments) >= FOLDED or beyond(moments) <= MONOTONE]


def test_some_restart_begins_right_in_all_but_one_of_a_hundred_pairs_over_shifts_and_scales() -> None:
    rng, wrong = np.random.default_rng(0), 0
    for moments in CLEAR:
        truth = beyond(moments) >= FOLDED
        for _ in range(DRAWS):
            ratios = [log_ratio(z, moments) for z in pair(rng, moments)]
            spread = ERROR * np.concatenate(ratios).std()
            first, second = (r + spread * rng.normal(size=SAMPLES) for r in ratios)
            wrong += truth not in begins((first, second))[0]
    assert {beyond(moments) >= FOLDED for moments in CLEAR} == {True, False}
    assert wrong <= 0.01 * DRAWS * len(CLEAR), f"{wrong} of {DRAWS * len(CLEAR)}"


@pytest.mark.parametrize("moments", CLEAR)
def test_the_decision_asks_neither_for_order_nor_for_scale_or_offset(moments: Moments) -> None:
    first, second = (log_ratio(z, moments) for z in pair(np.random.default_rng(1), moments))
    found = begins((first, second))
    assert found == begins((-second, -first)) == begins((5 + 0.2 * first, 5 + 0.2 * second))
    mirrored = (-moments[0], moments[1], -moments[2], moments[3])
    first, second = (log_ratio(-z, mirrored) for z in pair(np.random.default_rng(1), moments))
    assert begins((first, second)) == found


def test_laplace_noise_turns_where_its_scale_changes_and_not_where_its_mean_does() -> None:
    z = np.random.default_rng(2).laplace(size=(2, SAMPLES))
    scaled = [np.abs(one) for one in (0.5 * z[0], 2 * z[1])]
    shifted = [np.abs(one + 1) - np.abs(one - 1) for one in (z[0] + 1, z[1] - 1)]
    assert True in begins((scaled[0], scaled[1]))[0]
    assert begins((shifted[0], shifted[1])) == ({False},)


def test_exact_log_ratios_give_latents_up_to_an_increasing_map_and_sides_only_where_they_turn() -> None:
    rng = np.random.default_rng(3)
    kinds = [(1.0, 1.0, -1.0, 1.0), (0.0, 0.25, 0.0, 4.0), (1.0, 0.5, -1.0, 1.0)]
    z = [rng.normal(size=(SAMPLES, 3)) for _ in range(7)]
    for i, (mean, variance, other, wide) in enumerate(kinds):
        z[2 * i + 1][:, i] = mean + np.sqrt(variance) * z[2 * i + 1][:, i]
        z[2 * i + 2][:, i] = other + np.sqrt(wide) * z[2 * i + 2][:, i]
    pairs = [(1, 2), (3, 4), (5, 6)]
    logits = [np.zeros((SAMPLES, 7)) for _ in z]
    for values, found in zip(z, logits, strict=True):
        for i, moments in enumerate(kinds):
            found[:, 2 * i + 1] = log_ratio(values[:, i], moments)
    found = begins(
        *((logits[a][:, a] - logits[a][:, b], logits[b][:, a] - logits[b][:, b]) for a, b in pairs)
    )
    assert found[:2] == ({False}, {True}) and False in found[2]
    ((points, latents),) = signed_latents(z, logits, pairs, 1, 0, (False, True, False))
    ranks = [abs(stats.spearmanr(points[:, i], latents[:, i]).statistic) for i in range(3)]
    assert ranks[0] == pytest.approx(1.0)
    assert ranks[1] > 0.95  # the cut errs at a few points far out
    assert ranks[2] > 0.999  # a tenth of a percent lies beyond its turning point
    assert np.abs(latents.mean(0)).max() < 1e-9
    assert np.abs(latents.std(0) - 1).max() < 1e-9


def test_restarts_take_turns_where_skewness_leaves_two_sides_open() -> None:
    skewed = np.array([0.6, 0.35, 0.349, 0.2, 0.199, 0.0])
    clear, shut = (True, True), (False, False)
    assert sided_starts(skewed, 3) == (
        (*clear, True, True, *shut),
        (*clear, False, False, *shut),
        (*clear, True, True, *shut),
    )
    assert sided_starts(skewed, 1, 0.0, 0.0) == ((True,) * 6,)
    assert sided_starts(skewed, 1, 1.0, 1.0) == ((False,) * 6,)


def test_restarts_begin_at_two_sides_or_at_the_log_ratio_each_as_it_was_told() -> None:
    """The latent of a pair of scales: with two sides it is found, with none its distance from the middle is."""
    rng = np.random.default_rng(6)
    samples = [rng.normal(size=(600, 2)) * [scale, 1] for scale in (1.0, 0.5, 2.0)]
    starts = halved_latents(samples, [(1, 2)], [(True,), (False,)], 0, silent, steps=60)
    ranks = [
        [abs(stats.spearmanr(truth, latents[:, 0]).statistic) for truth in (points[:, 0], abs(points[:, 0]))]
        for points, latents in starts
    ]
    assert ranks[0][0] > 0.7 and ranks[0][1] < 0.3
    assert ranks[1][0] < 0.3 and ranks[1][1] > 0.7


def test_normal_scores_are_increasing_and_standard_normal() -> None:
    values = np.exp(np.random.default_rng(4).normal(size=(1000, 2)))
    scores = normal_scores(values)
    assert (np.argsort(scores, axis=0) == np.argsort(values, axis=0)).all()
    assert stats.kstest(scores[:, 0], "norm").statistic < 0.001


@pytest.mark.parametrize("flexible", [False, True])
def test_no_weights_make_the_difference_of_chosen_heads_turn_and_others_stay(flexible: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    heads = MonotoneRatio(torch.tensor([[True, False]] * 4 + [[False, False]]), flexible)
    with torch.no_grad():
        for weights in heads.parameters():
            weights.copy_(3 * torch.randn(weights.shape, generator=generator))
    h = torch.linspace(-6, 6, 500).expand(5, 2, -1)
    free = torch.randn(5, 2, 2, 500, generator=generator)
    with torch.no_grad():
        replaced = heads(free, h)
    assert torch.equal(replaced[:, 1], free[:, 1]) and torch.equal(replaced[4], free[4])
    assert torch.allclose(replaced[:4, 0].mean(1), free[:4, 0].mean(1), atol=1e-4)
    steps = (replaced[:4, 0, 0] - replaced[:4, 0, 1]).double().diff()
    assert ((steps >= -1e-4).all(1) | (steps <= 1e-4).all(1)).all()


def test_the_first_two_restarts_begin_at_opposite_halves() -> None:
    rng = np.random.default_rng(5)
    samples = [rng.normal(size=(count, 3)) for count in (61, 60, 47, 61, 38)]
    first, second, third = halved_latents(samples, [(1, 2), (3, 4)], [(False, False)] * 3, 0, silent, steps=2)
    rows = [{tuple(row) for row in points} for points, _ in (first, second, third)]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] <= {tuple(row) for row in np.concatenate(samples)}
    assert [len(found) for found in rows] == [sum(len(y) // 2 for y in samples)] * 3
    assert rows[2] not in rows[:2]
