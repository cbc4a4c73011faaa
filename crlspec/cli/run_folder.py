"""The folder of a run: tried before the work, filled whole or not at all, with room for what a killed run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crlspec.disk.folder import Place, held, reserved
from crlspec.disk.owner import UNFINISHED, remove
from crlspec.disk.room import require_writable
from crlspec.errors import OutputExists

__all__ = [
    "RUN_FILES", "filled", "forget_unfinished", "is_run_file", "ready_to_go_on", "refuse_used", "reserved_run",
    "unfinished",
]  # fmt: skip

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
    if not force and held(folder):
        raise OutputExists(
            f"{folder} exists and is not empty.",
            remedy="Give another --out DIR, or --force to replace the run that is in it.",
        )
    if clash := [folder / name for name in RUN_FILES if (folder / name).is_dir()]:
        raise OutputExists(f"{clash[0]} is a folder where a file is to be written.", remedy="Move it away.")


@contextmanager
def reserved_run(folder: Path, force: bool = False) -> Iterator[Place]:
    """The folder of a run, for this call alone: before the work it is known that it can be written.

    Raises OutputExists as :func:`refuse_used` does, and where another call is writing it; WriteError where it cannot
    be written.
    """
    if folder.exists() and not folder.is_dir():
        refuse_used(folder, force)
    with reserved(folder) as place:
        refuse_used(folder, force)  # after what a killed call had complete was moved in
        yield place


@contextmanager
def filled(place: Place, force: bool = False) -> Iterator[Path]:
    """A folder to write into, whose files become those of the run once the block ends without an error.

    With ``force`` the files of a former run go; any other file in the folder stays. Raises OutputExists where the
    folder was filled by somebody else meanwhile.
    """
    refuse_used(place.folder, force)
    with place.whole(lambda entry: is_run_file(entry.name), RUN_FILES[0]) as building:
        yield building


def ready_to_go_on(folder: Path, force: bool, files: tuple[str, ...], what: str) -> None:
    """Ready a folder for work that goes on where it was stopped; ``force`` forgets what it left before.

    files  what the work leaves, its rows first
    what   the work, as the subject of "… a folder": ``a sweep needs``

    Raises OutputExists where the folder is a file, or holds other things than such work; WriteError where it cannot
    be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExists(f"{folder} is a file, and {what} a folder.", remedy="Give another --out DIR.")
    names = {entry.name for entry in held(folder)}
    if not force and names and files[0] not in names:
        raise OutputExists(
            f"{folder} is not empty, and holds no {files[0]} to go on with.",
            remedy="Give another --out DIR, or --force to write into it all the same.",
        )
    require_writable(folder)
    if force:
        for name in names & set(files):
            (folder / name).unlink()


def unfinished(folder: Path) -> Path:
    """Where what a run needs to go on after a kill is kept until the folder is whole: hidden, within the folder where
    that is there, else beside it."""
    folder = folder.resolve()
    beside = folder.with_name(f".{folder.name}.unfinished")
    return folder / UNFINISHED if folder.is_dir() and not beside.is_dir() else beside


def forget_unfinished(folder: Path) -> None:
    """Remove what was kept, wherever."""
    folder = folder.resolve()
    remove(folder / UNFINISHED)
    remove(folder.with_name(f".{folder.name}.unfinished"))
