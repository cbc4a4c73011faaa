"""What a folder of data holds beside the data: named, so that no file is passed over without a word."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from crlspec.data.tree import listed
from crlspec.disk.owner import is_own
from crlspec.errors import DataError, LossWarning

__all__ = ["account_for", "require_regular", "require_text_name"]

TABLES = (".csv", ".parquet")
PICTURES = (".png", ".jpg", ".jpeg")
LIKE_DATA = (
    *TABLES, *PICTURES, ".npy", ".tsv", ".tab", ".dat", ".xls", ".xlsx", ".ods", ".feather", ".arrow", ".pq", ".npz",
    ".mat", ".nc", ".h5", ".hdf5", ".h5ad", ".zarr", ".tif", ".tiff", ".bmp", ".gif", ".webp",
)  # fmt: skip
"""Ends of names that say that there are data."""
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz")
SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")


def account_for(folder: Path, read: Iterable[Path], known: Iterable[str] = ()) -> None:
    """Say what of a folder is not read: what looks like data stops the way, for an environment without a word left
    out is a wrong answer; other things are named by a LossWarning.

    read   the entries that are read; known: names of others that are no data
    """
    taken, known = {path.name for path in read}, {*known, *SYSTEM}
    lost, others = [], []
    for entry in sorted(folder.iterdir()):
        if entry.name in taken or entry.name in known or is_own(entry.name):
            continue
        if entry.is_symlink() and not entry.exists():
            lost.append(f"{_shown(entry)} is a link to nothing")
        elif not entry.name.startswith(".") and (reason := _like_data(entry)):
            lost.append(f"{_shown(entry)} {reason}")
        else:
            others.append(_shown(entry) + ("/" if entry.is_dir() else ""))
    if lost:
        what = "it" if len(lost) == 1 else "them"
        raise DataError(
            f"{folder}: {listed(lost)}. The data would be read without {what}.",
            remedy=f"Save {what} as .csv or .parquet, or move {what} out of the folder.",
        )
    if others:
        warnings.warn(LossWarning(f"{folder}: not read: {listed(others)}."), stacklevel=2)


def require_text_name(path: Path) -> None:
    """Raises DataError where the name of a file is no text, so that nothing can be called by it."""
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"{path.parent}: the name of the file {_shown(path)} is no UTF-8.", remedy="Rename the file."
        ) from None


def _like_data(entry: Path) -> str | None:
    """Why a file or folder is no data of this folder, though its name says so; None where that says nothing."""
    name = entry.name.lower()
    packed = next((end for end in PACKED if name.endswith(end)), None)
    inner = name if packed is None else name[: -len(packed)]
    if not inner.endswith(LIKE_DATA) and packed is None:
        return None
    if packed is not None:
        return "is packed"
    if inner.endswith((*TABLES, ".npy")):
        return "is no file"
    return "is no .csv or .parquet table"


def _shown(path: Path) -> str:
    return path.name.encode("utf-8", "backslashreplace").decode()


def require_regular(path: Path) -> None:
    """Raises DataError for what is there and no file, such as a pipe: reading it might never end."""
    try:
        strange = path.exists() and not path.is_file() and not path.is_dir()
    except OSError:  # a name that no file can have: what reads it says so
        return
    if strange:
        raise DataError(
            f"{path}: this is a pipe or a device, and no file.",
            remedy="Write the data to a file, or take it away.",
        )
