"""What every estimator is: a frozen dataclass that takes a Problem and gives back an Estimate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar

from crlspec.errors import SettingMismatch
from crlspec.inference.thresholds import Thresholds
from crlspec.registry import EstimatorDeclaration

if TYPE_CHECKING:
    from crlspec.data import Problem
    from crlspec.inference.estimate import Estimate
    from crlspec.progress import Progress
    from crlspec.scores.base import ScoreDifference
    from crlspec.spec.setting import Setting

__all__ = ["Estimator"]


class Estimator(ABC):
    """A method that recovers latents and graph.

    A final class is a frozen dataclass: its fields are the options of its ``declaration``, which says what it takes,
    and ``context: TrainingContext`` where it trains networks. It is equivariant to the names of environments and
    latents, invariant to the order of samples, deterministic given a seed, and takes any numbers of samples; the
    contract :class:`crlspec.testing.EstimatorContract` tests these laws.
    """

    declaration: ClassVar[type[EstimatorDeclaration]]
    streams: ClassVar[bool] = False
    """Whether it takes observations that are not in memory (:class:`~crlspec.numerics.rows.Rows`); others are given
    arrays."""
    thresholds: Thresholds = Thresholds()
    """The numbers that decide; a field of the dataclass where a method has its own."""

    @property
    def declared(self) -> EstimatorDeclaration:
        """What a spec would say of this estimator."""
        names = {one.name for one in fields(self)} & set(self.declaration.model_fields)  # type: ignore[arg-type]
        return self.declaration(**{name: getattr(self, name) for name in names})

    def accepts(self, setting: Setting) -> None:
        """Raises SettingMismatch, with the reason and what would mend it, where the setting cannot be taken."""
        refused = self.declared.refused(setting)
        if refused is not None:
            raise SettingMismatch(refused.reason, self.declaration.takes, refused.remedy)

    @abstractmethod
    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, encoder and graph from the observations.

        problem   observations and design, under names that tell nothing
        scores    the source of score differences, for methods that ask it
        seed      of every random choice
        progress  called as ``progress(stage, share)``

        Raises SettingMismatch as :meth:`accepts` does, DataError where the observations contradict the setting.
        """
