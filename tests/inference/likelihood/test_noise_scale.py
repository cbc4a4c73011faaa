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


@pytest.mark.slow
def test_a_result_whose_noise_varies_in_size_is_undecided():
    spec = crlspec.load(
        "linear/quadratic-hard-5",
        sets=["latents=3", "mixing.observed=6", "samples=5000", "scm.mechanism={kind: location-scale}"],
    )
    result = crlspec.solve(spec, crlspec.compile(spec, seed=4).sample(seed=4), seed=4)
    assert result.status.code == "undecided"
    (check,) = [one for one in result.checks if "varies in size" in one.message]
    assert check.consequence == "undecided" and "estimator.refine=none" in str(check.remedy)


@pytest.mark.slow
def test_an_unfinished_fit_is_not_taken_for_noise_of_varying_size():
    """Sums of sines: after the first steps 3 % of other latents are left in a latent, which look like it."""
    z = np.zeros((4, 5000, 3))
    rng = np.random.default_rng(7)
    for e in range(4):
        for i, weights in enumerate([(), (1.2,), (-1.0, 1.1)]):
            mean = 0.0 if e == i + 1 else 2 * sum(w * np.sin(z[e, :, j]) for j, w in enumerate(weights))
            z[e, :, i] = mean + (1.6 if e == i + 1 else 0.8) * rng.normal(size=5000)
    x = z @ rng.normal(size=(3, 5))
    text = "crlspec: 1\nname: sines\nlatents: 3\nassume:\n  mixing: linear\n"
    text += "  interventions: {design: single-node, kind: hard, targets: concealed}\n"
    data = crlspec.from_arrays(dict(zip(("obs", "a", "b", "c"), x, strict=True)), observational="obs")
    result = crlspec.solve(crlspec.loads(text), data, seed=0)
    assert not [one for one in result.checks if "varies in size" in one.message]
