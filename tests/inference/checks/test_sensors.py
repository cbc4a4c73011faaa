"""Sensors that changed between environments, told from offsets, noise and curvature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crlspec.inference.checks.design import checks_of


def changed(w: Any, what: str, name: str = "e2") -> dict[str, np.ndarray]:
    samples, mixing, rng = w.samples(), w.mixing(), np.random.default_rng(w.seed)
    x = samples[name]
    if what == "all":
        x = x @ np.linalg.pinv(mixing).T @ (mixing + 0.3 * rng.normal(size=mixing.shape)).T
    if what == "gain":
        x = x * np.where(np.arange(x.shape[1]) == 2, 1.3, 1)
    if what == "offset":
        x = x + 0.5 * (np.arange(x.shape[1]) == 2)
    if what == "offsets":
        x = x + np.arange(x.shape[1])
    samples[name] = x
    return samples


@pytest.mark.parametrize(
    ("what", "told", "remedy"),
    [
        (
            "all",
            "Observations of environment 'e2' lie off the linear space that those of 'obs' span. "
            "Several of its sensors changed.",
            "Leave 'e2' out, or measure it with the same sensors.",
        ),
        (
            "gain",
            "Observations of environment 'e2' lie off the linear space that those of 'obs' span. "
            "Sensor 'x3' alone changed there, by a gain of 1.3.",
            "Leave variable 'x3' out of every environment, or bring it to one scale.",
        ),
        (
            "offset",
            "The mean of environment 'e2' lies off the linear space that the observations span, but its covariance "
            "does not. "
            "Sensor 'x3' has an offset of 0.5 against 'obs', which can be removed.",
            "Subtract 0.5 from 'x3' in 'e2'.",
        ),
        (
            "offsets",
            "The mean of environment 'e2' lies off the linear space that the observations span, but its covariance "
            "does not. "
            "Its sensors have an offset against 'obs', which can be removed.",
            "Subtract from each environment its own mean, if no intervention shifts a latent.",
        ),
    ],
)
def test_what_changed_is_named(world: Any, what: str, told: str, remedy: str) -> None:
    (check,) = checks_of(world().problem(changed(world(), what)))
    assert (check.name, check.consequence, check.environments) == ("sensors", "refuted", ("e2", "obs"))
    assert (check.message, check.remedy) == (told, remedy)


def test_the_control_is_named_where_its_sensors_differ(world: Any) -> None:
    (check,) = checks_of(world().problem(changed(world(), "gain", "obs")))
    assert check.message.startswith(
        "Observations of environment 'obs' lie off the linear space that those of 'e0' span."
    )


@pytest.mark.parametrize("what", ["all", "gain", "offset"])
def test_noise_does_not_hide_it(world: Any, what: str) -> None:
    right = 0
    for seed in range(20):
        w, rng = world(seed=seed, observed=12), np.random.default_rng(seed)
        samples = {k: x + 0.05 * rng.normal(size=x.shape) for k, x in changed(w, what).items()}
        found = [check for check in checks_of(w.problem(samples)) if check.name == "sensors"]
        right += [check.environments[0] for check in found] == ["e2"]
    assert right >= 18


@pytest.mark.parametrize("rows", [60, 500, 4000])
def test_noise_alone_raises_no_alarm(world: Any, rows: int) -> None:
    for seed in range(100):
        w, rng = world(seed=seed, observed=12, rows=rows, scale=3.0), np.random.default_rng(seed)
        size = rng.choice([1e-3, 0.05, 0.4]) * rng.uniform(0.3, 2, 12)
        samples = {k: x + size * rng.normal(size=x.shape) for k, x in w.samples().items()}
        assert all(
            check.name != "sensors"
            for check in checks_of(w.problem(samples, observation_noise="isotropic" if seed % 2 else "none"))
        )


def test_a_curved_mixing_is_another_matter(world: Any) -> None:
    for seed in range(10):
        w = world(seed=seed)
        samples = {k: np.tanh(0.5 * x) for k, x in w.samples().items()}
        assert all(check.name != "sensors" for check in checks_of(w.problem(samples)))
