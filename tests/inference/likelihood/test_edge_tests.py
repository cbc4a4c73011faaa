"""Tests of absent edges: at their level on latents that are off, and not blind to effects of any shape."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.inference.likelihood.edge_tests import _statistic, absent_edge_tests
from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.graph_search import search_graph
from crlspec.numerics.sample import Sample
from crlspec.progress import silent

EDGE = [(0, 1, 0)]
EFFECTS = {
    "none": lambda z: 0 * z,
    "linear": lambda z: 0.3 * z,
    "even": lambda z: 0.4 * np.abs(z),
    "wave": lambda z: 0.6 * np.sin(3 * z),
}


def sample(seed: int, effect: str, count: int = 1500) -> Sample:
    """Two latents in three environments; the second and third intervene on the first and second, hard."""
    rng, parts = np.random.default_rng(seed), []
    for environment in range(3):
        first = rng.laplace(size=count) * (2 if environment == 1 else 1)
        noise = rng.laplace(size=count) * (2 if environment == 2 else 1)
        parts.append(np.column_stack([first, noise + EFFECTS[effect](first) * (environment != 2)]))
    return Sample.split(parts, torch.Generator().manual_seed(seed), held_out=0.01)[0]


def mixed(found: Sample, first: float, second: float) -> Sample:
    """y₁ = z₁ + first · z₂ and y₂ = z₂ + second · z₁."""
    return Sample(found.y @ torch.tensor([[1.0, second], [first, 1.0]]), found.environment)


@pytest.fixture(scope="module")
def without_edge() -> FlexibleLikelihood:
    """The model of two latents that no edge joins, its densities fitted, the encoder at the identity."""
    generator, found = torch.Generator().manual_seed(0), sample(999, "none", 6000)
    graph = torch.zeros(1, 2, 2, dtype=torch.bool)
    model = FlexibleLikelihood(torch.eye(2)[None], torch.tensor([[1, 2]]), generator, graph=graph)
    train(model, found, found[torch.arange(100)], generator, silent, steps=150, warm_up=200)
    with torch.no_grad():
        model.basis.copy_(torch.eye(2)[None])
        model.change.zero_()
    return model


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (0.04, 0.0), (0.02, -0.04)])
def test_leftover_mixing_makes_no_edge(without_edge: FlexibleLikelihood, first: float, second: float) -> None:
    """Latents are off by some per cent, which is real dependence between them."""
    rejected = []
    for seed in range(60):
        found = mixed(sample(seed, "none"), first, second)
        rejected.append(absent_edge_tests(without_edge, found, EDGE)[1][0] < 0.05)
    assert stats.binomtest(sum(rejected), len(rejected), 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("effect", ["linear", "even", "wave"])
def test_effects_of_any_shape_are_seen(without_edge: FlexibleLikelihood, effect: str) -> None:
    for seed in range(5):
        model, found = copy.deepcopy(without_edge), sample(seed, effect)
        for _ in range(3):
            model.newton(found)
        shares, p_values = absent_edge_tests(model, found, EDGE)
        assert p_values[0] < 0.01
        assert 0 < shares[0] < 1


def test_a_statistic_of_products_is_that_of_scores_cleared_of_nuisance() -> None:
    """Residuals of the regression of the tested scores on the others, and their sums over their spread."""
    rng = np.random.default_rng(0)
    nuisance = rng.normal(size=(500, 6)) * np.arange(1, 7)
    tested = rng.normal(size=(500, 2)) + nuisance @ rng.normal(size=(6, 2)) + 0.1
    scores = np.column_stack([nuisance, tested, np.ones(500)])
    product = torch.as_tensor(scores.T @ scores)
    share, p_value = _statistic(product, 6, slice(6, 8), 500)
    cleared = tested - nuisance @ np.linalg.lstsq(nuisance, tested)[0]
    total = cleared.sum(0)
    expected = total @ np.linalg.solve(cleared.T @ cleared, total)
    assert share * 500 == pytest.approx(expected, rel=1e-4)
    assert p_value == pytest.approx(stats.chi2.sf(expected, 2), rel=1e-3)


def test_pairs_are_tested_alike_together_and_alone() -> None:
    """Even where, without samples of its environment, a latent's linear effects are changes of the encoder."""
    found = sample(3, "linear")
    three = Sample(torch.cat([found.y, found.y[:, :1].roll(1, 0)], 1), found.environment)
    model = FlexibleLikelihood(
        torch.eye(3)[None], torch.tensor([[1, 2, 3]]), torch.Generator().manual_seed(0),
        graph=torch.zeros(1, 3, 3, dtype=torch.bool),
    )  # fmt: skip
    pairs = [(0, 2, 1), (0, 1, 0), (0, 2, 0)]
    together = np.stack(absent_edge_tests(model, three, pairs))
    alone = [np.stack(absent_edge_tests(model, three, [pair]))[:, 0] for pair in pairs]
    np.testing.assert_allclose(together, np.stack(alone, 1), rtol=1e-5)


def test_rounds_end_at_the_graph_and_undo_the_mixing() -> None:
    generator, found = torch.Generator().manual_seed(0), mixed(sample(1, "even", 3000), 0.1, 0.05)
    model = FlexibleLikelihood(torch.eye(2)[None], torch.tensor([[1, 2]]), generator)
    held_out = found[torch.arange(300)]
    train(model, found, held_out, generator, silent, steps=150)
    end = search_graph(model, found, held_out, generator, 0.01, silent)
    assert end.settled
    assert end.last.p_values[1, 0] < 0.01
    product = end.rows @ np.array([[1.0, 0.1], [0.05, 1.0]])
    assert np.abs(product / product.diagonal()[:, None] - np.eye(2)).max() < 0.05


def test_one_latent_alone_has_no_pairs_to_test() -> None:
    generator = torch.Generator().manual_seed(0)
    found = sample(0, "none", 500)
    alone = Sample(found.y[:, :1], found.environment.clamp(max=1))
    model = FlexibleLikelihood(torch.eye(1)[None], torch.tensor([[1]]), generator)
    end = search_graph(model, alone, alone[torch.arange(100)], generator, 0.01, silent)
    assert end.settled
    assert end.last.p_values.shape == end.rows.shape == (1, 1)
