"""The worker's side: a run under the terms of whoever asks, in one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from crlspec.studies.cluster.terms import Refusal, Terms, differences, refusal

__all__ = ["Refused", "handed_over", "look", "look_at_worker", "work_under"]


class Refused(Exception):  # noqa: N818
    """Raised by a task on a worker that cannot do runs: its name, and the refusal."""


def look(terms: Terms) -> Refusal | None:
    """What the scheduler lacks, which reads tasks and does none."""
    return refusal(replace(terms, plugins=(), files=()))


def look_at_worker(terms: Terms, dask_worker: Any) -> tuple[Refusal | None, tuple[str, ...]]:
    """What a worker lacks, and which of its packages differ. Dask gives the worker."""
    return refusal(terms, dask_worker.state.nthreads), differences(terms)


def work_under(terms: Terms, work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """``work(*given)``, in one thread of BLAS and torch too. Raises Refused where this worker does not keep the
    terms: it may have come after the others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    if (lacks := refusal(terms, worker.state.nthreads)) is not None:
        raise Refused(worker.address, *lacks)
    with _pools().limit(limits=1):
        return work(*given)


def handed_over(whole: Any) -> Any:
    """A task that only holds what other tasks need: a worker that dies with it does not take it along."""
    return whole


@cache
def _pools() -> Any:
    """The thread pools of this process, once all of them are loaded."""
    import scipy.linalg
    import torch  # noqa: F401
    from threadpoolctl import ThreadpoolController

    assert scipy.linalg
    return ThreadpoolController()
