"""Newton steps of the flexible likelihood: right derivatives, and mechanisms that follow when latents turn."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics.sample import Sample

GRAPHS = [[[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]], np.tri(4, k=-1).tolist()]


def model_of(kind: str) -> FlexibleLikelihood:
    """Two candidates of four latents with networks that matter, in float64."""
    generator = torch.Generator().manual_seed(1)
    model = FlexibleLikelihood(
        torch.eye(4) + 0.3 * torch.randn(2, 4, 4, generator=generator),
        torch.tensor([[1, 2, 3, 4], [4, 2, 3, 1]]),
        generator,
        graph=torch.tensor(GRAPHS).bool() if kind == "graph" else None,
        soft=kind == "soft",
    ).double()
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


@pytest.fixture
def float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["nested", "graph", "soft"])
def test_scores_are_the_derivatives_along_the_steps(kind: str) -> None:
    """Of each parameter that Newton steps move, the mean score is minus the derivative of the mean loss."""
    model, generator = model_of(kind), torch.Generator().manual_seed(2)
    sample = Sample(torch.randn(40, 4, generator=generator), torch.randint(0, 5, (40,), generator=generator))
    scores = model.linear_scores(sample).mean(2) * model.counts

    def loss(step: Tensor) -> Tensor:
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.move(step)
            return other.loss(sample).mean(1)

    size, numerical = 1e-5, torch.zeros_like(scores)
    for k in range(scores.shape[1]):
        step = torch.zeros_like(scores)
        step[:, k] = size
        numerical[:, k] = (loss(-step) - loss(step)) / (2 * size)
    moved = scores != 0
    assert moved.any(0).sum() > 20
    torch.testing.assert_close(scores[moved], numerical[moved], rtol=1e-5, atol=1e-7)


def test_a_mechanism_follows_when_the_latents_it_depends_on_turn() -> None:
    """z₁ → z₂ → z₃ with kinks, and an edge z₁ → z₃ in the graph that is not there: the mechanism of z₃ fits whatever
    is left of z₁ in z₂, and must not hold it there."""
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    parts = []
    for environment in range(4):
        noise = rng.normal(size=(4000, 3)) * np.where(np.arange(3) == environment - 1, 2.0, 1.0)
        first = noise[:, 0]
        second = noise[:, 1] + 2 * np.abs(first) * (environment != 2)
        third = 0.3 * noise[:, 2] + 2 * np.abs(second - 2) * (environment != 3)
        parts.append(np.column_stack([first, second, third]))
    sample = Sample.split(parts, generator, held_out=1e-3)[0]
    off = torch.eye(3)
    off[1, 0] = 0.3
    graph = torch.ones(3, 3).tril(-1).bool()[None]
    model = FlexibleLikelihood(off[None], torch.tensor([[1, 2, 3]]), generator, graph=graph)
    model.change.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(sample[torch.randint(len(sample), (1024,), generator=generator)]).mean().backward()
        optimizer.step()
    for _ in range(4):
        model.newton(sample)
    row = model.rows()[0, 1].detach()
    assert abs(row[0] / row[1]) < 0.04
