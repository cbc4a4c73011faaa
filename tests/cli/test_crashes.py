"""What ended in a crash once: full disks, closed folders, damaged files, odd names; each with its answer."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from crlspec.cli import main
from tests.cli.conftest import SPEC, Answer, Call
from tests.disk.test_write import of_a_dead_process
from tests.forked import Forked

PROGRAM = Path(sys.executable).with_name("crlspec")
slow = pytest.mark.slow
FILES = {
    "dag.dot", "dag.json", "metrics.json", "report.html", "result.nc", "run.log", "spec.yaml", "status.json",
}  # fmt: skip


def last(text: str) -> str:
    """Its last line: what a call could not do, after what it was about to do."""
    return text.strip().splitlines()[-1]


def names(folder: Path = Path()) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def program(*call: object, start: Callable[[], object] | None = None) -> Answer:
    """A call in a process of its own, which ``start`` readies."""
    done = Answer(*Forked(lambda: main([str(part) for part in call]), start).ended())
    assert "Traceback" not in done.err
    return done


def files_of(count: int) -> Callable[[], object]:
    """No file may have more bytes."""
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))


def without_override() -> None:
    """Rights of files hold for the superuser too."""
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    system = ctypes.CDLL(None)
    system.capget(header, sets)
    sets[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert system.capset(header, sets) == 0


def test_few_samples_of_few_variables_are_too_few(call: Call, spec: Path) -> None:
    spec.write_text(SPEC.replace("observed: 6", "observed: 4"), encoding="utf-8")
    answer = call("run", spec, "--samples", 5, "--out", "out")
    assert answer.status == 3
    assert "singular" not in answer.err.lower() and "environment '" in answer.err.lower(), answer.err
    assert not Path("out").exists()


@pytest.mark.parametrize("what", ["cell", "column"])
def test_numbers_out_of_range_name_environment_and_column(call: Call, own: Path, what: str) -> None:
    for path in Path("data").glob("*.csv"):
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.split(",") for line in lines]
        for k, row in enumerate(rows):
            if what == "column" or (path.stem == "do_1" and k == 3):
                row[2] = repr(float(row[2]) * 1e300)
        path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    column = header.split(",")[2]
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    if what == "cell":
        assert f"In environment 'do_1', row 4, column '{column}' is " in answer.err
    else:
        assert (
            f"column '{column}' holds values as large as " in answer.err and "In environment '" in answer.err
        )
    assert not Path("out").exists()


@pytest.mark.parametrize("out", ["d.nc", pytest.param("d", marks=slow), pytest.param("d.zarr", marks=slow)])
def test_data_that_a_full_disk_cannot_hold_leave_nothing(tmp_path: Path, spec: Path, out: str) -> None:
    if out.endswith(".zarr"):
        pytest.importorskip("zarr")
    done = program("sample", spec, "--out", tmp_path / "deep" / out, start=files_of(20_000))
    assert done.status == 2
    assert done.err.startswith(f"disk full: {tmp_path}/deep/{out} "), done.err
    assert names(tmp_path) == {"small.yaml"}


@pytest.mark.parametrize("limit", [pytest.param(100_000, marks=slow), 500_000])
def test_a_run_that_a_full_disk_cannot_hold_leaves_nothing(tmp_path: Path, spec: Path, limit: int) -> None:
    """At 100 kB it is known beforehand; at 500 kB result.nc turns out to be larger."""
    done = program("run", spec, "--out", tmp_path / "out", start=files_of(limit))
    assert done.status == 2
    (last,) = done.err.splitlines()[-1:]
    if limit == 100_000:
        assert last.startswith(
            f"disk full: {tmp_path}/out needs a file of about 384 kB, and files may have 100 kB"
        )
    else:
        assert last == (
            f"disk full: {tmp_path}/out/result.nc cannot be written (File too large). Remedy: Free some space, or "
            "choose another place. Nothing was left there."
        )
    assert names(tmp_path) == {"small.yaml"}


@pytest.mark.slow
def test_a_disk_that_is_full_in_truth_leaves_nothing(tmp_path: Path, spec: Path) -> None:
    """A small file system that ends with its process, as a mount point that is filled in place."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        'mount -t tmpfs -o size=880k none "$1" || exit 77\n'
        'cd "$1" && "$2" sample "$3" --samples 1500 --out d.nc; echo "sample $?"\n'
        '"$2" sample "$3" --samples 3000 --out e.nc; echo "again $?"\n'
        'rm -f d.nc; "$2" run "$3" --samples 3500 --out .; echo "run $?"\n'
        'ls -A "$1"'
    )
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", disk, PROGRAM, spec],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no small file system here")
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert "sample 0" in lines and "again 2" in lines and "run 2" in lines, done.stdout + done.stderr
    assert lines[-1] == "run 2", lines  # nothing is left
    told = [line for line in done.stderr.splitlines() if line.startswith("disk full: ")]
    assert told[0].startswith("disk full: e.nc needs about ") and len(told) == 2, done.stderr


