"""Networks and kernels of scores on the device under test, in their dtype."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crlspec.progress import silent
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.kernel import KernelScores
from crlspec.scores.ratio import RatioScores
from crlspec.scores.sliced import SlicedScores, _axes, _loss, _VectorFields
from crlspec.testing.places import all_in


def kinds(device: str) -> dict[str, ScoreDifference]:
    return {
        "ratio": RatioScores(width=8, steps=30, batch=64, device=device),
        "sliced": SlicedScores(width=8, steps=30, batch=64, device=device),
        "kernel": KernelScores(features=16, bandwidths=(1.0,), device=device),
    }


def coordinates() -> Coordinates:
    rng = np.random.default_rng(0)
    x = {"obs": rng.normal(size=(300, 2)), "wide": 2 * rng.normal(size=(300, 2))}
    return Coordinates.fit(x, "obs", ("wide",), 2)


@pytest.mark.parametrize("kind", ["ratio", "sliced", "kernel"])
def test_scores_of_the_device_are_those_of_the_cpu(kind, device):
    found, expected = (
        kinds(place)[kind].estimate(coordinates(), 0, silent).values for place in (device, "cpu")
    )
    assert found.dtype == np.float64
    assert ((found - expected) ** 2).mean() <= 0.05**2 * (expected**2).mean()


def test_fields(device, dtype):
    fields = _VectorFields(2, 3, 8, torch.Generator().manual_seed(0))
    assert {p.dtype for p in fields.parameters()} == {torch.float32}
    fields = fields.to(device=device, dtype=dtype)
    points = torch.linspace(-1, 1, 60, dtype=dtype, device=device).reshape(2, 10, 3)
    with all_in(dtype, device):
        assert fields(points).shape == (2, 10, 3)
        assert _loss(fields, points, list(_axes(points))).shape == (2,)


def test_fields_without_numbers(dtype):
    fields = _VectorFields(2, 3, 8, torch.Generator().manual_seed(0)).to(device="meta", dtype=dtype)
    points = torch.empty(2, 10, 3, dtype=dtype, device="meta")
    with all_in(dtype, "meta"):
        assert fields(points).shape == (2, 10, 3)
        assert _loss(fields, points, list(_axes(points))).shape == (2,)
