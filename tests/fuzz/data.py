"""Folders of tables, images and experiments, and NetCDF files: broken in bytes, in names and in structure."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crlspec.data import read_data
from crlspec.data.problem import Problem
from crlspec.data.tree import from_arrays
from crlspec.data.write import write_data
from crlspec.spec.load import loads
from crlspec.spec.setting import Setting
from tests.fuzz import mutations
from tests.fuzz.fuzzing import Fuzzer

SETTING = Setting.of(
    loads(
        "latents: 2\nassume: {mixing: linear, interventions: {design: single-node, kind: hard, targets: concealed}}\n"
    )
)
NAMES = ("obs", "a", "b")
NOTES = {
    "observational": "obs",
    "environments": ["obs", "a", "b"],
    "seeds": {"model": 0, "sample": 1},
    "image": [1, 2, 1],
}


def small(images: bool = False) -> Any:
    """Data of three environments of eight rows."""
    rng = np.random.default_rng(0)
    pictures = (
        {name: rng.integers(0, 256, (8, 1, 4, 4), dtype=np.uint8) for name in NAMES} if images else None
    )
    return from_arrays(
        {name: rng.normal(size=(8, 3)) for name in NAMES},
        truth={name: rng.normal(size=(8, 2)) for name in NAMES},
        images=pictures,
        provenance=NOTES,
    )


def experiments(folder: Path) -> None:
    """A folder of two experiments, each with a table and images."""
    from PIL import Image

    for name in ("obs", "a"):
        (folder / name / "images_64").mkdir(parents=True)
        rows = ["x,image_file", *(f"{k}.5,{k}.png" for k in range(4))]
        (folder / name / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        for k in range(4):
            Image.fromarray(np.full((4, 4, 3), 40 * k, dtype=np.uint8)).save(
                folder / name / "images_64" / f"{k}.png"
            )


EXPERIMENTS = {"names": ("obs", "a"), "images": ("64", None), "variables": ("x",), "truth": ()}


class Folders(Fuzzer):
    """Folders: a few bytes, cells, names or files changed."""

    kind = "folders"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bases = [folder / "tables", folder / "images", folder / "experiments"]
        write_data(small(), self.bases[0])
        write_data(small(images=True), self.bases[1])
        experiments(self.bases[2])

    def make(self, rng: random.Random) -> Path:
        base = rng.choice(self.bases)
        made = self.folder / "made" / base.name
        shutil.rmtree(made.parent, ignore_errors=True)
        shutil.copytree(base, made)
        for _ in range(rng.choice([1, 1, 2])):
            self._change(rng, made)
        return made

    def _change(self, rng: random.Random, made: Path) -> None:
        path = rng.choice(sorted(one for one in made.rglob("*") if one.is_file() and not one.is_symlink()))
        choice = rng.randrange(10)
        if path.name == "crlspec.json" and choice < 8:
            path.write_text(mutations.jsons(rng, NOTES), encoding="utf-8", errors="surrogatepass")
        elif path.suffix == ".csv" and choice < 6:
            text = path.read_text("utf-8", "surrogateescape")
            changed = mutations.text(rng, text, [",", ";", "\n", "nan", "inf", "1e400", '"', ",,"])
            path.write_text(changed, encoding="utf-8", errors="surrogatepass")
        elif choice < 7:
            path.write_bytes(mutations.data(rng, path.read_bytes()))
        elif choice == 7:
            path.unlink()
            if rng.random() < 0.5:
                rng.choice(
                    [lambda: path.mkdir(), lambda: path.symlink_to("nowhere"), lambda: os.mkfifo(path)]
                )()
        else:
            name = rng.choice(
                [
                    b"\xff\xfe.csv",
                    b"a.csv",
                    b".csv",
                    b"obs",
                    b"b.CSV",
                    b"x.npy",
                    b"x.png",
                    b"\n.csv",
                    b"truth",
                ]
            )
            with contextlib.suppress(OSError):
                os.rename(os.fsencode(path), os.path.join(os.fsencode(path.parent), name))

    def take(self, made: Path) -> None:
        wanted = EXPERIMENTS if made.name == "experiments" else None
        data = read_data(made, experiments=wanted)
        Problem.from_data(data, SETTING)

    def shown(self, made: Path) -> str:
        held = sorted(ascii(one.relative_to(made)) for one in made.rglob("*"))
        return f"{made.name}: {', '.join(held)}"[:200]


def change(rng: random.Random, content: bytes) -> bytes:
    """A NetCDF file with a part removed, renamed, of another type or with other numbers."""
    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        parts: list[Any] = []
        file.visititems(lambda _, one: parts.append(one))
        for _ in range(rng.choice([1, 1, 2])):
            part = rng.choice([file, *parts])
            choice = rng.randrange(8)
            with contextlib.suppress(
                KeyError, ValueError, TypeError, OSError, RuntimeError, UnicodeEncodeError
            ):
                if choice == 0 and part.name != "/":
                    del file[part.name]
                elif choice == 1 and part.name != "/":
                    file.move(
                        part.name,
                        part.parent.name.rstrip("/") + "/" + rng.choice(["x", "z", "obs", "é", "latent"]),
                    )
                elif choice == 2 and len(part.attrs):
                    name = rng.choice(sorted(part.attrs))
                    part.attrs[name] = rng.choice(
                        [0, 1.5, "", "{", "[[", mutations.jsons(rng, NOTES), [1, 2]]
                    )
                elif choice == 3 and len(part.attrs):
                    del part.attrs[rng.choice(sorted(part.attrs))]
                else:
                    _replace(rng, rng.choice([one for one in parts if isinstance(one, h5py.Dataset)]))
    return memory.getvalue()


def _replace(rng: random.Random, part: Any) -> None:
    """Other numbers, another type or shape, in the place of a variable."""
    values, name, parent = part[()], part.name, part.parent
    choice = rng.randrange(5)
    if choice == 0 and values.size and values.dtype.kind in "fiu":
        flat = values.reshape(-1)
        with np.errstate(all="ignore"):
            flat[rng.randrange(flat.size)] = (
                rng.choice([np.nan, np.inf, -1e300, 1e9, 0]) if values.dtype.kind == "f" else 99
            )
        part[()] = values
        return
    attributes = dict(part.attrs)
    del parent[name]
    new: Any = {
        1: lambda: values.astype("S8"),
        2: lambda: values[..., :0] if values.ndim else values,
        3: lambda: np.array([f"{k}" for k in range(values.size)], dtype=object),
    }.get(choice, lambda: values.astype(np.complex128) if values.dtype.kind == "f" else np.zeros((2, 2, 2)))()
    made = parent.create_dataset(name, data=new, dtype=h5py.string_dtype() if new.dtype == object else None)
    for key, value in attributes.items():
        if key not in ("DIMENSION_LIST", "REFERENCE_LIST"):
            made.attrs[key] = value


class Netcdf(Fuzzer):
    """NetCDF files of data."""

    kind = "netcdf"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bases = []
        for images in (False, True):
            path = write_data(small(images), folder / f"base{images}.nc")
            self.bases.append(path.read_bytes())

    def make(self, rng: random.Random) -> Path:
        base, path = rng.choice(self.bases), self.fresh("made.nc")
        path.write_bytes(mutations.data(rng, base) if rng.random() < 0.4 else change(rng, base))
        return path

    def take(self, made: Path) -> None:
        Problem.from_data(read_data(made), SETTING)
