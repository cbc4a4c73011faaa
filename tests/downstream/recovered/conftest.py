"""Toy results whose truth is known in closed form, for the tests of what follows recovery."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.results import toy as module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``tests/results/toy.py``."""
    return module


@pytest.fixture(scope="session")
def truth(toy):
    """Hard: z1 → z2 → z3, z1 → z3, z4 alone."""
    return toy.toy_model()


@pytest.fixture(scope="session")
def result(toy, truth):
    """A result that is the truth up to scale and sign."""
    return made(toy, truth)


@pytest.fixture(scope="session")
def soft(toy):
    """The same of soft interventions: latents mixed with their ancestors, the graph as its closure."""
    from dataclasses import replace

    model = toy.toy_model("soft")
    mixed = np.eye(4)
    mixed[1, 0], mixed[2, 1] = 0.6, -0.4
    found = made(toy, model, mixed, "ancestors")
    return replace(found, estimate=replace(found.estimate, graph="transitive closure"))


def made(toy: ModuleType, model, transform=None, latents: str = "scaling"):
    """A result from the toy truth's own samples."""
    from crlspec.result import Result

    return Result.from_estimate(
        toy.toy_estimate(model, transform),
        model.sample(4000, seed=1),
        spec="not kept",
        verdict={"covered": True, "latents": latents},
        observational="obs",
    )
