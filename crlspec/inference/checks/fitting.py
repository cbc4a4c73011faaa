"""Observations that are not in memory: whether an estimator takes them as they are, and what it needs of memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crlspec.data import Problem
from crlspec.data.lazily import rows_of
from crlspec.data.memory import refuse_too_large, shown
from crlspec.inference.base import Estimator
from crlspec.progress import Progress
from crlspec.registry import ScoresDeclaration

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.spec.setting import Setting

__all__ = ["Meter", "fitting", "problem_of"]

COPIES = 3
"""Copies of the latents of all samples that are held, about, where the samples themselves are not."""


@dataclass
class Meter:
    """Tells how far the first pass over observations that are not in memory has come, and in the end how fast it was.

    size   bytes of them
    total  their rows
    """

    report: Progress
    size: int
    total: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, tree: xr.DataTree, report: Progress) -> Meter:
        """For all environments of data."""
        tables = [rows_of(node.dataset["x"]) for node in tree.children.values() if "x" in node.variables]
        found = [one for one in tables if one is not None]
        return cls(report, sum(one.nbytes for one in found), sum(map(len, found)))

    def __call__(self, rows: int) -> None:
        """So many rows more were read."""
        self.done += rows
        self.report("reading observations", self.done, self.total)

    def close(self) -> None:
        """The pass is made."""
        if self.done:
            seconds = max(time.monotonic() - self.began, 1e-9)
            rate, speed = f"{self.done / seconds:,.0f} rows", shown(int(self.size / seconds))
            self.report(f"{shown(self.size)} read: {rate} and {speed} a second")


def problem_of(tree: xr.DataTree, setting: Setting, report: Progress) -> Problem:
    """``Problem.from_data``, progress reported where observations are read that are not in memory."""
    meter = Meter.of(tree, report)
    problem = Problem.from_data(tree, setting, meter)
    meter.close()
    return problem


def fitting(
    problem: Problem, estimator: Estimator, scores: ScoresDeclaration, kind: str, report: Progress
) -> Problem:
    """The problem as the estimator takes it: observations that are not in memory are read, unless it streams them.

    kind  of the estimator

    What is read into memory is reported as a stage, with its size. Raises CrlspecError where memory cannot hold it.
    """
    if not problem.rows_bytes:
        return problem
    if not estimator.streams or scores.needs_truth:
        who = f"scores: {{kind: {scores.kind}}}" if estimator.streams else f"estimator: {{kind: {kind}}}"
        report(f"reading {shown(problem.rows_bytes)} into memory, which {who} needs")
        return problem.in_memory(who)
    rows, latents = sum(len(x) for x in problem.samples.values()), len(problem.latents)
    refuse_too_large(
        COPIES * 8 * rows * latents,
        f"{latents} latents of {rows} samples",
        "Give fewer samples, or use a machine with more memory.",
    )
    return problem
