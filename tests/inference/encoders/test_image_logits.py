"""The classifier of the pixels: every image judged by a network that never saw it, logits calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.encoders import image_logits as module
from crlspec.inference.encoders.image_logits import image_logits, temperature
from crlspec.numerics.checkpoints import TrainingContext
from crlspec.numerics.supervised import Observations
from crlspec.progress import silent

SIZES = (30, 31, 40)


def observations() -> Observations:
    """uint8 images of noise, brighter from environment to environment."""
    rng = np.random.default_rng(0)
    images = tuple(
        np.clip(rng.normal(90 + 30 * k, 20, (size, 1, 8, 8)), 0, 255).astype(np.uint8)
        for k, size in enumerate(SIZES)
    )
    return Observations(images, np.zeros((sum(SIZES), 0), dtype=np.float32))


def code() -> list[np.ndarray]:
    return [image.reshape(len(image), -1)[:, :2] / 20.0 for image in observations().images]


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_a_temperature_undoes_the_factor_that_logits_are_too_large_by(factor):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(40_000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    environment = (rng.uniform(size=(len(shares), 1)) > shares.cumsum(1)).sum(1)
    assert temperature(factor * logits, environment) == pytest.approx(factor, rel=0.05)


def test_no_image_is_judged_by_a_network_that_saw_it(monkeypatch):
    trained, judged = [], []
    train, judge = module._trained, module._judged

    def spied(given, targets, kept, held, *others):
        trained.append({*np.concatenate(kept).tolist(), *held.tolist()})
        return train(given, targets, kept, held, *others)

    def asked(classifier, given, rows, count):
        judged.append(set(rows.tolist()))
        return judge(classifier, given, rows, count)

    monkeypatch.setattr(module, "_trained", spied)
    monkeypatch.setattr(module, "_judged", asked)
    found = image_logits(observations(), code(), 0, silent, steps=4)
    assert [one.shape for one in found.logits] == [(size, 3) for size in SIZES]
    for half, size in zip(found.half, SIZES, strict=True):
        assert np.bincount(half, minlength=3).tolist() == [size // 2, size // 2, size % 2]
    for number, saw in enumerate(trained):
        own = judged[4 * number + 1 : 4 * number + 4]  # after the held-out rows, each environment
        assert not any(rows & saw for rows in own)
    others = [rows for number in (0, 1) for rows in judged[4 * number + 1 : 4 * number + 4]]
    assert sorted(row for rows in others for row in rows) == list(range(sum(SIZES)))


def test_brightness_tells_the_environments():
    found = image_logits(observations(), code(), 0, silent, steps=40)
    right = [np.mean(one.argmax(1) == k) for k, one in enumerate(found.logits)]
    assert np.mean(right) > 0.8


def test_a_killed_classifier_goes_on_to_the_same_logits(tmp_path):
    whole = image_logits(observations(), code(), 0, silent, steps=6)
    context = TrainingContext(folder=tmp_path)

    class KilledError(Exception):
        pass

    def kill(stage: str, *args: object, **facts: object) -> None:
        if "half 2" in stage:
            raise KilledError

    with pytest.raises(KilledError):
        image_logits(observations(), code(), 0, kill, context, steps=6)
    stages: list[str] = []

    def told(stage: str, *args: object, **facts: object) -> None:
        stages.append(stage)

    again = image_logits(observations(), code(), 0, told, context, steps=6)
    assert stages[0] == "environments of images, half 1: going on after step 6"
    for one, other in zip(whole.logits, again.logits, strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.temperatures == again.temperatures
