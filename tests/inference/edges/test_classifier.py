"""Order and edges of latents that an encoder left mixed by some per cent, smoothly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.inference.edges.classifier import calibrated, edges_by_classifier
from crlspec.inference.edges.classifier_model import ContrastModel, Rows, fit_contrasts
from crlspec.inference.edges.classifier_tests import contrast_scores
from crlspec.progress import silent
from tests.inference.edges.mixed_latents import CHAIN, NONE, PAIRS, latents


def declared(seed: int, edges: set[tuple[int, int]], mixing: float, alpha: float) -> set[tuple[int, int]]:
    step, _ = edges_by_classifier(latents(seed, edges, mixing), PAIRS, seed, silent)
    return {(step.order[j], step.order[i]) for i, j in np.argwhere(np.tril(step.p_values < alpha, -1))}


def test_order_and_edges_of_mixed_latents() -> None:
    step, excess = edges_by_classifier(latents(0, CHAIN, 0.1, 1000), PAIRS, 0, silent)
    assert step.order == (2, 0, 1)
    assert {(step.order[j], step.order[i]) for i, j in np.argwhere(step.p_values < 0.01) if j < i} == CHAIN
    assert 1 <= excess < 2
    assert ((step.strengths >= 0) & (step.strengths < 1)).all()


@pytest.mark.slow
def test_of_absent_edges_no_more_than_alpha_is_found() -> None:
    """Three pairs that no edge joins, in twelve samples: level .05."""
    false = sum(len(declared(seed, NONE, 0.1, 0.05)) for seed in range(12))
    assert stats.binomtest(false, 36, 0.05, alternative="greater").pvalue > 0.01


def test_one_latent_alone_has_no_pairs_to_test() -> None:
    samples = [z[:300, :1] for z in latents(0, NONE, 0.0)[:3]]
    step, excess = edges_by_classifier(samples, [(1, 2)], 0, silent)
    assert step.order == (0,)
    assert step.p_values.shape == (1, 1)
    assert excess == 1


def test_scores_of_the_latents_are_derivatives_of_the_likelihood() -> None:
    """Along v(ẑ), less the divergence, which all environments share."""
    samples = latents(1, CHAIN, 0.1, 200)
    kind = torch.tensor([0, 1, 4, 2, 5, 3, 6]).repeat_interleave(200)
    rows = Rows(torch.as_tensor(np.concatenate(samples), dtype=torch.float32), kind)
    generator = torch.Generator().manual_seed(0)
    model = ContrastModel(~np.eye(3, dtype=bool), generator)
    fit_contrasts(model, rows, generator, silent, steps=40)
    scores = contrast_scores(model, rows)
    functions = scores.basis(rows.z).double()
    values = np.zeros(scores.used.shape)
    values[scores.used] = scores.sums[0] * scores.scale
    model.double()
    for latent in range(3):
        for function in np.flatnonzero(scores.used[2, latent])[::9]:
            sides = []
            for step in (1e-4, -1e-4):
                z = rows.z.double()
                z[:, latent] += step * functions[:, function]
                sides.append(-float(model.losses(Rows(z, rows.kind)).sum().detach()))
            assert values[2, latent, function] == pytest.approx(
                (sides[0] - sides[1]) / 2e-4, rel=1e-2, abs=0.05
            )


def test_p_values_are_taken_in_units_of_what_the_order_rules_out() -> None:
    """Statistics ``[i, j]`` of j → i: 0 → 1 → 2, and three times what chance gives against the order."""
    wide = np.array([[0.0, 12.0, 12.0], [400.0, 0.0, 12.0], [12.0, 400.0, 0.0]])
    freedom = np.stack([np.ones((3, 3)), np.full((3, 3), 4.0)])
    found = calibrated(np.stack([np.zeros((3, 3)), wide]), freedom)
    p_values = found.p_values
    assert found.order == (0, 1, 2)
    assert found.excess == 3
    assert p_values[1, 0] == pytest.approx(4 * stats.f.sf(100 / 3, 4, 12))
    assert p_values[2, 0] == 1
    assert (np.diagonal(p_values) == 1).all()
