"""Scores by score matching, sliced and kernel: known answers, errors that fall with N, tuning, memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from crlspec.progress import silent
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.kernel import KernelScores, _frequencies, _Gaussian, _loss_terms
from crlspec.scores.sliced import SlicedScores, _axes, _loss, _VectorFields

SLICED = SlicedScores(width=32, steps=400, batch=256, rate=5e-3)
KERNEL = KernelScores(features=64)


def gaussian(samples: int, seed: int = 3) -> tuple[Coordinates, np.ndarray]:
    """Unit normal against a wider one, and the true differences s_obs − s_env in white coordinates."""
    rng = np.random.default_rng(seed)
    change = np.diag([1.0, 4.0, 1.0])
    x = {"obs": rng.normal(size=(samples, 3)), "wide": rng.normal(size=(samples, 3)) @ np.sqrt(change)}
    coordinates = Coordinates.fit(x, "obs", ("wide",), 3)
    return coordinates, x["obs"] @ (np.linalg.inv(change) - np.eye(3)) @ coordinates.space.coloring


def two_humps(samples: int, seed: int = 5) -> tuple[Coordinates, np.ndarray]:
    """First component a mixture of N(±1.5, 0.5), in one environment a unit normal instead."""
    rng = np.random.default_rng(seed)
    first = rng.choice([-1.5, 1.5], samples) + 0.5**0.5 * rng.normal(size=samples)
    obs = np.stack([first, rng.normal(size=samples)], 1)
    x = {"obs": obs, "flat": rng.normal(size=(samples, 2))}
    coordinates = Coordinates.fit(x, "obs", ("flat",), 2)
    mean = 1.5 * np.tanh(first * 1.5 / 0.5)
    truth = np.stack([(mean - first) / 0.5 + first, np.zeros(samples)], 1)
    return coordinates, truth @ coordinates.space.coloring


def error(source: ScoreDifference, case: tuple[Coordinates, np.ndarray]) -> float:
    """Relative L2 error of the estimated score differences."""
    coordinates, truth = case
    found = source.estimate(coordinates, 0, silent).values[0]
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize(("source", "most"), [(SLICED, 0.5), (KERNEL, 0.15)], ids=["sliced", "kernel"])
def test_the_gaussian_closed_form_is_met_the_closer_the_more_samples(
    source: ScoreDifference, most: float
) -> None:
    few, many = error(source, gaussian(800)), error(source, gaussian(12_800))
    assert many < most
    assert many < 0.7 * few


@pytest.mark.parametrize("source", [SLICED, KERNEL], ids=["sliced", "kernel"])
def test_what_no_gaussian_can_tell_is_found(source: ScoreDifference) -> None:
    case = two_humps(6000)
    assert error(source, case) < 0.4
    assert error(GaussianScores(), case) > 0.6


@pytest.mark.parametrize("source", [SLICED, KERNEL], ids=["sliced", "kernel"])
def test_crossed_moments_vanish_where_nothing_changes(source: ScoreDifference) -> None:
    rng = np.random.default_rng(9)
    same = {name: rng.normal(size=(4000, 2)) for name in ("obs", "same")}
    found = source.estimate(Coordinates.fit(same, "obs", ("same",), 2), 0, silent)
    assert np.abs(found.moments).max() < 0.02


def test_the_sliced_loss_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    fields = _VectorFields(2, 3, 8, generator).double()
    points = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    found = _loss(fields, points, list(_axes(points)))
    jacobians = torch.func.vmap(torch.func.jacrev(lambda y: fields(y[None])[:, 0]), in_dims=0)(
        points.reshape(10, 3)
    ).reshape(2, 5, 2, 3, 3)
    for network in range(2):
        values = fields(points[network])[network]
        traces = torch.stack([torch.trace(jacobians[network, k, network]) for k in range(5)])
        torch.testing.assert_close(found[network], (0.5 * (values**2).sum(-1) + traces).mean())


def test_the_kernel_loss_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(1)
    y = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    omega = _frequencies(4, 3, generator)
    weights = torch.randn(8, generator=generator, dtype=torch.float64)
    base = _Gaussian.of(y)
    quadratic, linear = _loss_terms(base, y, omega)

    def score(point: torch.Tensor) -> torch.Tensor:
        def f(at: torch.Tensor) -> torch.Tensor:
            phases = omega @ at
            return weights @ torch.cat([torch.cos(phases), torch.sin(phases)]) / 2

        return base.score(point) + torch.func.grad(f)(point)

    def loss(s: object) -> torch.Tensor:
        values = torch.stack([s(point) for point in y])  # type: ignore[operator]
        traces = torch.stack([torch.trace(torch.func.jacrev(s)(point)) for point in y])  # type: ignore[arg-type]
        return (0.5 * (values**2).sum(1) + traces).mean()

    beyond = loss(score) - loss(base.score)
    torch.testing.assert_close(
        0.5 * weights @ quadratic @ weights + linear @ weights, beyond, rtol=1e-5, atol=1e-5
    )


def test_the_features_carry_the_inverse_multiquadric() -> None:
    omega = _frequencies(200_000, 2, torch.Generator().manual_seed(2))
    for distance in (0.3, 1.0, 3.0):
        found = torch.cos(omega @ torch.tensor([distance, 0.0], dtype=torch.float64)).mean()
        assert float(found) == pytest.approx((1 + distance**2) ** -0.5, abs=0.01)


@pytest.mark.slow
def test_a_hundred_thousand_samples_need_little_memory() -> None:
    code = """
import resource, numpy as np, torch
from crlspec.progress import silent
from crlspec.scores.base import Coordinates
from crlspec.scores.kernel import KernelScores
rng = np.random.default_rng(0)
x = {name: rng.normal(size=(100_000, 3)) * scale for name, scale in (("obs", 1.0), ("wide", 2.0))}
coordinates = Coordinates.fit(x, "obs", ("wide",), 3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = KernelScores(features=128, bandwidths=(1.0,)).estimate(coordinates, 0, silent)
truth = -0.75 * x["obs"] @ coordinates.space.coloring
error = np.linalg.norm(found.values[0] - truth) / np.linalg.norm(truth)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    megabytes, found = map(float, done.stdout.split())
    assert megabytes < 500  # the kernel matrix of all samples would take 40,000
    assert found < 0.05
