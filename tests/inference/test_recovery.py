"""LSCALE-I on data of an independent generator: recovery on fixed seeds, laws, and refusals in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.estimate import Estimate
from crlspec.inference.lscale import LScaleI
from crlspec.inference.peeling import peel, rows_in_order
from crlspec.numerics.graphs import transitive_closure
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from crlspec.spec.setting import Setting
from tests.reference.generator import Reference, generate


def problem_of(reference: Reference, kind: str = "hard") -> Problem:
    """The reference's data as an estimator sees them: z_k is the node that do_k intervenes on."""
    environments = tuple(name for name in reference.x if name != "obs")
    latents = tuple(f"z{name[3:]}" for name in environments)
    width = reference.x["obs"].shape[1]
    setting = Setting(
        mixing="linear",
        design="single-node",
        kind=kind,  # type: ignore[arg-type]
        latents=latents,
        observational="obs",
        environments=environments,
        targets={name: (latent,) for name, latent in zip(environments, latents, strict=True)},
    )
    return Problem(setting, tuple(f"x{k}" for k in range(width)), reference.x)


def adjacency(estimate: Estimate) -> np.ndarray:
    n = len(estimate.latents)
    found = np.zeros((n, n), dtype=bool)
    for edge in estimate.edges:
        found[int(edge.source[1:]), int(edge.target[1:])] = True
    return found


def mcc(estimate: Estimate, reference: Reference) -> float:
    recovered = estimate.encoder(reference.x["obs"])
    true = reference.z["obs"][:, [int(name[1:]) for name in estimate.latents]]
    pairs = zip(recovered.T, true.T, strict=True)
    return float(np.mean([abs(np.corrcoef(a, b)[0, 1]) for a, b in pairs]))


def test_linear_hard_graphs_are_found_on_three_seeds_with_one_wrong_pair_at_most() -> None:
    wrong = 0
    for seed in (1, 2, 3):
        reference = generate(seed, latents=4, observed=10, samples=10_000)
        estimate = LScaleI().solve(problem_of(reference), GaussianScores(), 0, silent)
        assert mcc(estimate, reference) > 0.99
        assert estimate.status.ok
        assert estimate.graph == "exact"
        wrong += int((adjacency(estimate) != reference.adjacency).sum())
    assert wrong <= 1


def test_soft_interventions_never_invent_an_ancestor_on_two_seeds() -> None:
    for seed in (1, 2):
        reference = generate(seed, latents=4, observed=10, samples=50_000, kind="soft")
        estimate = LScaleI().solve(problem_of(reference, "soft"), GaussianScores(), 0, silent)
        assert estimate.graph == "transitive closure"
        found = transitive_closure(adjacency(estimate))
        assert not (found & ~transitive_closure(reference.adjacency)).any()


def test_the_papers_stages_alone_leave_one_stage() -> None:
    reference = generate(4, latents=4, observed=8, samples=10_000)
    estimate = LScaleI(refine="none").solve(problem_of(reference), GaussianScores(), 0, silent)
    assert [stage.name for stage in estimate.stages] == ["scores"]
    assert mcc(estimate, reference) > 0.95


def test_the_same_data_and_seed_give_the_same_answer_in_any_order_of_environments() -> None:
    reference = generate(5, latents=3, observed=6, samples=3000)
    problem = problem_of(reference)
    first, again = (LScaleI().solve(problem, GaussianScores(), 7, silent) for _ in range(2))
    np.testing.assert_array_equal(first.encoder.matrix, again.encoder.matrix)
    setting = problem.setting
    turned = dataclasses.replace(
        setting, environments=setting.environments[::-1], latents=setting.latents[::-1]
    )
    other = LScaleI().solve(dataclasses.replace(problem, setting=turned), GaussianScores(), 7, silent)
    assert {e.pair for e in other.edges} == {e.pair for e in first.edges}
    np.testing.assert_allclose(other.encoder.matrix[::-1], first.encoder.matrix, atol=1e-3)


def test_more_linear_components_than_latents_refute_the_mixing_in_words() -> None:
    reference = generate(6, latents=3, observed=6, samples=2000)
    curved = {
        name: np.c_[x, reference.z[name][:, 0] * reference.z[name][:, 1]] for name, x in reference.x.items()
    }
    with pytest.raises(DataError, match="4 significant linear components, more than the 3 latents"):
        LScaleI().solve(problem_of(dataclasses.replace(reference, x=curved)), GaussianScores(), 0, silent)


def test_fewer_linear_components_than_latents_cannot_be_inverted() -> None:
    reference = generate(7, latents=3, observed=6, samples=2000)
    flat = {name: z[:, :2] @ reference.mixing[:, :2].T for name, z in reference.z.items()}
    with pytest.raises(DataError, match="span 2 linear dimensions, fewer than the 3 latents"):
        LScaleI().solve(problem_of(dataclasses.replace(reference, x=flat)), GaussianScores(), 0, silent)


def test_small_noise_on_the_observations_is_let_pass() -> None:
    reference = generate(8, latents=3, observed=6, samples=5000)
    rng = np.random.default_rng(0)
    noisy = {name: x + 1e-3 * rng.normal(size=x.shape) for name, x in reference.x.items()}
    estimate = LScaleI().solve(
        problem_of(dataclasses.replace(reference, x=noisy)), GaussianScores(), 0, silent
    )
    assert mcc(estimate, reference) > 0.99


def test_a_general_mixing_is_refused_with_a_remedy() -> None:
    setting = dataclasses.replace(
        problem_of(generate(9, latents=3, observed=3, samples=50)).setting, mixing="general"
    )
    with pytest.raises(SettingMismatch, match="LSCALE-I inverts linear mixings, got general"):
        LScaleI().accepts(setting)


def test_peeling_is_exact_on_exact_moments() -> None:
    # z1 -> z2 -> z3, unit noise, hard interventions with variance 5: score differences are known in closed form.
    weights = np.array([[0, 0, 0], [1.0, 0, 0], [0, -0.8, 0]])
    covariance = np.linalg.inv(np.eye(3) - weights) @ np.linalg.inv(np.eye(3) - weights).T
    moments = []
    for k in range(3):
        own, cut = np.eye(3)[k] - weights[k], np.eye(3)[k]
        difference = np.outer(cut, cut) / 5 - np.outer(own, own)
        moments.append(difference @ covariance @ difference)
    best = peel(np.stack(moments))[0]
    assert best.order == (0, 1, 2)
    assert best.cost < 1e-12
    rows = rows_in_order(np.stack(moments), best.order)
    np.testing.assert_allclose(np.abs(rows), np.eye(3), atol=1e-9)


@pytest.mark.slow
def test_quadratic_hard_latents_and_graph_from_ratio_scores() -> None:
    reference = generate(11, samples=10_000, family="quadratic")
    estimate = LScaleI().solve(problem_of(reference), RatioScores(), 0, silent)
    assert mcc(estimate, reference) > 0.99
    assert (adjacency(estimate) != reference.adjacency).sum() <= 1
