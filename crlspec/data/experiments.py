"""Experiments, each a folder of its own: a table of inputs and readings, and a folder with an image of each row.

The layout of the data sets of the causal chambers (Gamella, Peters & Bühlmann, Nature Machine Intelligence 2025),
such as ``lt_crl_benchmark_v1``: ``<experiment>/<experiment>.csv``, whose column ``image_file`` names the image of
each row in ``<experiment>/images_64/``. Other columns of the table may hold text.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.strangers import require_regular
from crlspec.data.tree import IMAGE, build_tree, labelled_array, listed
from crlspec.errors import DataError
from crlspec.registry import pixel_names

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Experiments", "read_experiments"]

FILE = "image_file"


@dataclass(frozen=True)
class Experiments:
    """What to read of a folder of experiments.

    names      the experiments that are the environments, by folder
    images     (which folder ``images_<…>``, pixels a side to average down to; None: as they are), or None for none
    variables  columns of the tables to observe, after the pixels
    truth      columns to keep aside as the true latents
    """

    names: tuple[str, ...]
    images: tuple[str, int | None] | None = ("64", None)
    variables: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()


def read_experiments(folder: Path, wanted: Experiments, observational: str | None = None) -> xr.DataTree:
    """A DataTree with a child per experiment: pixels (0 to 1, by row, column, channel), then the variables.

    observational  the experiment without intervention; the first one where it is not given

    Raises DataError that names file, line and column: no such experiment, a column or an image that is missing, a
    cell that is no number, images of unequal size.
    """
    datasets, shape = {}, None
    for name in wanted.names:
        rows = _read_rows(folder, name, wanted)
        variables = _columns(*rows, wanted.variables)
        names, parts = wanted.variables, [variables]
        if wanted.images is not None:
            pixels = _read_images(folder / name, *rows, *wanted.images)
            if shape is not None and pixels.shape[1:] != shape:
                raise DataError(
                    f"{folder / name}: its images are {_size(pixels.shape[1:])} pixels, those of {wanted.names[0]} "
                    f"{_size(shape)}.",
                    remedy="Ask for one size of all: images: {size: 32}.",
                )
            shape = pixels.shape[1:]
            names = (*pixel_names(shape), *names)
            parts = [pixels.reshape(len(pixels), -1), variables]
        x = np.concatenate(parts, axis=1) if parts[-1].shape[1] else parts[0]
        datasets[name] = {"x": labelled_array(x, name, "observed", names, "x")}
        if wanted.truth:
            z = _columns(*rows, wanted.truth)
            datasets[name]["z"] = labelled_array(z, name, "latent", wanted.truth, "z")
    notes = {} if shape is None else {IMAGE: list(shape)}
    sources = {name: str(folder / name) for name in wanted.names}
    return build_tree(datasets, observational or wanted.names[0], notes, sources)


def _read_rows(folder: Path, name: str, wanted: Experiments) -> tuple[Path, list[dict[str, str]]]:
    """The table of an experiment: its path, and its rows as text by column."""
    path = folder / name / f"{name}.csv"
    if not path.is_file():
        found = sorted(
            entry.parent.name for entry in folder.glob("*/*.csv") if entry.stem == entry.parent.name
        )
        raise DataError(
            f"{path}: there is no such table; experiments in {folder}: {listed(found)}.",
            remedy="Name the experiments by their folders, each with a table of the same name.",
        )
    require_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = list(reader)
            header = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: this is not a UTF-8 CSV file ({error}).", remedy="Save it as CSV in UTF-8."
        ) from None
    for k, row in enumerate(rows):
        if None in row or None in row.values():
            raise DataError(
                f"{path}:{k + 2}: the row has {'more' if None in row else 'fewer'} cells than the header.",
                remedy="Give every row a cell for each column.",
            )
    needed = [*wanted.variables, *wanted.truth, *([FILE] if wanted.images is not None else [])]
    if missing := [column for column in needed if column not in header]:
        raise DataError(
            f"{path}:1: there is no column {listed(missing)}; there are {listed(header, 40)}.",
            remedy="Name columns of the table.",
        )
    if not rows:
        raise DataError(f"{path}: the table has no rows.", remedy="Give a row for each sample.")
    return path, rows


def _columns(path: Path, rows: Sequence[dict[str, str]], names: Sequence[str]) -> np.ndarray:
    """Columns of a table as numbers (sample, column)."""
    values = np.empty((len(rows), len(names)))
    for j, name in enumerate(names):
        for i, row in enumerate(rows):
            try:
                values[i, j] = float(row[name])
            except (TypeError, ValueError):
                raise DataError(
                    f"{path}:{i + 2}: column '{name}': {row[name]!r} is not a number.",
                    remedy="Mend the cell, or leave the row out.",
                ) from None
    return values


def _read_images(
    folder: Path, table: Path, rows: Sequence[dict[str, str]], kind: str, size: int | None
) -> np.ndarray:
    """The image of each row (sample, row, column, channel), 0 to 1; averaged down to ``size`` where given."""
    from PIL import Image

    images: np.ndarray | None = None
    for k, row in enumerate(rows):
        path = folder / f"images_{kind}" / row[FILE]
        require_regular(path)
        try:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
                if size is not None and image.size != (size, size):
                    image = image.resize((size, size), Image.Resampling.BOX)
                pixels = np.asarray(image, dtype=np.float64) / 255
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            reason = (
                "there is no such image"
                if isinstance(error, FileNotFoundError)
                else f"this is no image that can be read ({str(error).splitlines()[0]})"
            )
            raise DataError(
                f"{path}: {reason}, which {table}:{k + 2} names.",
                remedy="Unpack all images; folders of images here: "
                f"{listed(sorted(p.name for p in folder.glob('images_*')))}.",
            ) from None
        if images is None:
            images = np.empty((len(rows), *pixels.shape))
        if pixels.shape != images.shape[1:]:
            raise DataError(
                f"{path}: {_size(pixels.shape)} pixels where the first image has {_size(images.shape[1:])}.",
                remedy="Ask for one size of all: images: {size: 32}.",
            )
        images[k] = pixels
    assert images is not None
    return images


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]} × {shape[0]}"
