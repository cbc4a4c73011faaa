"""Many files at once: a folder that appears whole, or one that is there and is filled, never replaced.

A new folder is built beside its place and renamed. One that is there, perhaps somebody's working directory or a mount
point, is built inside itself: once complete, the files are moved in, and a call that is killed meanwhile leaves what
the next one finishes. Until then the folder is half filled, and :func:`refuse_half` keeps it from being read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crlspec.disk.owner import READY, Owner, is_own, locked, owner_of, remove, sweep, temporary
from crlspec.disk.write import failures, made_parents, sync
from crlspec.errors import DataError, OutputExists, WriteError

__all__ = ["Place", "held", "refuse_half", "reserved", "whole_folder"]

PLAN = ".crlspec-plan.json"
"""In what is about to be moved in: which files it takes the place of, and which of its own goes last."""

Replaced = Callable[[Path], bool]
"""Whether an entry of a folder is of what is written anew, and goes; others stay."""


def held(folder: Path) -> list[Path]:
    """What a folder holds but for what calls keep there for themselves; nothing where there is no folder."""
    return [entry for entry in sorted(folder.iterdir()) if not is_own(entry.name)] if folder.is_dir() else []


def refuse_half(folder: Path) -> None:
    """Raises DataError where a call is moving its files into the folder, or was killed while it did."""
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        owner = owner_of(entry.name)
        if owner is not None and owner.ready:
            raise DataError(
                f"{folder}: a call is writing this folder just now."
                if owner.alive()
                else f"{folder}: the call that wrote this folder was killed before all files were in place.",
                remedy="Wait for it, and read again."
                if owner.alive()
                else "Call it again: what it had made is kept, and moved in.",
            )


@dataclass(frozen=True)
class Place:
    """A folder that one call alone may write, until :func:`reserved` ends.

    folder    as resolved
    given     as it was named
    building  where its files are made
    """

    folder: Path
    given: Path
    building: Path

    @contextmanager
    def whole(self, replaced: Replaced, last: str) -> Iterator[Path]:
        """A folder to write into; once the block ends without an error its files take their place.

        replaced  whether an entry of the folder goes; the others stay. last: the file that is put in place last

        Where the block fails, the folder is as it was. Raises WriteError.
        """
        try:
            if not self.building.is_dir():  # the folder that held it was taken away
                self.building.mkdir(parents=True)
            with failures(self.given):
                yield self.building
                _sync_all(self.building)
                if self.folder.is_dir():
                    _move_in(_complete(self.building, self.folder, replaced, last), self.folder)
                else:
                    self.building.rename(self.folder)
                    sync(self.folder.parent)
        except WriteError as error:
            raise WriteError(
                error.message.replace(str(self.building), str(self.given)), error.remedy
            ) from error


@contextmanager
def reserved(folder: str | Path) -> Iterator[Place]:
    """A folder that this call will write, tried beforehand: what killed calls left there is swept or finished.

    Raises OutputExists where another call is writing it, WriteError where it cannot be written.
    """
    given = Path(folder)
    place = given.resolve()
    around, name = (place, "") if place.is_dir() else (place.parent, place.name)
    with made_parents(around, given):
        if not name and place.parent != place:  # what was left of it before it was there
            with locked(place.parent):
                sweep(place.parent, place.name)
        with failures(given), locked(around):
            _settle(given, place, sweep(around, name))
            building = around / temporary(name)
            building.mkdir()
        try:
            yield Place(place, given, building)
        finally:
            remove(building)


@contextmanager
def whole_folder(folder: str | Path, replaced: Replaced, last: str) -> Iterator[Path]:
    """A folder to write into, which becomes ``folder``: :func:`reserved` and :meth:`Place.whole` in one."""
    with reserved(folder) as place, place.whole(replaced, last) as building:
        yield building


def _settle(given: Path, folder: Path, left: tuple[tuple[Path, Owner], ...]) -> None:
    """Finish what killed calls had complete. Raises OutputExists where a call is at work that still runs."""
    for entry, owner in left:
        if owner.alive():
            raise OutputExists(
                f"{given}: another call is writing it (process {owner.pid}).",
                remedy="Wait for it to end, or give another --out.",
            )
        if owner.ready:
            _move_in(entry, folder)


def _complete(building: Path, folder: Path, replaced: Replaced, last: str) -> Path:
    """What was built, inside the folder and marked as complete: from here on it is finished, whatever happens."""
    new = {entry.name for entry in building.iterdir()}
    old = [entry.name for entry in folder.iterdir() if not is_own(entry.name) and replaced(entry)]
    gone = [name for name in old if name not in new or (folder / name).is_dir()]
    if clash := sorted(name for name in new - set(gone) if (folder / name).is_dir()):
        raise OutputExists(
            f"{folder / clash[0]} is a folder where a file is to be written.", remedy="Move it away."
        )
    (building / PLAN).write_text(
        json.dumps({"gone": gone, "new": sorted(new), "last": last}), encoding="utf-8"
    )
    sync(building)
    ready = folder / (temporary("") + READY)
    os.rename(building, ready)
    sync(folder)
    return ready


def _move_in(ready: Path, folder: Path) -> None:
    """Every file to its place; called again, it goes on."""
    plan = json.loads((ready / PLAN).read_text(encoding="utf-8"))
    waiting = {entry.name for entry in ready.iterdir()} - {PLAN}
    for name in plan["gone"]:
        if name in waiting or name not in plan["new"]:  # what was moved in before stays
            remove(folder / name)
    for name in sorted(waiting, key=lambda one: (one == plan["last"], one)):
        os.replace(ready / name, folder / name)
    sync(folder)
    remove(ready)


def _sync_all(folder: Path) -> None:
    """Every file below a folder reaches the disk."""
    for entry in folder.rglob("*"):
        if entry.is_file() and not entry.is_symlink():
            descriptor = os.open(entry, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        elif entry.is_dir():
            sync(entry)
    sync(folder)
