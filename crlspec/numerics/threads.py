"""In how many threads torch and BLAS compute."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and BLAS, given back afterwards. Sums over several threads differ in their last bits, so
    that results would depend on the machine; and runs side by side must not fight for cores.

    Blocks of several threads may overlap: BLAS has one number of threads for the whole process, which the last of
    them gives back. OpenBLAS does not always take a larger one from another thread than the first; it then stays in
    one thread.
    """
    import torch

    threads = torch.get_num_threads()
    _BLAS.enter()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _BLAS.leave()


class _Blas:
    """BLAS in one thread while anybody is inside."""

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.limits: Any = None
        self.controller: Any = None
        self.loaded = 0

    def enter(self) -> None:
        from threadpoolctl import ThreadpoolController

        with self.lock:
            if not self.inside:
                if self.loaded != len(
                    sys.modules
                ):  # libraries come with modules, and to look for them takes time
                    self.controller, self.loaded = ThreadpoolController(), len(sys.modules)
                self.limits = self.controller.limit(limits=1)
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.limits.restore_original_limits()


_BLAS = _Blas()