@pytest.mark.parametrize(
    "given",
    [
        ("run", "--out", "closed/out"), ("sample", "--out", "closed/d.nc"),
        ("sweep", "--seeds", 1, "--out", "closed/out"), ("stability", "--bootstraps", 1, "--out", "closed/out"),
        ("run", "--out", "closed"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, spec: Path, monkeypatch, given: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("closed").mkdir()
    Path("closed").chmod(0o555)
    command, *rest = given
    done = program(command, spec, *rest, start=without_override)
    Path("closed").chmod(0o755)
    assert done.status == 2
    assert done.err.splitlines()[-1] == (
        f"{given[-1]}: cannot be written (Permission denied). Remedy: Choose another place, or check its rights."
    )
    assert names(Path("closed")) == set()


def test_the_working_directory_is_filled_and_stays_what_it_is(call: Call, spec: Path, monkeypatch) -> None:
    Path("e").mkdir()
    before = Path("e").stat().st_ino
    monkeypatch.chdir("e")
    assert call("run", spec, "--out", ".").status == 0
    assert names() == FILES and Path().resolve().stat().st_ino == before
    assert names(Path("..")) == {"small.yaml", "e"}
    Path("mine.txt").write_text("mine")
    Path("ceiling.json").write_text("old")
    again = call("run", spec, "--out", ".")
    assert (again.status, last(again.err)) == (
        2,
        ". exists and is not empty. Remedy: Give another --out DIR, or --force to replace the run that is in it.",
    )
    assert call("run", spec, "--out", ".", "--force").status == 0
    assert names() == FILES | {"mine.txt"}
    assert call("sample", spec, "--out", ".", "--force").status == 2


def test_what_killed_calls_left_is_swept_by_the_next_one(call: Call, spec: Path) -> None:
    Path(of_a_dead_process("out")).mkdir()
    Path(of_a_dead_process("d.nc")).write_text("half")
    stranger = of_a_dead_process("other")
    Path(stranger).mkdir()
    assert call("run", spec, "--out", "out").status == 0
    assert call("sample", spec, "--out", "d.nc").status == 0
    assert names() == {"small.yaml", "out", "d.nc", stranger}
    (Path("out") / of_a_dead_process("")).mkdir()
    (Path("sw") / of_a_dead_process("summary.csv")).parent.mkdir()
    (Path("sw") / of_a_dead_process("summary.csv")).write_text("half")
    assert call("run", spec, "--out", "out", "--force").status == 0
    assert names(Path("out")) == FILES
    assert call("sweep", spec, "--seeds", 1, "--out", "sw").status == 0
    assert names(Path("sw")) == {"runs.csv", "summary.csv", "summary.md"}


def test_two_calls_never_write_one_folder(call: Call, spec: Path) -> None:
    from crlspec.disk.folder import reserved

    with reserved("out"):
        answer = call("run", spec, "--out", "out")
    assert answer.status == 2
    assert last(answer.err) == (
        f"out: another call is writing it (process {os.getpid()}). Remedy: Wait for it to end, or give another --out."
    )
    assert names() == {"small.yaml"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("e4.csv", "this link leads nowhere"),
        ("e4.tsv", "the columns differ from those of obs.csv"),
        ("e4.csv.gz", "cannot be read (Not a gzipped file (b'x1'))"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(call: Call, own: Path, name: str, reason: str) -> None:
    path = Path("data").resolve() / name
    if "link" in reason:
        path.symlink_to("nowhere")
    else:
        path.write_text("x1\n1\n")
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    assert last(answer.err).startswith(str(path)) and reason in last(answer.err)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("e4.CSV.zip", "e4.CSV.zip is packed"),
        ("e4.xlsx", "e4.xlsx is no .csv or .parquet table"),
        ("e4", "e4 is a link to nothing"),
        ("e4.parquet", "e4.parquet is no file"),
    ],
)
def test_no_environment_is_left_out_without_a_word(call: Call, own: Path, name: str, reason: str) -> None:
    path = Path("data") / name
    if "link" in reason:
        path.symlink_to("nowhere")
    elif "no file" in reason:
        path.mkdir()
    else:
        path.write_text("x1\n1\n")
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    folder = (Path() / "data").resolve()
    assert last(answer.err) == (
        f"{folder}: {reason}. The data would be read without it. Remedy: Save it as .csv or .parquet, or move it out "
        "of the folder."
    )
    assert not Path("out").exists()


def test_what_is_no_data_is_named_and_the_run_goes_on(
    call: Call, own: Path, fixed_estimator: Callable[..., None]
) -> None:
    fixed_estimator()
    Path("data/README.md").write_text("about")
    Path("data/old").mkdir()
    answer = call("run", own, "--out", "out")
    assert answer.status == 0
    assert f"warning: {Path('data').resolve()}: not read: README.md, old/." in answer.err.splitlines()


def test_a_damaged_result_is_refused_by_every_command(call: Call, spec: Path) -> None:
    assert call("run", spec, "--samples", 1000, "--out", "out").status in (0, 4)
    with h5py.File("out/result.nc", "r+") as file:
        file["graph/state"][...] = np.array([[0, 2, 0], [0, 0, 2], [2, 0, 0]])
    before = names()
    for command, *rest in (
        ["report"], ["export"], ["replay"], ["compare"], ["transform", "--data", "d", "--out", "z.csv"],
    ):  # fmt: skip
        answer = call(command, "out", *rest)
        assert answer.status == 3
        assert answer.err.strip() == (
            "out/result.nc: the result is damaged: its graph has a cycle. Remedy: dag.json, status.json, "
            "metrics.json, report.html beside it are whole. crlspec run out/spec.yaml --out NEW makes it again."
        )
        assert answer.out == "" and names() == before


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 100_000, "no JSON: maximum recursion depth exceeded"),
        ("[1, 2]", "not a mapping but [1, 2]"),
        ("{", "no JSON: Expecting property name"),
        ('{"seeds": 3}', "'seeds' should be whole numbers, and is 3"),
        ('{"seeds": {"model": "x"}}', "'seeds' should be whole numbers, and is {'model': 'x'}"),
        ('{"environments": {"a": 1}}', "'environments' should be a list of names, and is {'a': 1}"),
        ('{"image": [1, "a", 2]}', "'image' should be three whole numbers, and is [1, 'a', 2]"),
        ('{"observational": 3}', "'observational' should be the name of an environment, and is 3"),
        ('{"cameras": "one"}', "'cameras' should be a list of names, and is 'one'"),
    ],
)
def test_damaged_notes_beside_data_are_named(call: Call, own: Path, text: str, what: str) -> None:
    path = Path("data").resolve() / "crlspec.json"
    path.write_text(text)
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    assert last(answer.err).startswith(f"{path}: the notes beside the data are damaged ({what}"), answer.err
    assert answer.err.strip().endswith("Remedy: Mend or remove them; the data can be read without.")


