"""Calls that are stopped: by SIGTERM and Ctrl-C with a whole sentence, by SIGKILL without workers that live on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crlspec.cli.parser import main
from crlspec.cli.stopping import Terminated, stoppable
from tests.cli.test_killed import GENERAL

PROGRAM = Path(sys.executable).with_name("crlspec")
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def started(folder: Path, *call: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, *map(str, call)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # what runs in the background ignores SIGINT, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def below(process: int) -> set[int]:
    """Processes that run, started by this one or by those."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if state not in "ZX":
                parents[int(entry.name)] = int(parent)
    found, new = set(), {process}
    while new:
        new = {one for one, parent in parents.items() if parent in new} - found
        found |= new
    return found


def until(met: Callable[[], bool], seconds: float, process: subprocess.Popen[str] | None = None) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and (process is None or process.poll() is None):
        if met():
            return True
        time.sleep(0.02)
    return met()


def gone(processes: set[int]) -> bool:
    running = {int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit()}
    states = {}
    for one in processes & running:
        try:
            states[one] = (Path("/proc") / str(one) / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return all(state in "ZX" for state in states.values())


@linux
@pytest.mark.parametrize("command", ["sweep", pytest.param("stability", marks=pytest.mark.slow)])
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, spec: Path, command: str) -> None:
    many = ("--seeds", 500) if command == "sweep" else ("--bootstraps", 500)
    process = started(tmp_path, command, spec, *many, "--jobs", 2, "--out", "out")
    rows = tmp_path / "out" / ("runs.csv" if command == "sweep" else "bootstraps.csv")
    assert until(lambda: rows.is_file() and rows.read_bytes().count(b"\n") > 1, 120, process)
    workers = below(process.pid)
    assert len(workers) >= 2
    process.kill()
    assert until(lambda: gone(workers), 10)
    process.communicate()


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        pytest.param(signal.SIGINT, 130, "interrupted", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_leaves_nothing_and_says_so(
    tmp_path: Path, number: signal.Signals, status: int, word: str
) -> None:
    (tmp_path / "curved.yaml").write_text(GENERAL.replace("steps: 120", "steps: 100000"), encoding="utf-8")
    process = started(tmp_path, "run", "curved.yaml", "--out", "deep/out")
    assert until(lambda: any(tmp_path.glob("deep/.out.unfinished/*/*.pt")), 120, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err.splitlines()[-1] == (
        f"crlspec: {word}; nothing is in the folder yet. The same call goes on from where the training was."
    )
    assert "Traceback" not in err
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == [".out.unfinished"]


@linux
@pytest.mark.slow
def test_a_sweep_that_is_stopped_keeps_its_rows_and_stops_its_workers(tmp_path: Path, spec: Path) -> None:
    process = started(tmp_path, "sweep", spec, "--seeds", 500, "--jobs", 2, "--out", "out")
    rows = tmp_path / "out" / "runs.csv"
    assert until(lambda: rows.is_file() and rows.read_bytes().count(b"\n") > 1, 120, process)
    workers = below(process.pid)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.splitlines()[-1] == (
        "crlspec: ended by SIGTERM; out/runs.csv keeps the runs that are done. The same call goes on from there."
    )
    assert "Traceback" not in err
    assert until(lambda: gone(workers), 10)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["runs.csv"]


def test_a_call_that_was_stopped_before_it_wrote_says_so(monkeypatch, capsys, tmp_path: Path) -> None:
    def stop(_: object) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crlspec.cli.specs.new", stop)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["crlspec", "new", "first.yaml"])
    assert main() == 143
    assert (
        capsys.readouterr().err
        == "crlspec: ended by SIGTERM; nothing was written. The same call starts anew.\n"
    )
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), stoppable([]):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("module", ["crlspec.cli.parser", "crlspec.cli.terminal", "argparse"])
def test_a_call_that_is_interrupted_while_it_is_loaded_says_so(tmp_path: Path, module: str) -> None:
    """A Ctrl-C on importing a module ends as one in the work does."""
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
from crlspec.cli import main
sys.meta_path.insert(0, Interrupting())
sys.exit(main(["show"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "crlspec: interrupted; nothing was written. The same call starts anew.\n"


def test_an_error_that_a_package_makes_of_an_interruption_is_one(tmp_path, monkeypatch, capsys) -> None:
    def half_loaded(_: object) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ImportError("PyCapsule_Import could not import module")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("crlspec.cli.specs.show", half_loaded)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["crlspec", "show"])
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what runs in the background ignores it
    try:
        assert main() == 130
        said = capsys.readouterr().err
        assert said == "crlspec: interrupted; nothing was written. The same call starts anew.\n"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_an_interruption_is_ignored_it_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable([]):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
