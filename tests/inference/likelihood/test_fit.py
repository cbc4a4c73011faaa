"""Fits better every candidate, and each is what it is alone."""

from __future__ import annotations

import torch

from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics.sample import Sample
from crlspec.progress import silent

GRAPHS = [[[0, 0, 0], [1, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 0], [1, 1, 0]]]


def model_of(graph: bool, candidates: int = 2) -> FlexibleLikelihood:
    """Networks that matter."""
    generator = torch.Generator().manual_seed(candidates)
    graphs = torch.tensor(GRAPHS).bool() if graph else None
    rows = torch.eye(3).repeat(candidates, 1, 1)
    model = FlexibleLikelihood(rows, torch.tensor([[1, 2, 3]] * candidates), generator, graph=graphs, width=4)
    with torch.no_grad():
        for parameter in (p for p in model.parameters() if p.requires_grad):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def sample(size: int = 400) -> Sample:
    generator = torch.Generator().manual_seed(3)
    return Sample(
        torch.randn(size, 3, generator=generator), torch.randint(0, 4, (size,), generator=generator)
    )


def test_a_round_betters_all_candidates() -> None:
    model, some = model_of(graph=True), sample()
    before = model.loss(some).mean(1)
    after = train(model, some, some, torch.Generator().manual_seed(0), silent, steps=20, warm_up=0, polish=0)
    assert (after.mean(1) < before).all()


def test_one_candidate_alone_is_what_it_was_among_others() -> None:
    model, some = model_of(graph=False), sample()
    torch.testing.assert_close(model.chosen(1, torch.Generator()).loss(some)[0], model.loss(some)[1])
