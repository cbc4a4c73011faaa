"""Folders that appear whole, or are filled where they are; what killed calls left is finished or swept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec.disk import folder as folders
from crlspec.disk.folder import held, refuse_half, reserved, whole_folder
from crlspec.disk.owner import owner_of
from crlspec.disk.write import write_file
from crlspec.errors import DataError, OutputExists, WriteError

OWN = {"a", "b", "last"}


def replaced(entry: Path) -> bool:
    return entry.name in OWN


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fill(folder: Path, text: str, *files: str) -> None:
    with whole_folder(folder, replaced, "last") as building:
        for name in files:
            write_file(building / name, text)


def test_a_new_folder_appears_at_once(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "deep" / "o", replaced, "last") as building:
        write_file(building / "a", "1")
        assert not (tmp_path / "deep" / "o").exists()
    assert names(tmp_path / "deep") == ["o"]
    assert names(tmp_path / "deep" / "o") == ["a"]


def test_a_folder_that_is_there_is_filled_and_keeps_what_is_not_replaced(tmp_path: Path) -> None:
    before = tmp_path.stat().st_ino
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "b").write_text("old")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("")
    fill(tmp_path, "new", "a", "last")
    assert names(tmp_path) == ["a", "last", "mine"]
    assert (tmp_path / "a").read_text() == "new"
    assert tmp_path.stat().st_ino == before


def test_where_the_block_fails_all_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    for folder in (tmp_path, tmp_path / "new" / "o"):
        with pytest.raises(ZeroDivisionError), whole_folder(folder, replaced, "last") as building:
            write_file(building / "a", str(1 // 0))
        with pytest.raises(WriteError) as full, whole_folder(folder, replaced, "last") as building:
            _full(building)
        assert full.value.message == f"disk full: {folder} cannot be written (No space left on device)."
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


def test_the_path_in_a_message_is_the_one_that_was_given(tmp_path: Path) -> None:
    with pytest.raises(WriteError) as full, whole_folder(tmp_path / "o", replaced, "last") as building:
        write_file(building / "a", _full)
    assert full.value.message == f"disk full: {tmp_path}/o/a cannot be written (No space left on device)."


def _full(_: object) -> None:
    raise OSError(28, "No space left on device")


def test_one_call_at_a_time(tmp_path: Path) -> None:
    for folder in (tmp_path / "o", tmp_path):
        with reserved(folder), pytest.raises(OutputExists) as refused, reserved(folder):
            pass
        assert refused.value.message == f"{folder}: another call is writing it (process {os.getpid()})."
    assert names(tmp_path) == []


def test_a_folder_that_is_taken_away_meanwhile_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    with reserved(tmp_path / "o") as place:
        place.building.rmdir()
        (tmp_path / "o").rmdir()
        with place.whole(replaced, "last") as building:
            write_file(building / "a", "1")
    assert names(tmp_path / "o") == ["a"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with pytest.raises(OutputExists, match="c is a folder where a file is to be written"):
        fill(tmp_path, "new", "c")
    assert names(tmp_path) == ["c"]


KILLED = """
import os, sys
from crlspec.disk import folder as folders
from crlspec.disk.write import write_file
from pathlib import Path
count, moved = int(sys.argv[2]), 0
real = os.replace
def replace(source, target):
    global moved
    if ".ready" in str(source):
        if moved == count:
            os.kill(os.getpid(), 9)
        moved += 1
    real(source, target)
folders.os.replace = replace
with folders.whole_folder(sys.argv[1], lambda entry: entry.name in {"a", "b", "last"}, "last") as building:
    write_file(building / "a" / "inner", "new")
    write_file(building / "last", "new")
    if count == 9:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("count", [0, 1, 9])
def test_what_a_killed_call_had_complete_is_moved_in_by_the_next(tmp_path: Path, count: int) -> None:
    (tmp_path / "b").write_text("old")
    (tmp_path / "mine").write_text("mine")
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(count)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = [entry for entry in tmp_path.iterdir() if owner_of(entry.name)]
    assert left not in held(tmp_path)
    if count == 9:  # killed before it was complete: swept
        refuse_half(tmp_path)
        with reserved(tmp_path):
            pass
        assert names(tmp_path) == ["b", "mine"]
        return
    with pytest.raises(DataError) as half:
        refuse_half(tmp_path)
    assert str(half.value) == (
        f"{tmp_path}: the call that wrote this folder was killed before all files were in place. Remedy: Call it "
        "again: what it had made is kept, and moved in."
    )
    with reserved(tmp_path):
        pass
    assert names(tmp_path) == ["a", "last", "mine"]
    assert (tmp_path / "a" / "inner").read_text() == "new"
    refuse_half(tmp_path)
    assert folders.held(tmp_path / "absent") == []
