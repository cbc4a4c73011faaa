"""Toy results whose truth is known in closed form, for the tests of what follows recovery."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``tests/results/toy.py``."""
    name = "crlspec_results_toy"
    if name not in sys.modules:
        path = Path(__file__).parents[2] / "results" / "toy.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


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
    found = made(toy, model, mixed, "up to mixing with their ancestors")
    return replace(found, estimate=replace(found.estimate, graph="transitive closure"))


def made(toy: ModuleType, model, transform=None, latents: str = "up to scaling, each by itself"):
    """A result from the toy truth's own samples."""
    from crlspec.results.result import Result

    return Result.from_estimate(
        toy.toy_estimate(model, transform),
        model.sample(4000, seed=1),
        spec="not kept",
        verdict={"covered": True, "latents": latents},
        observational="obs",
    )