def test_a_file_name_that_is_no_text_is_named(call: Call, own: Path) -> None:
    raw = os.fsencode(Path("data").resolve()) + b"/e\xff4.csv"
    Path(os.fsdecode(raw)).write_text("x1\n1\n")
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    assert "the name of the file e\\udcff4.csv is no UTF-8. Remedy: Rename the file." in answer.err


def test_data_whose_bytes_changed_are_damaged(call: Call, spec: Path) -> None:
    assert call("sample", spec, "--samples", 100, "--out", "d.nc").status == 0
    content = bytearray(Path("d.nc").read_bytes())
    content[len(content) // 2] ^= 1
    Path("d.nc").write_bytes(content)
    answer = call("run", spec, "--data", "d.nc", "--out", "out")
    assert answer.status == 3
    assert last(answer.err) == (
        "d.nc: the data are damaged: their bytes are not those that were written. Remedy: Take a copy of the file, "
        "or make it again."
    )


@pytest.mark.parametrize("name", ["data/truth/obs.csv", "data/crlspec.json"])
def test_a_pipe_is_named_and_never_waited_for(call: Call, own: Path, name: str) -> None:
    path = Path(name).resolve()
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    answer = call("run", own, "--out", "out")
    assert answer.status == 3
    assert last(answer.err) == (
        f"{path}: this is a pipe or a device, and no file. Remedy: Write the data to a file, or take it away."
    )
