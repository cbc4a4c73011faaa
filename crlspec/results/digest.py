"""A digest of what a result holds, whatever file holds it."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

__all__ = ["DIGEST", "digest_of"]

DIGEST = "digest"
"""Attribute of the root that holds it."""


def digest_of(tree: xr.DataTree) -> str:
    """Of every array with its place, its dimensions and its numbers, and of every attribute of a node."""
    found = hashlib.blake2b(digest_size=16)
    for node in sorted(tree.subtree, key=lambda one: one.path):
        dataset = node.to_dataset(inherit=False)
        for key, value in sorted(dataset.attrs.items(), key=lambda one: str(one[0])):
            if key != DIGEST:
                found.update(f"{node.path}@{key}={_text(value)}\n".encode(errors="backslashreplace"))
        for name, array in sorted(dataset.variables.items(), key=lambda one: str(one[0])):
            if array.dtype.kind not in "mM":  # a file has units of its own for times
                found.update(
                    f"{node.path}/{name} {array.dims} {array.shape}\n".encode(errors="backslashreplace")
                )
                found.update(_bytes(np.asarray(array.values)))
    return found.hexdigest()


def _text(value: object) -> str:
    """An attribute in words that are the same for a list and for the array that a file makes of it."""
    if isinstance(value, list | tuple | np.ndarray):
        return " ".join(str(one) for one in np.asarray(value).ravel().tolist())
    return str(value)


def _bytes(values: np.ndarray) -> bytes:
    if values.dtype.kind in "OSU":
        return "\0".join(str(one) for one in values.ravel()).encode(errors="backslashreplace")
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
