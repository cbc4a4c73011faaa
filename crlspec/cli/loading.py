"""The loading of packages: what they hold lives as long as the process, and need not be searched for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading"]


@contextmanager
def loading(alone: bool) -> Iterator[None]:
    """Within the block packages are loaded.

    alone  whether the process is there for this call alone. Cyclic garbage is then not looked for meanwhile, nor ever
           after among what is there at the end of the block.
    """
    if not alone or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
