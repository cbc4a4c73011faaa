"""The toy truth and estimate for the tests of results."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _toy() -> ModuleType:
    name = "crlspec_results_toy"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("toy.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy.py``."""
    return _toy()


@pytest.fixture(scope="session")
def model(toy):
    """A hard toy model: z1 → z2 → z3, z1 → z3, z4 alone."""
    return toy.toy_model()


@pytest.fixture(scope="session")
def result(toy, model):
    """A Result that is the truth up to scale and sign, scores a little noisy."""
    from crlspec.results.result import Result

    return Result.from_estimate(
        toy.toy_estimate(model, noise=0.1),
        model.sample(1500, seed=1),
        spec="crlspec: 1\nname: toy <b>&\n",
        verdict=VERDICT,
        provenance={"seeds": {"compile": 0, "solve": 2}},
    )


VERDICT = {
    "covered": True,
    "theorem": "linear mixing, one hard intervention per latent",
    "paper": "JMLR 2025",
    "citation": "@article{toy}",
    "latents": "up to scaling",
    "graph": "exact",
    "missing": (),
    "remedies": (),
}
