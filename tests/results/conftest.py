"""The toy truth and estimate for the tests of results."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.results import toy as module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy.py``."""
    return module


@pytest.fixture(scope="session")
def model(toy):
    """A hard toy model: z1 → z2 → z3, z1 → z3, z4 alone."""
    return toy.toy_model()


@pytest.fixture(scope="session")
def result(toy, model):
    """A Result that is the truth up to scale and sign, scores a little noisy."""
    from crlspec.result import Result

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
    "latents": "scaling",
    "latents_text": "up to scaling",
    "graph": "exact",
    "missing": (),
    "remedies": (),
}
