"""Mechanisms that must not change, of latents that are not normal: level, power and texts of the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.inference.check import Check
from crlspec.inference.checks.invariance import check_invariance, check_shared
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.soft.invariance_test import Invariance, invariance
from crlspec.inference.soft.shared_test import shared
from crlspec.inference.thresholds import LscaleThresholds, UmniThresholds
from crlspec.numerics.sample import Sample

ARROWS = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.7, -0.9, 0.0]])
NOISES: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "laplace": lambda rng, rows: rng.laplace(size=(rows, 3)),
    "uniform": lambda rng, rows: rng.uniform(-1.7, 1.7, size=(rows, 3)),
    "exponential": lambda rng, rows: rng.exponential(size=(rows, 3)) - 1,
    "t5": lambda rng, rows: rng.standard_t(5, size=(rows, 3)),
}
SIZES = (300, 1000, 5000)
SETS = ((), (0,), (0, 1), (1, 2), (0, 2), (2,))
"""Targets of the environments of a multi-node design, the observational first."""


def found(seed: int, noise: str, rows: int, aside: Mapping[int, int] | None = None) -> Invariance:
    """z1 → z2 → z3, z1 → z3 in true coordinates; each environment turns the weights of its latent and doubles its
    noise, and, where ``aside`` says so, that of another latent too.

    The networks are left at their start, with the linear mechanisms in: what they leave does not matter."""
    rng, samples = np.random.default_rng([seed, 19]), []
    for target in (None, 0, 1, 2):
        weights, drawn = ARROWS.copy(), NOISES[noise](rng, rows)
        for k in () if target is None else (target, *(aside or {}).get(target, ())):
            weights[k] *= -0.5
            drawn[:, k] *= 2
        samples.append(drawn @ np.linalg.inv(np.eye(3) - weights).T)
    y = torch.as_tensor(np.concatenate(samples), dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    scale = y.std(0)
    model = FlexibleLikelihood(
        torch.diag(1 / scale)[None], torch.arange(1, 4)[None], generator, soft=True, width=4
    )
    with torch.no_grad():
        linear = torch.as_tensor(ARROWS, dtype=torch.float32) * scale / scale[:, None]
        model.network.linear.copy_(linear.reshape(3, 3, 1))
    return invariance(model, Sample(y, torch.arange(4).repeat_interleave(rows)))


def shared_by(seed: int, noise: str, rows: int, factor: float = 1.0) -> Check:
    """The same latents under ``SETS``: a target has its weights turned, and its noise doubled.

    factor  of the new weights of the last latent in the last environment: a third mechanism where it is not 1"""
    rng, samples = np.random.default_rng([seed, 23]), []
    turned = -0.5 * ARROWS
    for targets in SETS:
        weights, drawn = ARROWS.copy(), NOISES[noise](rng, rows)
        for k in targets:
            weights[k] = turned[k] * (factor if targets == SETS[-1] else 1.0)
            drawn[:, k] *= 2
        samples.append(drawn @ np.linalg.inv(np.eye(3) - weights).T)
    y = torch.as_tensor(np.concatenate(samples), dtype=torch.float32)
    scale = y.std(0)
    targeted = torch.tensor([[[k in targets for targets in SETS] for k in range(3)]])
    model = FlexibleLikelihood(
        torch.diag(1 / scale)[None], targeted, torch.Generator().manual_seed(seed), soft=True, width=4
    )
    with torch.no_grad():
        for weights, linear in ((ARROWS, model.network.linear), (turned, None)):
            scaled = torch.as_tensor(weights, dtype=torch.float32) * scale / scale[:, None]
            if linear is None:
                model.remix.copy_(-scaled)
            else:
                linear.copy_(scaled.reshape(3, 3, 1))
    found = shared(model, Sample(y, torch.arange(len(SETS)).repeat_interleave(rows)))
    return check_shared(found.overall, found.freedom, UmniThresholds())


def checked(result: Invariance) -> Check:
    return check_invariance(result.overall, result.freedom, LscaleThresholds())


@pytest.mark.parametrize("noise", NOISES)
def test_sound_designs_pass_whatever_the_noise(noise: str) -> None:
    results = [found(seed, noise, 300) for seed in range(2)]
    assert {checked(result).consequence for result in results} == {"passed"}
    assert checked(results[0]).message == (
        "Mechanisms stay as they are in environments that do not target them, as far as the data show."
    )


def test_a_drug_that_hits_a_second_latent_leaves_it_undecided() -> None:
    check = checked(found(0, "exponential", 1000, {1: (0,)}))
    assert check.consequence == "undecided" and check.figure > check.bound
    assert check.message.startswith(
        "Under every order that was tried, mechanisms change in environments that do not target them (p "
    )
    assert check.message.endswith(
        "So some environment has more than one target, or the rows of an environment follow more than one law."
    )


@pytest.mark.parametrize("noise", NOISES)
def test_two_mechanisms_of_a_latent_are_shared_whatever_the_noise(noise: str) -> None:
    check = shared_by(0, noise, 300)
    assert check.consequence == "passed"
    assert check.message == (
        "Environments share the mechanisms that the targets say they share, as far as the data show."
    )


def test_a_third_mechanism_of_a_latent_leaves_it_undecided() -> None:
    check = shared_by(0, "exponential", 1000, -1.0)
    assert check.consequence == "undecided" and check.figure > check.bound
    assert check.message.startswith("Environments that should share a mechanism do not (p ")
    assert check.message.endswith(
        "So targets are missing or too many, a latent has more than two mechanisms, or the rows of an environment "
        "follow more than one law."
    )


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("rows", SIZES)
def test_level_and_power_of_shared_mechanisms(noise: str, rows: int) -> None:
    runs = 60 if rows < SIZES[-1] else 20
    sound = [shared_by(seed, noise, rows) for seed in range(runs)]
    assert sum(check.objects for check in sound) <= stats.binom.ppf(0.999, runs, 1e-3)
    if rows < UmniThresholds().flexible_samples:
        return
    faulty = [shared_by(seed, noise, rows, -1.0) for seed in range(runs // 4)]
    assert sum(check.objects for check in faulty) >= 0.8 * len(faulty)


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("rows", SIZES)
def test_level_and_power(noise: str, rows: int) -> None:
    runs = 60 if rows < SIZES[-1] else 20
    sound = [checked(found(seed, noise, rows)) for seed in range(runs)]
    assert sum(check.objects for check in sound) <= stats.binom.ppf(0.999, runs, 1e-3)
    faulty = [checked(found(seed, noise, rows, {2: (0,)})) for seed in range(runs // 4)]
    assert sum(check.objects for check in faulty) >= 0.8 * len(faulty)


@pytest.mark.parametrize("freedom", [23, 90])
def test_as_much_is_granted_as_the_thresholds_say(freedom: int) -> None:
    limits = LscaleThresholds()
    bound = limits.granted * stats.chi2.isf(limits.unchanged, freedom) / freedom
    for overall, objects in ((0.99 * bound, False), (1.01 * bound, True)):
        check = check_invariance(overall, freedom, limits)
        assert check.objects == objects and check.bound == pytest.approx(bound)
    stricter = replace(limits, granted=1.0, unchanged=0.01)
    assert check_invariance(0.99 * bound, freedom, stricter).objects
