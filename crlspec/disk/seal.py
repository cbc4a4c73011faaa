"""A seal at the end of a file: a digest of all bytes before it, so that no byte changes unnoticed.

HDF5 and zip, which say themselves where they end, are read by other programs as if it were not there; a program that
writes into such a file takes it away.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

__all__ = ["is_whole", "sealed"]

HEAD = b"\ncrlspec blake2b "
DIGITS = 32
LENGTH = len(HEAD) + DIGITS + 1
BLOCK = 2**20


def sealed(file: io.BytesIO) -> memoryview:
    """What a file in memory holds, with its seal at the end."""
    with file.getbuffer() as content:
        digest = hashlib.blake2b(content, digest_size=DIGITS // 2).hexdigest()
    file.seek(0, io.SEEK_END)
    file.write(HEAD + digest.encode() + b"\n")
    return file.getbuffer()


def is_whole(path: Path) -> bool | None:
    """Whether a sealed file holds what it was sealed with; None where it bears no seal. Raises OSError."""
    whole = hashlib.blake2b(digest_size=DIGITS // 2)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < LENGTH:
            return None
        file.seek(size - LENGTH)
        seal = file.read(LENGTH)
        if not seal.startswith(HEAD):
            return None
        file.seek(0)
        left = size - LENGTH
        while left and (block := file.read(min(BLOCK, left))):
            whole.update(block)
            left -= len(block)
    return seal == HEAD + whole.hexdigest().encode() + b"\n"
