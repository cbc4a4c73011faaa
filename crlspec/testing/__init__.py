"""Contracts that every family, score and estimator keeps: test classes to inherit, one contract a file.

A new family writes two methods:

    class TestCubic(MechanismContract):
        def declaration(self):
            return CubicMechanism()

        def expected(self, declaration, parents):          # the same in numpy, told in another way
            return (parents**3).sum(-1)

pytest then runs all the laws on it. ``device`` and ``dtype`` say where. An estimator writes ``estimator`` and
``refused`` (:class:`EstimatorContract`), a source of scores ``scores`` (:class:`ScoreContract`). The base classes are
not collected themselves: their names do not begin with ``Test``. :func:`true_result` makes a result of a compiled
spec's truth, on which what follows recovery is tried.
"""

from crlspec.testing.estimator import EstimatorContract
from crlspec.testing.family import FamilyContract
from crlspec.testing.mechanism import PARENTS, MechanismContract
from crlspec.testing.mixing import MixingContract
from crlspec.testing.noise import NoiseContract
from crlspec.testing.score import ScoreContract
from crlspec.testing.toy import LinearGaussianToy, PairsToy
from crlspec.testing.truth import true_result

__all__ = [
    "PARENTS", "EstimatorContract", "FamilyContract", "LinearGaussianToy", "MechanismContract",
    "MixingContract", "NoiseContract", "PairsToy", "ScoreContract", "true_result",
]  # fmt: skip
