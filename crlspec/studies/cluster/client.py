"""The client's side: tasks go to the workers of a Dask scheduler, and their rows come back as they are done."""

from __future__ import annotations

import hashlib
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from crlspec.errors import CrlspecError, NumericalWarning
from crlspec.studies.cluster.terms import Refusal, Terms
from crlspec.studies.cluster.worker import Refused, handed_over, look, look_at_worker, work_under

if TYPE_CHECKING:
    from distributed import Client, Future, as_completed

__all__ = ["Cluster", "ClusterError"]

PATIENCE = 10.0
"""Seconds to wait for an answer of the scheduler; and again where it was lost, before it is given up."""
AHEAD = 20_000
"""Tasks that the scheduler is given at a time: twice as many as the workers of a large cluster."""
SHARED = 100_000
"""Bytes from which what several tasks need is handed over once instead of with each."""


class ClusterError(CrlspecError):
    """Raised where a Dask cluster cannot do runs, or was lost on the way."""

    exit_code = 2


def _untold(text: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler.

    address  of the scheduler, e.g. ``tcp://10.0.0.1:8786``
    told     called with one line once it answers: its workers, and the address of its dashboard
    """

    address: str
    told: Callable[[str], None] = _untold

    def rows(
        self,
        work: Callable[..., dict[str, Any]],
        tasks: Sequence[tuple[Any, ...]],
        names: Sequence[str],
        terms: Terms,
    ) -> Iterator[dict[str, Any]]:
        """``work(*task)`` of every task, as they come; each on a worker that keeps the terms, in one thread.

        names  one for each task, which say all that its row depends on: tasks of one name are done once

        A task whose worker ends is done again by another one. A task that has ended several workers is left out, and
        named once the others are done. Raises ClusterError there, where there is no such scheduler, where a worker
        does not keep the terms, and where the scheduler is lost; the rows before it stand.
        """
        with self._client() as client:
            self._look(client, terms)
            yield from self._collected(client, work, tasks, names, terms)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        try:
            import dask
            from distributed import Client
        except ImportError:
            raise ClusterError(
                f"--scheduler {self.address} needs the package distributed, which is not installed.",
                "pip install 'crlspec[dask]', or leave --scheduler out and use --jobs.",
            ) from None
        with ExitStack() as stack:
            stack.enter_context(_silenced("distributed.client"))
            stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}))
            try:
                client = Client(self.address, timeout=PATIENCE, set_as_default=False)
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split()).rstrip(".")
                raise ClusterError(
                    f"--scheduler {self.address}: {reason}.", "Give the address of a running scheduler."
                ) from None
            yield stack.enter_context(client)

    def _look(self, client: Client, terms: Terms) -> None:
        """Tell what is there; raises ClusterError where the scheduler or a worker does not keep the terms."""
        try:
            _refuse("The scheduler", _lacks(client, terms))
            answers = client.run(look_at_worker, terms, on_error="return")
        except OSError:
            raise self._gone() from None
        ended = (OSError,)  # what there is in place of the answer of a worker that has ended meanwhile
        found = {name: answer for name, answer in answers.items() if not isinstance(answer, ended)}
        for name, answer in found.items():
            lacks = _unloaded(answer) if isinstance(answer, BaseException) else answer[0]
            _refuse(f"Worker {name}", lacks, len(found))
        count = f"{len(found)} worker{'' if len(found) == 1 else 's'}" if found else "no worker yet"
        self.told(f"Dask scheduler {self.address}: {count}. Dashboard: {client.dashboard_link}")
        others = sorted({text for answer in found.values() for text in answer[1]})
        if others:
            warnings.warn(
                f"Workers have {', '.join(others)}; numbers may differ in their last digits.",
                NumericalWarning,
                stacklevel=2,
            )

    def _collected(
        self,
        client: Client,
        work: Callable[..., dict[str, Any]],
        tasks: Sequence[tuple[Any, ...]],
        names: Sequence[str],
        terms: Terms,
    ) -> Iterator[dict[str, Any]]:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        keys = [f"{work.__name__}-{_digest(name, terms)}" for name in names]
        called = dict(zip(keys, names, strict=True))
        waiting = iter(zip(keys, tasks, strict=True))
        handed = _Handed(client)
        done = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        deadly: list[str] = []
        while _fill(client, done, waiting, handed, work, terms) or done.count():
            future, answer = self._next(client, done)
            if isinstance(answer, dict):
                yield answer
            elif isinstance(
                answer, BaseException
            ):  # cancelled: the connection was lost, or another client did it
                raise self._gone()
            elif isinstance(answer[1], KilledWorker):
                deadly.append(called[str(future.key)])
            elif isinstance(answer[1], Refused):
                name, *lacks = answer[1].args
                _refuse(f"Worker {name}", tuple(lacks))
            else:
                _refuse("A worker", _unloaded(answer[1]))
        if deadly:
            deadly.sort(key=list(names).index)
            raise ClusterError(
                f"{_listed(deadly)} ended every worker that tried, most likely for want of memory; all other rows "
                "are there.",
                "Call again with more memory a worker, or with smaller samples; it goes on where it was.",
            )

    def _next(self, client: Client, done: as_completed) -> tuple[Future, Any]:
        """The next answer: a row, (type, error, traceback), or an error where the task was cancelled."""
        while not done.has_ready():
            if client.status != "running":
                raise self._gone()
            with done.thread_condition:
                done.thread_condition.wait(timeout=0.1)
        found: tuple[Future, Any] = next(done)
        return found

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"The scheduler {self.address} is gone; finished rows are kept.",
            "Start a scheduler, and call again with its address; it goes on where it was.",
        )


class _Handed:
    """What several tasks need and is large: a future in its place, the same one for all of them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[int, tuple[Any, Any]] = {}

    def __call__(self, part: Any) -> Any:
        if isinstance(part, str | int | float | None):
            return part
        if id(part) not in self._found:
            large = len(pickle.dumps(part, protocol=5)) > SHARED
            shared = self._client.submit(handed_over, part, pure=False) if large else part
            self._found[id(part)] = part, shared  # the part is kept, so that no other one gets its id
        return self._found[id(part)][1]


def _fill(
    client: Client,
    done: as_completed,
    waiting: Iterator[tuple[str, tuple[Any, ...]]],
    handed: _Handed,
    work: Callable[..., dict[str, Any]],
    terms: Terms,
) -> bool:
    """Hand over the next tasks where less than half of AHEAD are under way; whether any were."""
    under_way = done.count()
    if under_way > AHEAD // 2:
        return False
    batch = list(islice(waiting, AHEAD - under_way))
    if not batch:
        return False
    given = zip(*([handed(part) for part in task] for _, task in batch), strict=True)
    futures: list[Future] = client.map(
        work_under, [terms] * len(batch), [work] * len(batch), *given, key=[key for key, _ in batch]
    )
    done.update(futures)
    return True


def _digest(name: str, terms: Terms) -> str:
    return hashlib.sha256(repr((name, terms)).encode()).hexdigest()[:32]


def _lacks(client: Client, terms: Terms) -> Refusal | None:
    """What the scheduler lacks."""
    try:
        found: Refusal | None = client.run_on_scheduler(look, terms)
    except Exception as error:
        return _unloaded(error)
    return found


def _unloaded(error: BaseException) -> Refusal:
    """The refusal of who cannot even load what it is asked; raises every other error again.

    Dask hands an error of a worker on as it is, or as an Exception with its ``repr``.
    """
    names = ("ModuleNotFoundError", "ImportError", "AttributeError")
    name, _, reason = (
        str(error).partition("(") if type(error) is Exception else (type(error).__name__, "", str(error))
    )
    if name not in names:
        raise error
    reason = reason.removesuffix(")").strip('"')
    what = "has no crlspec" if reason.endswith("'crlspec'") else f"has another version of crlspec ({reason})"
    return what, "Install the same version there as here, and start it again."


def _refuse(who: str, lacks: Refusal | None, count: int = 1) -> None:
    """Raises ClusterError where ``who``, one of so many, lacks something."""
    if lacks is not None:
        among = f" (one of {count})" if count > 1 else ""
        raise ClusterError(f"{who}{among} {lacks[0]}.", lacks[1])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    """A logger says nothing below CRITICAL: what it would say is raised."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
