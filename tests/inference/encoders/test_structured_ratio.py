"""Generations of restarts: a second one is trained where the first ends in disagreement, and there alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crlspec.inference.encoders.structured_ratio import Fitted, Settings, Starts, StructuredRatio, fit
from crlspec.progress import silent

PAIRS = [(1, 2), (3, 4)]
TRUTH = np.eye(2, 3)
SETTINGS = Settings(False, width=8, restarts=2, steps=4, batch=32)


@pytest.fixture(scope="module")
def samples() -> list[np.ndarray]:
    """Two latents and their product; of each latent, one environment has four times the scale of the other."""
    rng = np.random.default_rng(0)
    scales = ([1, 1], [0.5, 1], [2, 1], [1, 0.5], [1, 2])
    z = [rng.normal(size=(600, 2)) * scale for scale in scales]
    return [np.column_stack([u, u[:, 0] * u[:, 1]]) for u in z]


def trained(samples: list[np.ndarray], rows: np.ndarray) -> tuple[Fitted, list[str]]:
    """What came of it, and the stages that it told of."""
    stages: list[str] = []

    def told(stage: str, *args: object, **facts: object) -> None:
        if stage not in stages:
            stages.append(stage)

    def more() -> Starts:
        return Starts(np.stack([TRUTH, TRUTH]))

    return fit(samples, PAIRS, Starts(rows), SETTINGS, 0, told, more=more), stages


def test_restarts_that_agree_are_the_only_generation(samples):
    found, stages = trained(samples, np.stack([TRUTH, TRUTH]))
    assert found.agreement.min() > 0.99
    assert found.generations == 1
    assert not any(stage.startswith("new") for stage in stages)


def test_restarts_that_disagree_are_crossed_with_new_ones(samples):
    lost = np.array([[[0, 0, 1.0], [0.7, 0.7, 0]], [[0.7, -0.7, 0], [0, 0, 1.0]]])
    found, stages = trained(samples, lost)
    assert found.generations == 2
    assert stages == ["restart", "start", "encoder", "new restart", "new encoder"]
    assert found.agreement.min() > 0.97
    assert len(found.losses) == len(found.restarts) == 2
    z = found.encoder(samples[0])
    assert np.abs(np.corrcoef(z.T, samples[0][:, :2].T)[:2, 2:].diagonal()).min() > 0.95


def test_without_more_starts_disagreement_stands(samples):
    lost = np.array([[[0, 0, 1.0], [0.7, 0.7, 0]], [[0.7, -0.7, 0], [0, 0, 1.0]]])
    found = fit(samples, PAIRS, Starts(lost), SETTINGS, 0, silent)
    assert found.generations == 1
    assert found.agreement.min() < 0.97


def test_each_replica_has_monotone_heads_where_it_began_at_the_log_ratio():
    rows = torch.as_tensor(np.stack([TRUTH, TRUTH]), dtype=torch.float32)
    turning = torch.tensor([[True, False], [True, True]])
    model = StructuredRatio(rows, PAIRS, SETTINGS, torch.Generator().manual_seed(0), turning)
    assert model.monotone.chosen.squeeze().tolist() == [[False, True], [False, False]]
    free = StructuredRatio(
        rows, PAIRS, SETTINGS, torch.Generator().manual_seed(0), torch.ones(2, 2, dtype=torch.bool)
    )
    assert free.monotone is None


def test_heads_follow_the_restart_that_a_latent_came_from(samples, monkeypatch):
    made = []
    build = StructuredRatio.__init__

    def kept(self, rows, pairs, settings, generator, turning=None, pictures=None):
        made.append(turning.tolist())
        build(self, rows, pairs, settings, generator, turning, pictures)

    monkeypatch.setattr(StructuredRatio, "__init__", kept)
    mixed = np.array([[[1.0, 0, 0], [0.7, 0.7, 0]], [[0.7, -0.7, 0], [0, 1.0, 0]]])
    starts = Starts(mixed, turning=np.array([[True, False], [False, True]]))
    fit(samples, PAIRS, starts, replace(SETTINGS, steps=2), 0, silent)
    assert made == [[[True, False], [False, True]], [[True, True], [False, False]]]
