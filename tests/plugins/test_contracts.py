"""The contracts of crlspec.testing hold for families of somebody else, as the pages say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

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
