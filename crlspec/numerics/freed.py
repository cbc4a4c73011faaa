"""Memory that one step of a training frees and the next one takes again stays with the process in between."""

from __future__ import annotations

import torch

__all__ = ["keep_freed"]

SIZE = 32_000_000
"""Bytes, just under the largest from which the C library of Linux still learns."""


def keep_freed() -> None:
    """Let the C library keep up to 64 MB of what is freed.

    It takes large tensors from the system one by one, and gives back what lies free at the end, so that their pages
    are cleared anew in every step: a tenth of the seconds of small networks. Once a block of this size has been freed
    it holds smaller ones for worth keeping. Nothing is written into it; other C libraries do as they always do.
    """
    torch.empty(SIZE, dtype=torch.uint8)
