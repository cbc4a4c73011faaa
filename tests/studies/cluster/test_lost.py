"""Workers, schedulers and clients that are killed in mid-run: nothing that was done is lost, or done again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SPEC
from tests.studies.cluster.conftest import PATIENCE, Dask, until

pytestmark = pytest.mark.slow

SEEDS = 10


@pytest.fixture
def call(tmp_path: Path) -> tuple[str, ...]:
    """A sweep of ten seeds of a small spec."""
    (tmp_path / "small.yaml").write_text(SPEC, encoding="utf-8")
    return (
        "sweep",
        "small.yaml",
        "--set",
        "samples=400",
        "--seeds",
        str(SEEDS),
        "--out",
        "out",
        "--progress",
    )


def ended(client: subprocess.Popen[str], status: int) -> str:
    """What a client told on stderr, once it has ended as it should."""
    out, told = client.communicate(timeout=PATIENCE)
    assert client.returncode == status, out + told
    assert "Traceback" not in told
    return told


def seeds(dask: Dask) -> list[int]:
    """The seeds of the rows, in order."""
    return sorted(int(row.split(",")[2]) for row in dask.rows())


def in_mid_run(dask: Dask, rows: int) -> bool:
    """Whether so many rows are there, every run that has ended has one, and both workers are at another."""
    done = sum(dask.count("memory").values())
    return len(dask.in_hand()) == 2 and rows <= len(dask.rows()) == done


def test_a_worker_killed_in_mid_run_loses_nothing(dask: Dask, call: tuple[str, ...]) -> None:
    dask.scheduler()
    workers = {process.pid: process for process in (dask.worker(), dask.worker())}
    client = dask.client(*call)
    until(lambda: in_mid_run(dask, 2))
    process, lost = next(iter(dask.in_hand().items()))
    workers[process].kill()
    told = ended(client, 0)
    assert seeds(dask) == list(range(SEEDS))
    assert set(dask.count("memory").values()) == {1}
    assert [key for key, count in dask.count("executing").items() if count > 1] == [lost]
    assert "Dask scheduler" in told and "Dashboard: " in told and "runs 100 %" in told


def test_a_scheduler_killed_in_mid_run_keeps_what_is_done(dask: Dask, call: tuple[str, ...]) -> None:
    scheduler = dask.scheduler()
    workers = [dask.worker(), dask.worker()]
    client = dask.client(*call)
    until(lambda: in_mid_run(dask, 2))
    scheduler.kill()
    told = ended(client, 2)
    assert f"The scheduler {dask.address} is gone; finished rows are kept." in told
    assert "Remedy: Start a scheduler, and call again with its address; it goes on where it was." in told
    for worker in workers:
        worker.kill()
        worker.wait()
    kept = dask.rows()
    before = dask.count("memory")
    dask.scheduler()
    dask.worker()
    ended(dask.client(*call), 0)
    assert dask.rows()[: len(kept)] == kept and seeds(dask) == list(range(SEEDS))
    done = {key for key, count in before.items() if count}
    assert len(done) >= len(kept) >= 2
    assert sum(dask.count("executing")[key] > 1 for key in done) == len(done) - len(kept)


def test_a_client_killed_in_mid_run_goes_on_and_runs_in_hand_are_taken_up(
    dask: Dask, call: tuple[str, ...]
) -> None:
    dask.scheduler()
    dask.worker()
    dask.worker()
    client = dask.client(*call)
    until(lambda: in_mid_run(dask, 2))
    client.kill()
    client.communicate()
    kept = dask.rows()
    ended(dask.client(*call), 0)
    assert dask.rows()[: len(kept)] == kept and seeds(dask) == list(range(SEEDS))
    again = [key for key, count in dask.count("executing").items() if count > 1]
    assert len(again) <= 2  # those in hand, which ended before somebody asked for them again


def test_a_worker_with_threads_is_refused_though_it_comes_late(dask: Dask, call: tuple[str, ...]) -> None:
    dask.scheduler()
    client = dask.client(*call)
    until((dask.folder / "out" / "runs.csv").exists)
    dask.worker(threads=3)
    told = ended(client, 2)
    assert "runs tasks in 3 threads, and a run needs a process of its own." in told
    assert (
        "Remedy: Start workers with one thread each: dask worker ADDRESS --nworkers CORES --nthreads 1"
        in told
    )
    assert dask.rows() == []


NONE = """\
import sys

class Without:
    def find_spec(self, name, *more):
        if name.split(".")[0] == "crlspec":
            raise ModuleNotFoundError(f"No module named {name!r}", name="crlspec")

sys.meta_path.insert(0, Without())
"""


@pytest.mark.parametrize("who", ["scheduler", "worker"])
def test_a_place_without_crlspec_is_named(dask: Dask, call: tuple[str, ...], who: str) -> None:
    without = dask.folder / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text(NONE, encoding="utf-8")
    dask.scheduler(without if who == "scheduler" else None)
    client = dask.client(*call)
    if who == "worker":
        dask.worker(path=without)
    told = ended(client, 2)
    named = "The scheduler" if who == "scheduler" else r"(Worker tcp://\S+|A worker)"
    assert re.search(rf"^{named} has no crlspec\.", told, flags=re.MULTILINE)
    assert "Remedy: Install the same version there as here, and start it again." in told


def test_a_worker_with_other_source_files_is_refused(dask: Dask, call: tuple[str, ...]) -> None:
    other = dask.folder / "other" / "crlspec"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text('__version__ = "0.1.0"\n', encoding="utf-8")
    dask.scheduler()
    client = dask.client(*call)
    dask.worker(path=other.parent)
    assert "with other source files (digest " in ended(client, 2)
