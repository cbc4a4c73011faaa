"""Where networks are trained, and where the state of a training is kept meanwhile."""

from __future__ import annotations

import io
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crlspec.disk.owner import remove
from crlspec.disk.seal import is_whole, sealed
from crlspec.disk.write import failures, write_file
from crlspec.errors import LossWarning

__all__ = ["HERE", "Checkpoint", "TrainingContext"]

KEPT = frozenset(("kind", "module", "optimizer", "generator", "step", "idle", "best", "kept", "history"))
"""What the state of a training is made of."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a training that is killed goes on: a file that is written whole or not at all.

    A file that is there is gone on from, and the end is the same to the last bit as if nothing had happened. It stays
    when the training has ended: the same call then returns at once. One that is damaged, or of another training, is
    set aside with a LossWarning, and the training starts anew.

    seconds  between two writings, at least
    """

    path: Path
    seconds: float = 1.0

    def read(self, kind: dict[str, Any]) -> dict[str, Any] | None:
        """The state that was kept; None where there is none, or one that is set aside: damaged, or of another
        training than ``kind`` tells."""
        if not os.path.lexists(self.path):
            return None
        try:
            if is_whole(self.path) is False:
                raise ValueError("its bytes are not those that were written")
            state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
            if not isinstance(state, dict) or set(state) != KEPT:
                raise ValueError("it does not hold the state of a training")
        except Exception as error:
            self.set_aside(" ".join(str(error).split())[:100] or type(error).__name__)
            return None
        if state["kind"] != kind:
            self.set_aside("it is of another training")
            return None
        return state

    def set_aside(self, reason: str) -> None:
        """Put what is there under another name, for the training to start anew, and say so by a LossWarning."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        remove(aside)
        with failures(self.path):
            os.replace(self.path, aside)
        warnings.warn(
            LossWarning(
                f"{self.path}: the checkpoint cannot be gone on from ({reason.rstrip('.')}). It was set aside as "
                f"{aside.name}, and the training starts anew."
            ),
            stacklevel=2,
        )

    def write(self, state: dict[str, Any]) -> None:
        """Keep the state, in place of what was kept before. Raises WriteError."""
        content = io.BytesIO()
        torch.save(state, content)
        write_file(self.path, sealed(content), force=True)


@dataclass(frozen=True)
class TrainingContext:
    """Where networks are trained.

    device  as torch names it
    folder  of one computation's checkpoints, one for each training; None: none are kept
    fabric  a launched ``Fabric`` of Lightning, over whose processes every batch is spread; None: one process
    """

    device: str = "cpu"
    folder: Path | None = None
    fabric: Any = None

    def chance(self, generator: torch.Generator) -> torch.Generator:
        """What batches are drawn by, on the device where they are made: the generator itself on a CPU, else one of
        its own there, begun by a number from it."""
        if torch.device(self.device).type != "cuda":
            return generator
        begun = int(torch.randint(2**62, (), generator=generator))
        return torch.Generator(self.device).manual_seed(begun)

    def part(self, index: Tensor) -> Tensor:
        """The equal part of a batch's indices (sample,) that this process works on, all processes having drawn the
        same. Raises ValueError where there is none."""
        if self.fabric is None:
            return index
        processes = self.fabric.world_size
        if len(index) % processes:
            raise ValueError(f"{len(index)} samples a batch are not equal parts for {processes} processes")
        return index.chunk(processes)[self.fabric.global_rank]

    def checkpoint(self, training: str) -> Checkpoint | None:
        """Of the training of this name, which must be the only one of that name in the computation."""
        if self.folder is None:
            return None
        return Checkpoint(self.folder / (re.sub(r"\W+", "-", training) + ".pt"))


HERE = TrainingContext()
"""The CPU, and nothing is kept."""
