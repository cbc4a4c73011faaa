"""One file, whole or as it was before: full disks, closed places, links, devices, and what killed calls leave."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from crlspec.disk import owner, room, write
from crlspec.disk.owner import Owner, is_own, locked, owner_of, sweep, temporary
from crlspec.disk.room import require_room, require_writable
from crlspec.disk.write import write_file
from crlspec.errors import OutputExists, WriteError
from tests.forked import Forked


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def of_a_dead_process(name: str) -> str:
    """A temporary's name, made by a process that has ended."""
    status, told, _ = Forked(lambda: print(temporary(name))).ended()
    assert status == 0
    return told.strip()


@pytest.mark.parametrize(
    "content", [b"bytes", memoryview(b"bytes"), "bytes", lambda file: file.write(b"bytes")]
)
def test_every_kind_of_content_is_written_with_the_folders_above(tmp_path: Path, content) -> None:
    path = write_file(tmp_path / "a" / "b" / "file", content)
    assert path.read_bytes() == b"bytes"
    assert names(path.parent) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600


def test_what_is_there_is_replaced_only_by_force_and_keeps_its_rights(tmp_path: Path) -> None:
    path = write_file(tmp_path / "file", "first")
    path.chmod(0o640)
    with pytest.raises(OutputExists) as refused:
        write_file(path, "second")
    assert refused.value.message == f"{path}: the file exists."
    with pytest.raises(OutputExists) as refused:
        write_file(tmp_path, "second", force=True)
    assert refused.value.message == f"{tmp_path} is a folder."
    write_file(path, "second", force=True)
    assert path.read_text() == "second" and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    require_writable(tmp_path / "pipe")
    write_file(tmp_path / "pipe", "told", force=True)
    assert os.read(reader, 10) == b"told" and (tmp_path / "pipe").is_fifo()
    os.close(reader)


@pytest.mark.parametrize("step", ["write", "sync", "interrupted"])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path, monkeypatch, step: str) -> None:
    path = write_file(tmp_path / "file", "before")

    def full(*_: object) -> None:
        raise KeyboardInterrupt if step == "interrupted" else OSError(28, "No space left on device")

    if step == "sync":
        monkeypatch.setattr(write.os, "fsync", full)
    for place in (path, tmp_path / "new" / "deep" / "file"):
        with pytest.raises(KeyboardInterrupt if step == "interrupted" else WriteError) as failed:
            write_file(place, "after" if step == "sync" else full, force=True)
        if step != "interrupted":
            assert str(failed.value) == (
                f"disk full: {place} cannot be written (No space left on device). Remedy: Free some space, or choose "
                "another place. Nothing was left there."
            )
            assert failed.value.exit_code == 2
    assert path.read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_text_that_is_no_unicode_is_written_with_escapes(tmp_path: Path) -> None:
    assert write_file(tmp_path / "log", "run \udcff").read_text() == r"run \udcff"


def test_a_name_says_whose_it_is(tmp_path: Path) -> None:
    found = owner_of(temporary("o.nc"))
    assert found is not None and found.name == "o.nc" and found.pid == os.getpid()
    assert found.alive() and not found.ready
    inside = owner_of(temporary(""))
    assert inside is not None and inside.name == ""
    assert (
        owner_of(".o.nc.crlspec-abc") is None
        and not is_own(".o.unfinished")
        and is_own(".crlspec-unfinished")
    )
    assert len(os.fsencode(temporary("ä" * 120))) < 255
    reborn = Owner(found.name, found.host, found.pid, found.start + 1, found.time)
    assert not reborn.alive()  # a later process of the same number
    elsewhere = Owner(found.name, "0" * 8, found.pid, found.start, found.time)
    assert elsewhere.alive()
    assert not Owner("", "0" * 8, found.pid, found.start, found.time - 8 * 24 * 3600).alive()


def test_the_next_call_sweeps_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    dead, other, alive = of_a_dead_process("o.nc"), of_a_dead_process("p.nc"), temporary("o.nc")
    long = of_a_dead_process("x" * 200)
    for name in (dead, other, alive, ".o.nc.mine", long):
        (tmp_path / name).write_text("half")
    (tmp_path / of_a_dead_process("o.nc")).mkdir()
    write_file(tmp_path / "o.nc", "whole")
    assert names(tmp_path) == sorted([other, alive, ".o.nc.mine", long, "o.nc"])
    write_file(tmp_path / ("x" * 200), "whole")
    assert long not in names(tmp_path)


def test_a_lock_is_held_by_one_and_ends_with_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(owner, "PATIENCE", 0.05)
    with locked(tmp_path) as mine:
        assert mine
        with locked(tmp_path) as theirs:
            assert not theirs
    with locked(tmp_path) as again:
        assert again
    assert names(tmp_path) == []
    with locked(tmp_path / "absent") as none:
        assert not none
    assert sweep(tmp_path / "absent", "o") == ()


def test_room_and_limits_are_said_before(tmp_path: Path, monkeypatch) -> None:
    require_room(tmp_path / "o", 1000)
    with pytest.raises(WriteError) as full:
        require_room(tmp_path / "not" / "yet" / "o", 10**18)
    assert full.value.message.startswith(f"disk full: {tmp_path}/not/yet/o needs about 1e+06 TB, and ")
    monkeypatch.setattr(room, "_file_limit", lambda: 2048)
    with pytest.raises(WriteError) as limited:
        require_room(tmp_path / "o", 5_100_000)
    assert limited.value.message == (
        f"disk full: {tmp_path}/o needs a file of about 5.1 MB, and files may have 2.05 kB here (ulimit -f)."
    )


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "new" / "deep" / "o", tmp_path / "file"):
        require_writable(path)
    assert names(tmp_path) == ["file"]
    with pytest.raises(WriteError) as closed:
        require_writable(tmp_path / "file" / "o")
    assert closed.value.message == f"{tmp_path}/file/o: cannot be written (Not a directory)."


def test_a_mount_point_is_recognised(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a file"
    path.write_text("")
    mounts = tmp_path / "mounts"
    escaped = str(path).replace(" ", "\\040")
    mounts.write_text(f"36 35 98:0 /x {escaped} rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(room, "MOUNTS", mounts)
    with pytest.raises(OutputExists) as refused:
        require_writable(path)
    assert refused.value.message == f"{path} is a mount point, and no other file can take its place."
