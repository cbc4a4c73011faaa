"""Exit status 1 means a fault of crlspec: it leaves a report without data, and nothing that is known reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec import __version__
from crlspec.cli.fault import PREFIX
from tests.cli.conftest import Call

CRLSPEC = str(Path(sys.executable).with_name("crlspec"))


def break_down(*_: object) -> None:
    raise ValueError("could not convert 'patient 17' and 3.25e-7\nto\ta number")


def reports(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*"))


def test_a_fault_is_one_sentence_and_a_report(
    call: Call, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crlspec.cli.specs.check", break_down)
    answer = call("check", spec)
    (report,) = reports(tmp_path)
    assert answer.status == 1
    assert answer.err == (
        f"This is a fault of crlspec (ValueError). {report.name} holds version, call, spec and traceback, and no "
        "data. Remedy: report it with this file.\n"
    )
    text = report.read_text(encoding="utf-8")
    assert text.startswith(f"crlspec {__version__}, Python ")
    assert f"call: crlspec 'check' {str(spec)!a}" in text
    assert ", in break_down\n" in text and "ValueError: could not convert … and … to a number\n" in text
    kept = text.split("ValueError: ")[-1]
    assert "patient" not in kept and "3.25e-7" not in kept
    assert text.endswith(spec.read_text(encoding="utf-8") + "\n")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([report.name, spec.name])


def test_debug_shows_the_traceback_and_writes_nothing(
    call: Call, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crlspec.cli.specs.check", break_down)
    with pytest.raises(ValueError, match="patient 17"):
        call("check", spec, "--debug")
    assert reports(tmp_path) == []


def test_where_the_folder_takes_nothing_the_report_goes_elsewhere(
    call: Call, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crlspec.cli import fault

    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr("crlspec.cli.specs.check", break_down)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(other))
    written = fault._write_whole
    monkeypatch.setattr(
        fault, "_write_whole", lambda path, text: (written if path.parent == other else refuse)(path, text)
    )
    answer = call("check", spec)
    (report,) = reports(other)
    assert f"(ValueError). {report} holds version" in answer.err
    monkeypatch.setattr(fault, "_write_whole", refuse)
    assert call("check", spec).err == (
        "This is a fault of crlspec (ValueError). Remedy: call it again with --debug, and report what that shows.\n"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device", "a/b.nc"),
            "a/b.nc: No space left on device. Remedy: free some space.\n",
        ),
        (OSError(27, "File too large"), "writing: File too large. Remedy: free some space.\n"),
        (
            PermissionError(13, "Permission denied", "a"),
            "a: Permission denied. Remedy: check path and rights.\n",
        ),
        (
            MemoryError(),
            "There is not enough memory for this call. Remedy: ask for fewer samples or variables.\n",
        ),
        (
            RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
            ),
            "There is not enough memory for this call. Remedy: ask for fewer samples or variables.\n",
        ),
    ],
)
def test_what_the_machine_lacks_is_no_fault(
    call: Call, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def lack(*_: object) -> None:
        raise error

    monkeypatch.setattr("crlspec.cli.specs.check", lack)
    monkeypatch.setattr("crlspec.cli.endings.discard_stdout", lambda: None)
    answer = call("check", spec)
    assert (answer.status, answer.err, reports(tmp_path)) == (2, said, [])


MODEL = 'latents: {a: "Normal(0, 1)", b: "%s"}\nmixing: {kind: linear, observed: 4}\n'
KNOWN = {
    "a Uniform turned round": MODEL % "Uniform(1, 0)",
    "a LogNormal beyond numbers": MODEL % "LogNormal(800, 1)",
    "degrees of freedom of minus infinity": MODEL % "StudentT(log(0*a), 1)",
    "a scale that is negative somewhere": MODEL % "Normal(0, a)",
    "an exponential of an exponential": MODEL % "Normal(exp(exp(9 + a)), 1)",
    "weights of 1e100": "latents: 8\nscm: {graph: {kind: chain}, mechanism: {kind: linear, weight: 1e100}, noise: "
    "{kind: normal}}\nmixing: {kind: linear, observed: 9}\n",
    "a weight of 399 digits": "latents: 2\nscm: {graph: {kind: chain}, mechanism: {kind: linear, weight: "
    + "9" * 399
    + "}, noise: {kind: normal}}\nmixing: {kind: linear, observed: 9}\n",
    "a billion samples": MODEL % "Normal(a, 1)" + "samples: 1000000000\n",
    "a control character": MODEL % "Normal(a, 1)" + "name: \x07\n",
    "a tag": MODEL % "Normal(a, 1)" + "name: !!python/object/apply:os.system [true]\n",
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("command", ["check", "sample", "run"])
def test_no_known_file_reaches_the_last_line(call: Call, tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / "known.yaml").write_text(KNOWN[name], encoding="utf-8")
    more = {"check": [], "sample": ["--out", "data.nc"], "run": ["--out", "run"]}[command]
    answer = call(command, "known.yaml", *more)
    assert answer.status == 2 or (command == "check" and answer.status == 0), answer.err
    assert reports(tmp_path) == []


@pytest.mark.parametrize("device", ["meta", "mkldnn", "hpu", "xla", "nope", "cpu:", ""])
def test_devices_that_compute_nothing_are_refused(
    call: Call, spec: Path, tmp_path: Path, device: str
) -> None:
    answer = call("run", spec, "--out", "run", "--device", device)
    assert answer.status == 2 and answer.err.splitlines()[-1].startswith(f"--device {device}: ")
    assert answer.err.endswith("Remedy: Choose cpu, or a device that torch finds.\n")
    assert not (tmp_path / "run").exists() and reports(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="a shell closes what is inherited")
@pytest.mark.parametrize(
    ("redirection", "status"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), (">/dev/full", 2)]
)
def test_closed_and_full_outputs_are_no_fault(
    spec: Path, tmp_path: Path, redirection: str, status: int
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{CRLSPEC} check {spec} {redirection}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr and reports(tmp_path) == []
    if status:
        assert done.stderr == "writing: No space left on device. Remedy: free some space.\n"
