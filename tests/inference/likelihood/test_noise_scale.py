"""Noise whose size varies with other latents is told where a likelihood took it to be even."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import crlspec
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.noise_scale import heteroscedasticity
from crlspec.numerics.sample import Sample


def fitted(size_depends: bool, seed: int, heavy: bool = False) -> float:
    """Two latents, the second of noise around 0, its size the first one's affair or not; known coordinates."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(4, size=(6000, 2)) if heavy else rng.normal(size=(6000, 2))
    z = np.column_stack([noise[:, 0], noise[:, 1] * (np.exp(0.3 * noise[:, 0]) if size_depends else 1.0)])
    environment = torch.arange(6000) % 3
    targets = torch.eye(3, dtype=torch.bool)[None, 1:]
    model = FlexibleLikelihood(torch.eye(2)[None], targets, torch.Generator().manual_seed(0))
    for parameter in model.network.parameters():
        torch.nn.init.zeros_(parameter)
    return heteroscedasticity(model, Sample(torch.as_tensor(z, dtype=torch.float32), environment))


@pytest.mark.parametrize("heavy", [False, True])
def test_even_noise_is_not_taken_for_uneven(heavy):
    assert [fitted(False, seed, heavy) for seed in range(30)] == [0.0] * 30


def test_uneven_noise_is_told_with_its_share():
    assert all(0.02 < fitted(True, seed) < 0.5 for seed in range(5))


def test_a_result_whose_noise_varies_in_size_is_undecided():
    spec = crlspec.load(
        "linear/quadratic-hard-5",
        sets=["latents=3", "mixing.observed=6", "samples=5000", "scm.mechanism={kind: location-scale}"],
    )
    result = crlspec.solve(spec, crlspec.compile(spec, seed=4).sample(seed=4), seed=4)
    assert result.status.code == "undecided"
    (check,) = [one for one in result.checks if "varies in size" in one.message]
    assert check.consequence == "undecided" and "estimator.refine=none" in str(check.remedy)
