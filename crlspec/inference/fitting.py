"""Observations that are not in memory: whether an estimator takes them as they are, and what it needs of memory."""

from __future__ import annotations

from crlspec.data import Problem
from crlspec.data.memory import refuse_too_large, shown
from crlspec.inference.base import Estimator
from crlspec.progress import Progress
from crlspec.registry import ScoresDeclaration

__all__ = ["fitting"]

COPIES = 2
"""Copies of the latents of all samples that are held, about, where the samples themselves are not."""


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
