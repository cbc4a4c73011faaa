"""Results and checkpoints of trainings: broken in bytes, in structure and in what they say."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any, ClassVar

import h5py
import pgmpy.base  # noqa: F401  here, since loading it is no fault of an input
import torch

from crlspec.errors import CrlspecError
from crlspec.numerics.checkpoints import Checkpoint
from crlspec.result import Result, open_result
from crlspec.results.digest import DIGEST
from tests.fuzz import mutations
from tests.fuzz.data import change
from tests.fuzz.fuzzing import Fuzzer
from tests.results.conftest import VERDICT
from tests.results.toy import toy_estimate, toy_model


class Results(Fuzzer):
    """Results: opened, told, and asked for their graph."""

    kind = "results"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        model = toy_model()
        made = Result.from_estimate(
            toy_estimate(model, noise=0.1), model.sample(20, seed=1), spec="crlspec: 1\nname: toy\n", verdict=VERDICT,
            provenance={"seeds": {"compile": 0, "solve": 2}},
        )  # fmt: skip
        made.save(folder / "base.nc")
        self.base = (folder / "base.nc").read_bytes()

    def make(self, rng: random.Random) -> Path:
        path, choice = self.fresh("made.nc"), rng.random()
        if choice < 0.3:
            path.write_bytes(mutations.data(rng, self.base))
        elif choice < 0.6:
            path.write_bytes(unsealed(rng, change(rng, self.base)))
        else:
            path.write_bytes(unsealed(rng, self._said(rng)))
        return path

    def _said(self, rng: random.Random) -> bytes:
        """Another JSON in the place of what the file says of itself."""
        memory = io.BytesIO(self.base)
        with h5py.File(memory, "r+") as file, contextlib.suppress(ValueError, UnicodeEncodeError):
            said = file.attrs["crlspec"]
            file.attrs["crlspec"] = mutations.jsons(rng, json.loads(said))
        return memory.getvalue()

    def take(self, made: Path) -> None:
        result = open_result(made)
        assert str(result) and result.dag_json() and result.status_json() and result.dag_dot()
        assert list(result.dag.nodes) and result.latents


def unsealed(rng: random.Random, content: bytes) -> bytes:
    """Half of the time without the digest of its content, so that what is behind that test is reached too."""
    memory = io.BytesIO(content)
    if rng.random() < 0.5:
        with h5py.File(memory, "r+") as file, contextlib.suppress(KeyError):
            del file.attrs[DIGEST]
    return memory.getvalue()


class Checkpoints(Fuzzer):
    """The state of a training, read where it goes on: another state is refused, a damaged one begins anew."""

    kind = "checkpoints"
    told: ClassVar[dict[str, Any]] = {"kind": "ratio", "steps": 10, "shapes": [[2, 3]]}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.state = {
            "kind": self.told, "step": 4, "network": {"weight": torch.zeros(2, 3)}, "optimiser": {"state": {0: 1}},
            "losses": [0.5], "generator": torch.zeros(8, dtype=torch.uint8),
        }  # fmt: skip
        Checkpoint(folder / "base.pt").write(self.state)
        self.base = (folder / "base.pt").read_bytes()

    def make(self, rng: random.Random) -> Path:
        path = self.fresh("made.pt")
        if rng.random() < 0.7:
            path.write_bytes(mutations.data(rng, self.base))
        else:
            held: Any = (
                mutations.tree(rng, self.state)
                if rng.random() < 0.7
                else rng.choice([None, [], Payload(), 3, {}])
            )
            torch.save(held, path)
        return path

    def take(self, made: Path) -> None:
        try:
            state = Checkpoint(made).read(self.told)
        except ValueError as error:
            if "checkpoint of another training" not in str(error):
                raise
            raise CrlspecError(str(error)) from None
        assert state is None or state["kind"] == self.told


class Payload:
    """What a pickle may run when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, ("true",)
