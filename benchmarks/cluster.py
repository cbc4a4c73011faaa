"""What does a task on a Dask cluster cost? Seconds and bytes of client, scheduler and worker, with two workers.

    python benchmarks/cluster.py [--tasks 2000] [--spec linear/hard-5] [--samples 1000]

Scheduler and workers are processes of their own on this machine. Tasks that do nothing, but carry a spec there and
back, cost what a cluster adds to any run: CPU seconds of each process, and the wall time between two rows. Waiting
tasks cost memory of the scheduler. A worker costs its start, its memory and what it loads for its first run; a row on
disk what it takes to be there. Below, the runs a second that these costs allow, for one worker to ten thousand.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from crlspec.studies.cluster import Cluster
from crlspec.studies.cluster.terms import Terms
from crlspec.studies.sweep.cases import Case, cases_of
from crlspec.studies.sweep.one_run import FIELDS, run_one
from crlspec.studies.sweep.rows import open_rows

MB = 1e6
WAITING = 20_000


@contextmanager
def process(module: str, *given: object) -> Any:
    """A process of distributed, which ends with the block."""
    call = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, given), "--no-dashboard"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.Popen(call, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(found.pid)
    finally:
        found.kill()
        found.wait()


def cpu(one: psutil.Process) -> float:
    """CPU seconds of a process until now."""
    times = one.cpu_times()
    return times.user + times.system


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait(port: int) -> None:
    """Until somebody listens."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def carried(case: Case, first: int, count: int) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Tasks for ``dict`` that give back what they are given: a spec and a number."""
    numbers = range(first, first + count)
    return [([("case", case), ("seed", k)],) for k in numbers], [f"{case.digest} {k}" for k in numbers]


def costs_of_tasks(
    cluster: Cluster, case: Case, count: int, parts: dict[str, psutil.Process]
) -> dict[str, float]:
    """Print what an empty task costs; CPU seconds by process."""
    list(cluster.rows(dict, *carried(case, 0, 100), Terms.here()))  # what is loaded once
    before, began = {name: cpu(one) for name, one in parts.items()}, time.perf_counter()
    list(cluster.rows(dict, *carried(case, 100, count), Terms.here()))
    wall = (time.perf_counter() - began) / count
    found = {name: (cpu(one) - before[name]) / count for name, one in parts.items()}
    for name, seconds in found.items():
        print(f"{name + ', a task':<34} {1e3 * seconds:8.2f} CPU ms")
    print(f"{'between two rows':<34} {1e3 * wall:8.2f} ms of wall time")
    return found


def idle(scheduler: psutil.Process, seconds: float = 10.0) -> float:
    """CPU seconds a second of a scheduler that is asked for nothing."""
    before = cpu(scheduler)
    time.sleep(seconds)
    return (cpu(scheduler) - before) / seconds


def memory_of_waiting(case: Case) -> float:
    """Print the scheduler's memory a waiting task, without any worker; bytes."""
    from distributed import Client

    from crlspec.studies.cluster.worker import work_under

    port = free_port()
    with process("dask_scheduler", "--host", "127.0.0.1", "--port", port) as scheduler:
        wait(port)
        with Client(f"tcp://127.0.0.1:{port}", set_as_default=False) as client:
            client.run_on_scheduler(os.getpid)
            before, here = scheduler.memory_info().rss, psutil.Process().memory_info().rss
            tasks, _ = carried(case, 0, WAITING)
            terms = Terms.here()
            kept = client.map(work_under, [terms] * WAITING, [dict] * WAITING, [one[0] for one in tasks])
            client.run_on_scheduler(os.getpid)
            bytes_there = (scheduler.memory_info().rss - before) / len(kept)
            bytes_here = (psutil.Process().memory_info().rss - here) / len(kept)
    print(f"{'scheduler, a waiting task':<34} {bytes_there / 1e3:8.1f} kB")
    print(f"{'client, a waiting task':<34} {bytes_here / 1e3:8.1f} kB")
    return bytes_there


