"""A short text that tells data from any other data."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from crlspec.numerics.batches import batches
from crlspec.numerics.rows import digest_of

if TYPE_CHECKING:
    from crlspec.data.problem import Problem

__all__ = ["data_digest"]


def data_digest(problem: Problem) -> str:
    """Sixteen hexadecimal digits of names and values of every environment, as the estimator is given them."""
    found = hashlib.sha256(repr(problem.observed).encode())
    for name in sorted(problem.samples):
        x = problem.samples[name]
        found.update(f"{name} {x.shape}".encode())
        found.update(digest_of(x))
    for name, images in sorted(problem.images.items()):
        found.update(f"{name} {images.shape} {images.dtype}".encode())
        for batch in batches(images):
            found.update(np.ascontiguousarray(batch).data)
    return found.hexdigest()[:16]
