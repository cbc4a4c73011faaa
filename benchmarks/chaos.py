"""Calls killed at random moments: is what they leave whole or absent, and does the next call end as if nothing was?

For each kind of call the whole call is made once, and timed. It is then started again and again, and killed
(SIGKILL) after a random share of that time. Looked at each time: what can be read is whole (``torn`` counts what is
not), rows that were done stay (``lost``), no process lives on after ten seconds (``orphans``). The same call is made
once more, to its end: the answer is the one that was never killed (``other`` counts those that are not), and no
temporary file stays (``litter``).

    python benchmarks/chaos.py --moments 20            # about 15 minutes of CPU
    python benchmarks/chaos.py --moments 3 --only run sample
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

LINEAR = """\
crlspec: 1
name: small
latents: [a, b, c]
scm:
  graph: [a -> b, b -> c]
  mechanism: {kind: linear, weight: [0.9, 1.2]}
  noise: {kind: normal, variance: [0.8, 1.2]}
mixing: {kind: linear, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}
samples: 2000
scores: {kind: gaussian}
"""
GENERAL = """\
crlspec: 1
name: curved
latents: [a, b]
scm:
  graph: [a -> b]
  mechanism: {kind: linear, weight: [0.9, 1.2]}
  noise: {kind: normal, variance: [0.8, 1.2]}
mixing: {kind: mlp, activation: leaky-relu, layers: 3, observed: 6}
interventions:
  design: coupled
  kind: hard
  noise: {variance: {times: 0.25}}
  second: {noise: {variance: {times: 4}}}
samples: 300
estimator: {kind: gscale-i, restarts: 1, steps: 60}
"""
PROGRAM = Path(sys.executable).with_name("crlspec")
TIMED = {"seconds", "cpu_seconds"}
COUNTS = ("moments", "whole", "absent", "torn", "lost", "other", "litter", "orphans")


@dataclass(frozen=True)
class Kind:
    """A kind of call.

    call    what follows ``crlspec``
    answer  what the folder holds, in plain values; None where it is absent. Raises where it is torn
    rows    the file of rows that are done, which may not get fewer; empty where the call is all or nothing
    """

    call: tuple[str, ...]
    answer: Callable[[Path], Any]
    rows: str = ""

    def done(self, folder: Path) -> int:
        """How many rows are done."""
        return len(self.answer(folder) or ()) if self.rows else 0


def result(folder: Path) -> Any:
    """Edges, latents and status of a run."""
    from crlspec import open_result

    if not (folder / "out").exists():
        return None
    found = open_result(folder / "out")
    wanted = {"result.nc", "spec.yaml", "run.log", "report.html", "dag.json", "dag.dot", "status.json"}
    assert wanted <= {entry.name for entry in (folder / "out").iterdir()}, "files are missing"
    z = {name: node["z_hat"].values.tobytes() for name, node in found.latents.children.items()}
    return z, found.edges, str(found.status)


def data(folder: Path) -> Any:
    """The samples of a data file."""
    from crlspec import read_data

    if not (folder / "d.nc").exists():
        return None
    return {name: node["x"].values.tobytes() for name, node in read_data(folder / "d.nc").children.items()}


def rows(name: str) -> Callable[[Path], Any]:
    """The whole rows of a study, without what a clock says."""

    def answer(folder: Path) -> Any:
        path = folder / "out" / name
        if not path.exists():
            return None
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        found = list(csv.DictReader(whole.splitlines()))
        assert all(None not in row.values() and None not in row for row in found), "a row is torn"
        return sorted(tuple((k, v) for k, v in row.items() if k not in TIMED) for row in found)

    return answer


KINDS = {
    "sample": Kind(("sample", "linear.yaml", "--samples", "20000", "--out", "d.nc"), data),
    "run": Kind(("run", "linear.yaml", "--out", "out"), result),
    "gscale-i": Kind(("run", "curved.yaml", "--out", "out"), result),
    "sweep": Kind(
        ("sweep", "linear.yaml", "--seeds", "4", "--jobs", "2", "--out", "out"), rows("runs.csv"), "runs.csv"
    ),
    "stability": Kind(
        ("stability", "linear.yaml", "--bootstraps", "4", "--jobs", "2", "--out", "out"),
        rows("bootstraps.csv"),
        "bootstraps.csv",
    ),
}  # fmt: skip


def below(process: int) -> set[int]:
    """Processes that run, started by this one or by those."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (told := state(int(entry.name))) is not None:
            parents[int(entry.name)] = told
    found, new = set(), {process}
    while new:
        new = {one for one, parent in parents.items() if parent in new} - found
        found |= new
    return found


def state(process: int) -> int | None:
    """The parent of a process that runs; None for one that does not."""
    try:
        told, parent, *_ = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if told in "ZX" else int(parent)


def orphans(processes: set[int], seconds: float = 10.0) -> int:
    """How many of these still run after so many seconds."""
    end = time.monotonic() + seconds
    while (left := {one for one in processes if state(one) is not None}) and time.monotonic() < end:
        time.sleep(0.05)
    for one in left:
        os.kill(one, signal.SIGKILL)
    return len(left)


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "linear.yaml").write_text(LINEAR, encoding="utf-8")
    (folder / "curved.yaml").write_text(GENERAL, encoding="utf-8")
    return folder


def litter(folder: Path) -> list[str]:
    """Hidden files that a call left."""
    return [str(path.relative_to(folder)) for path in folder.rglob(".*")]


def whole_call(kind: Kind, folder: Path, *more: str) -> None:
    done = subprocess.run(
        [PROGRAM, *kind.call, *more], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode not in (0, 4):
        raise SystemExit(f"crlspec {' '.join(kind.call)} ended with {done.returncode}: {done.stderr}")


def killed(kind: Kind, folder: Path, seconds: float) -> set[int]:
    """The processes that the call had when it was killed."""
    process = subprocess.Popen(
        [PROGRAM, *kind.call], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    children = below(process.pid)
    process.kill()
    process.communicate()
    return children


def tried(kind: Kind, folder: Path, moments: int, rng: random.Random) -> dict[str, int]:
    """The counts of one kind."""
    found = dict.fromkeys(COUNTS, 0)
    began = time.monotonic()
    whole_call(kind, fresh(folder))
    wall = time.monotonic() - began
    wanted = kind.answer(folder)
    for _ in range(moments):
        fresh(folder)
        found["moments"] += 1
        found["orphans"] += orphans(killed(kind, folder, rng.uniform(0.0, 1.02) * wall))
        complete = False
        try:
            answer = kind.answer(folder)
        except Exception as error:
            print(f"torn: {type(error).__name__}: {error}", flush=True)
            found["torn"] += 1
        else:
            found["absent" if answer is None else "whole"] += 1
            complete = answer is not None and not kind.rows
        before = kind.done(folder)
        whole_call(kind, folder, *(["--force"] if complete else []))
        found["lost"] += kind.done(folder) < before
        found["other"] += kind.answer(folder) != wanted
        if left := litter(folder):
            print(f"litter: {left}", flush=True)
            found["litter"] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=20, help="kills of each kind (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    given = parser.parse_args()
    print(f"{'call':<10}" + "".join(f"{name:>9}" for name in COUNTS), flush=True)
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.only:
            found = tried(
                KINDS[name], Path(scratch) / name, given.moments, random.Random(f"{given.seed} {name}")
            )
            print(f"{name:<10}" + "".join(f"{found[key]:>9}" for key in COUNTS), flush=True)
            bad += sum(found[key] for key in ("torn", "lost", "other", "litter", "orphans"))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