def cost_of_a_row(count: int = 200) -> float:
    """Print what a row on disk costs; seconds."""
    with tempfile.TemporaryDirectory() as folder, open_rows(Path(folder) / "runs.csv", FIELDS) as file:
        began = time.perf_counter()
        for seed in range(count):
            file.append({"setting": "one", "seed": seed, "mcc": 0.123456789})
        each = (time.perf_counter() - began) / count
    print(f"{'a row on disk':<34} {1e3 * each:8.2f} ms of wall time")
    return each


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--spec", default="linear/hard-5")
    parser.add_argument("--samples", type=int, default=1000)
    asked = parser.parse_args()
    (case,) = cases_of(asked.spec, [f"samples={asked.samples}"])
    print(f"{asked.spec}, {len(case.text):,} bytes of spec; {asked.tasks} tasks, two workers of one thread\n")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with process("dask_scheduler", "--host", "127.0.0.1", "--port", port) as scheduler:
        wait(port)
        time.sleep(1)
        alone = idle(scheduler)
        began = time.perf_counter()
        given = (address, "--no-nanny", "--nthreads", 1)
        with process("dask_worker", *given) as first, process("dask_worker", *given) as second:
            told: list[str] = []
            while not told or "2 workers" not in told[-1]:
                list(Cluster(address, told.append).rows(dict, *carried(case, -1, 1), Terms.here()))
            print(
                f"{'two workers, from nothing to ready':<34} {time.perf_counter() - began:8.2f} s of wall time"
            )
            print(f"{'a worker, before its first run':<34} {first.memory_info().rss / MB:8.0f} MB")
            began, spent = time.perf_counter(), cpu(first) + cpu(second)
            tasks = [(case, seed, "cpu") for seed in range(2)]
            cluster = Cluster(address)
            list(cluster.rows(run_one, tasks, ["a", "b"], Terms.here()))
            loading = (cpu(first) + cpu(second) - spent) / 2
            print(f"{'a first run, with what it loads':<34} {loading:8.2f} CPU s")
            began, spent = time.perf_counter(), cpu(first) + cpu(second)
            tasks = [(case, seed, "cpu") for seed in range(2, 12)]
            list(cluster.rows(run_one, tasks, [str(k) for k in range(10)], Terms.here()))
            run = (cpu(first) + cpu(second) - spent) / 10
            print(f"{'a later run':<34} {run:8.2f} CPU s")
            print(f"{'a worker, after some runs':<34} {first.memory_info().rss / MB:8.0f} MB")
            parts = {"client": psutil.Process(), "scheduler": scheduler, "one of the workers": first}
            spent_on = costs_of_tasks(cluster, case, asked.tasks, parts)
            beats = (idle(scheduler) - alone) / 4  # two workers tell of themselves twice a second each
            print(f"{'scheduler, a heartbeat':<34} {1e3 * max(beats, 0):8.2f} CPU ms")
    waiting = memory_of_waiting(case)
    row = cost_of_a_row()
    slowest = max(spent_on["scheduler"], spent_on["client"] + row)
    print(
        f"\nRows a second, at most: {1 / slowest:,.0f} (scheduler, or client and disk, whichever is slower)"
    )
    print(f"Memory of {WAITING:,} waiting tasks: {waiting * WAITING / MB:.0f} MB")
    print("\n| workers | a run should last at least, s | runs an hour of 1 s, at most | of 60 s |")
    print("|---|---|---|---|")
    for workers in (1, 10, 100, 1000, 10_000):
        rates = [3600 * min(workers / seconds, 1 / slowest) for seconds in (1, 60)]
        print(f"| {workers:,} | {workers * slowest:.2g} | {rates[0]:,.0f} | {rates[1]:,.0f} |")


if __name__ == "__main__":
    main()
