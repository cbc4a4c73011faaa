"""CPU and GPU agree: the first gradients to rounding, trained latents nearly. Skipped where there is no GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crlspec.inference.encoders.gaussian_environments import Start
from crlspec.inference.encoders.gaussianise import gaussianise
from crlspec.inference.encoders.score_sparsity import fit_sparse
from crlspec.inference.encoders.structured_ratio import Settings, Starts, StructuredRatio, fit
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.training import Plan, train
from crlspec.progress import silent
from crlspec.testing import LinearGaussianToy, PairsToy

GRADIENTS = 1e-4
"""Relative error of the gradients of a batch, float32."""
LATENTS = 0.999
"""Least correlation of the latents that encoders trained on either find: rounding grows from step to step."""

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
GPU = TrainingContext("cuda")
TOY, CHAIN = PairsToy(), LinearGaussianToy()
PAIRS = [(1, 2), (3, 4), (5, 6)]
SETTINGS = Settings(True, width=32, steps=200)


def curved(z: np.ndarray) -> np.ndarray:
    return np.column_stack([z, np.tanh(z)]) * 0.5


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    n = one.shape[1]
    return np.abs(np.corrcoef(one.T, other.T)[:n, n:]).diagonal()


def gradients(context: TrainingContext) -> list[torch.Tensor]:
    """Of the first batch of structured classifiers."""
    generator = torch.Generator().manual_seed(0)
    model = StructuredRatio(torch.randn(2, 3, 6, generator=generator), PAIRS, SETTINGS, generator)
    model = model.to(context.device)
    train(
        model,
        lambda y: sum(model.losses(y)),
        lambda g: torch.randn(7, 64, 6, generator=g).to(context.device),
        generator,
        Plan(steps=1),
    )
    return [p.grad.cpu() for p in model.parameters() if p.grad is not None]


def test_gradients() -> None:
    for ours, cpu in zip(gradients(GPU), gradients(HERE), strict=True):
        assert (ours - cpu).norm() <= GRADIENTS * cpu.norm() + 1e-7


def test_structured_ratio() -> None:
    y = [curved(TOY.z(name)) for name in ("obs", *TOY.environments)]
    rows = np.eye(3, 6)[None]
    found = [fit(y, PAIRS, Starts(rows), SETTINGS, 0, silent, place).encoder(y[0]) for place in (GPU, HERE)]
    assert correlations(*found).min() > LATENTS


def test_score_sparsity() -> None:
    z = TOY.z("obs")
    samples = [curved(TOY.z(name)) for name in ("obs", *TOY.environments)]
    differences = np.stack([3.75 * z[:, [i]] * np.eye(3, 6)[i] for i in range(3)])
    found = [
        fit_sparse(samples, differences, np.eye(3, 6)[None], SETTINGS, 0, silent, place).encoder(samples[0])
        for place in (GPU, HERE)
    ]
    assert correlations(*found).min() > LATENTS


@pytest.mark.parametrize("objective", ["likelihood", "log odds"])
def test_contrastive(objective) -> None:
    z = [CHAIN.z(name) for name in ("obs", *CHAIN.environments)]
    u = [one + 0.3 * np.tanh(one) for one in z]
    start = Start.of(np.eye(3), u, (2, 0, 1))
    plan = Plan(steps=200, rate=3e-3, look=50)
    found = [
        gaussianise(u, [start], objective, 0, silent, plan, place).network(u[0]) for place in (GPU, HERE)
    ]
    assert correlations(*found).min() > LATENTS
