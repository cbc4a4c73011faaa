"""A refined encoder that explains held-out samples worse than its start is not taken."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.likelihood.keep_start import lead_of, start_or_refined
from crlspec.inference.step import Step

TARGETED = np.concatenate([np.zeros((3, 1), dtype=bool), np.eye(3, dtype=bool)], 1)


def latents(seed: int, rows: int = 1500) -> list[np.ndarray]:
    """Quadratic latents z1 → z2 → z3, hard interventions on each."""
    rng, found = np.random.default_rng([seed, 20]), []
    for hit in (None, 0, 1, 2):
        z = rng.normal(size=(rows, 3))
        for i in range(3):
            if hit == i:
                z[:, i] *= 0.5
            elif i:
                z[:, i] += 0.8 * z[:, i - 1] + 0.4 * z[:, i - 1] ** 2
        found.append(z)
    return found


def step(rows: np.ndarray, order: tuple[int, ...] = (0, 1, 2), name: str = "scores") -> Step:
    return Step(name, order, rows, np.zeros((3, 3)), np.ones((3, 3)), 0.0, "a note")


def mixed(size: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng([seed, 21]).normal(size=(3, 3))
    return np.eye(3) + size * (noise - np.diag(np.diag(noise)))


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))])
def test_the_better_encoder_leads_whichever_is_refined(seed: int) -> None:
    """.15 of each other latent costs .02 of a correlation, about."""
    samples, good, bad = latents(seed), step(np.eye(3)), step(mixed(0.15, seed))
    lead = lead_of(good, bad, samples, TARGETED, seed)
    back = lead_of(bad, good, samples, TARGETED, seed)
    assert lead.z > 3 and back.z < -3 and lead.mean > 0 > back.mean


def test_a_worse_refinement_keeps_the_start_and_says_so() -> None:
    samples, start, worse = latents(1), step(np.eye(3)), step(mixed(0.3, 1), name="graph")
    steps = start_or_refined(start, [worse], samples, 0)
    assert [one.name for one in steps] == ["graph", "start"]
    np.testing.assert_array_equal(steps[-1].rows, start.rows)
    assert (
        steps[-1].note.startswith("the refined encoder is worse by ") and "start was kept" in steps[-1].note
    )
    (check,) = steps[-1].checks
    assert (check.name, check.consequence) == ("refinement", "undecided") and check.figure < check.bound
    assert check.message.startswith(
        "The refined latents are worse than those that the refinement began from, by "
    )


@pytest.mark.slow
def test_a_better_refinement_is_taken_and_one_that_is_as_good() -> None:
    for seed in range(3):
        samples, bad = latents(seed), step(mixed(0.3, seed))
        (last,) = start_or_refined(bad, [step(np.eye(3), name="graph")], samples, seed)
        assert last.name == "graph" and "better than the start by" in last.note
        (last,) = start_or_refined(step(mixed(0.003, seed)), [step(np.eye(3), name="graph")], samples, seed)
        assert last.name == "graph"
