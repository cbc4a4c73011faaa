"""A folder that appears whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crlspec.errors import OutputExists

__all__ = ["RUN_FILES", "is_run_file", "ready_to_go_on", "refuse_used", "unfinished", "whole_folder"]

RUN_FILES = (
    "result.nc", "spec.yaml", "run.log", "report.html", "dag.json", "dag.dot", "status.json", "metrics.json",
    "ceiling.json", "yardsticks.json",
)  # fmt: skip


def is_run_file(name: str) -> bool:
    """Whether a run leaves a file of this name, so that another run takes its place."""
    return name in RUN_FILES or (name.startswith("traversal_") and name.endswith(".gif"))


def refuse_used(folder: Path, force: bool) -> None:
    """Raises OutputExists where the folder is a file, or holds something and ``force`` is not given."""
    if folder.exists() and not folder.is_dir():
        raise OutputExists(f"{folder} is a file, and a run needs a folder.", remedy="Give another --out DIR.")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise OutputExists(
            f"{folder} exists and is not empty.",
            remedy="Give another --out DIR, or --force to replace the run that is in it.",
        )


def ready_to_go_on(folder: Path, force: bool, files: tuple[str, ...], what: str) -> None:
    """Ready a folder for work that goes on where it was stopped; ``force`` forgets what it left before.

    files  what the work leaves, its rows first
    what   the work, as the subject of "… a folder": ``a sweep needs``

    Raises OutputExists where the folder is a file, or holds other things than such work.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExists(f"{folder} is a file, and {what} a folder.", remedy="Give another --out DIR.")
    held = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if force:
        for name in held & set(files):
            (folder / name).unlink()
    elif held and files[0] not in held:
        raise OutputExists(
            f"{folder} is not empty, and holds no {files[0]} to go on with.",
            remedy="Give another --out DIR, or --force to write into it all the same.",
        )


def unfinished(folder: Path) -> Path:
    """Where what a run needs to go on after a kill is kept until the folder is whole: hidden, beside it."""
    folder = folder.resolve()
    return folder.with_name(f".{folder.name}.unfinished")


@contextmanager
def whole_folder(folder: Path, force: bool = False) -> Iterator[Path]:
    """A temporary sibling to write into, which takes the folder's place once the block ends without an error.

    With ``force`` the files of a former run in the folder are replaced, all of them at once; any other file
    in it stays. Where the block fails, the temporary folder is removed and the folder is as it was.
    Raises OutputExists as ``refuse_used`` does.
    """
    folder = folder.resolve()
    refuse_used(folder, force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = _sibling(folder)
    try:
        yield building
        refuse_used(folder, force)
        _take_place(building, folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _take_place(building: Path, folder: Path) -> None:
    if not folder.exists():
        building.rename(folder)
        return
    former = _sibling(folder)
    old = former / folder.name
    folder.rename(old)
    try:
        building.rename(folder)
    except OSError:
        old.rename(folder)
        former.rmdir()
        raise
    for entry in old.iterdir():
        if not is_run_file(entry.name):
            shutil.move(entry, folder / entry.name)
    shutil.rmtree(former)


def _sibling(folder: Path) -> Path:
    """A new empty folder beside ``folder``, on the same file system, hidden and with a name nobody uses."""
    sibling = folder.parent / f".{folder.name}.{secrets.token_hex(6)}"
    sibling.mkdir()
    return sibling
