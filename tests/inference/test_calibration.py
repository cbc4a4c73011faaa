"""alpha means what it says: of the absent edges no more than about that share is found, on estimated latents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.lscale import LScaleI
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from tests.inference.test_lscale import problem_of
from tests.reference.generator import generate

ALPHA = 0.05


@pytest.fixture(scope="module")
def answers() -> dict[str, list[tuple[bool, bool]]]:
    """Step → (whether the pair is an edge, whether it is found) for the pairs of every right order."""
    found: dict[str, list[tuple[bool, bool]]] = {"scores": [], "likelihood": []}
    for seed in range(30):
        reference = generate(seed, latents=3, observed=5, samples=3000)
        estimate = LScaleI(alpha=ALPHA).solve(problem_of(reference), GaussianScores(), 0, silent)
        node = {z: int(name.removeprefix("do_")) for z, name in estimate.environment_of.items()}
        for stage in estimate.stages:
            order, edges = (
                [node[z] for z in stage.order],
                {(node[e.source], node[e.target]) for e in stage.edges},
            )
            if np.any(reference.adjacency[np.ix_(order, order)] & np.tri(3, dtype=bool)):
                continue
            pairs = [(order[j], order[i]) for i in range(3) for j in range(i)]
            found[stage.name] += [(bool(reference.adjacency[pair]), pair in edges) for pair in pairs]
    return found


@pytest.mark.parametrize("step", ["scores", "likelihood"])
def test_of_absent_edges_no_more_than_alpha_is_found(
    answers: dict[str, list[tuple[bool, bool]]], step: str
) -> None:
    false = [hit for edge, hit in answers[step] if not edge]
    assert len(false) > 30
    assert stats.binomtest(sum(false), len(false), ALPHA, alternative="greater").pvalue > 0.01
    assert np.mean([hit for edge, hit in answers[step] if edge]) > 0.95


def test_the_tests_of_scores_ignore_the_order_of_samples_and_the_seed() -> None:
    problem, rng = problem_of(generate(4, latents=3, observed=5, samples=1000)), np.random.default_rng(0)
    turned = replace(problem, samples={name: rng.permutation(x) for name, x in problem.samples.items()})
    first = LScaleI(refine="none").solve(problem, GaussianScores(), 0, silent)
    second = LScaleI(refine="none").solve(turned, GaussianScores(), 1, silent)
    for one, other in zip(first.tested, second.tested, strict=True):
        assert one.pair == other.pair
        np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-5, atol=1e-12)
