"""Where networks are trained, and where the state of a training is kept meanwhile."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crlspec.disk.seal import sealed
from crlspec.disk.write import write_file

__all__ = ["HERE", "Checkpoint", "TrainingContext"]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training that is killed goes on: a file that is written whole or not at all.

    A file that is there is gone on from, and the end is the same to the last bit as if nothing had happened; one that
    belongs to another training is refused. It stays when the training has ended: the same call then returns at once.

    seconds  between two writings, at least
    """

    path: Path
    seconds: float = 1.0

    def read(self, kind: dict[str, Any]) -> dict[str, Any] | None:
        """The state that was kept. Raises ValueError where it is of another training than ``kind`` tells."""
        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        if state["kind"] != kind:
            raise ValueError(
                f"{self.path} is the checkpoint of another training: {state['kind']}, this one is {kind}; "
                "remove the file, or train as before"
            )
        return state

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
