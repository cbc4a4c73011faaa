"""The contracts of crlspec.testing hold for families of somebody else, as the pages say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.inference.estimate import Estimate, LinearEncoder
from crlspec.testing import EstimatorContract, MechanismContract, ScoreContract
from tests.plugins.conftest import ACME


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ACME)


class TestRootsFirst(EstimatorContract):
    def estimator(self) -> Any:
        from acme_crl.roots_first import RootsFirstEstimator

        return RootsFirstEstimator()

    def refused(self) -> Any:
        toy = self.toy().problem.setting
        return [
            replace(toy, mixing="general"),
            replace(toy, kind="soft"),
            replace(toy, deterministic=True),
            replace(toy, environments=toy.environments[:2]),
        ]


class TestScaleAndSignAreFree(TestRootsFirst):
    """The same latents in any scale and sign keep the contract: results put those right."""

    def solved(self, problem: Problem, seed: int = 0) -> Estimate:
        found, x = super().solved(problem, seed), problem.samples["obs"]
        factor = -3.0 if x[0, 0] > x[1, 0] else 2.0
        scaled = LinearEncoder(factor * found.encoder.matrix, found.encoder.offset)
        assert found.mixing is not None
        return replace(found, encoder=scaled, mixing=found.mixing / factor)


class TestShrunk(ScoreContract):
    tolerance = 0.02

    def scores(self, toy: Any) -> Any:
        from acme_crl.shrunk import Shrunk

        return Shrunk(share=0.0001)


class TestAverage(MechanismContract):
    def declaration(self) -> Any:
        from acme_crl.declarations import AverageMechanism

        return AverageMechanism()

    def expected(self, declaration: Any, parents: np.ndarray) -> np.ndarray:
        return np.asarray(declaration.gain * parents.mean(1))
