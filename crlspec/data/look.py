"""A look at data before anybody has said a word about them: environments, columns, and what stands in the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.annotated import cells, dense, opened
from crlspec.data.columns import labels_of
from crlspec.data.door import read_data
from crlspec.data.folders import tables_in
from crlspec.data.image_files import image_sources
from crlspec.data.lazily import table_of
from crlspec.data.notes import TRUTH
from crlspec.data.one_table import USUAL, in_order
from crlspec.data.separators import suffix_of
from crlspec.data.sheets import INDEX, Sheet, read_sheet
from crlspec.data.tree import OBSERVATIONAL_NAMES, environments_of, listed, observational_of
from crlspec.errors import DataError
from crlspec.numerics.linalg import blocks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Look", "control_among", "look"]

CONTROL = re.compile(
    r"(obs|observational|control|controls|ctrl|ctl|wt|wild.?type|non.?target(ing|ed)?|nt|neg(ative)?.?(control|ctrl)|"
    r"untreated|vehicle|dmso|mock|unperturbed|baseline|none|reference|placebo|no.?intervention)",
    re.IGNORECASE,
)
MOST_ENVIRONMENTS = 500
LOOKED = 200_000
"""Cells of a matrix that are looked at, to see whether they are counts."""


@dataclass(frozen=True)
class Look:
    """What data hold.

    environments   name → rows, in their order
    observational  the one that looks like a control; None where none does
    variables      the columns of numbers that vary everywhere
    key            the column, or obs key, that names environments; None where they are files or groups
    others         further columns that could name them, with how many values each has
    drop           columns that cannot be observed → why, in words
    missing        rows with a missing cell
    counts         whether all values looked at are whole numbers from 0 on
    layers         of an AnnData
    images         whether images are what is observed
    reading        sentences about what was guessed
    """

    environments: Mapping[str, int]
    observational: str | None
    variables: tuple[str, ...]
    key: str | None = None
    others: Mapping[str, int] = field(default_factory=dict)
    drop: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    counts: bool = False
    layers: tuple[str, ...] = ()
    images: bool = False
    reading: tuple[str, ...] = ()

    @property
    def fewest(self) -> int:
        """Rows of the smallest environment."""
        return min(self.environments.values())

    @property
    def changed(self) -> tuple[str, ...]:
        """The environments that are not the observational one."""
        first = self.observational or next(iter(self.environments))
        return tuple(name for name in self.environments if name != first)


def look(path: Path, environment: str | None = None) -> Look:
    """What the data of a path hold. ``environment`` names the column of environments, where it is known.

    Raises DataError where they cannot be read, or where nothing tells environments apart.
    """
    if not path.exists():
        read_data(path)  # says what is near
    if path.is_file() and path.suffix.lower() == ".h5ad":
        return _annotated(path, environment)
    if path.is_file() and suffix_of(path) is not None:
        return _table(read_sheet(path), environment)
    if path.is_dir() and not image_sources(path, TRUTH) and any(suffix_of(entry) for entry in path.iterdir()):
        return _folder({name: read_sheet(file) for name, file in tables_in(path).items()})
    return _tree(path)


def control_among(names: Sequence[str]) -> str | None:
    """The name that looks like that of a control; None where none does."""
    plain = [name for name in names if name in OBSERVATIONAL_NAMES]
    whole = [name for name in names if CONTROL.fullmatch(name.strip())]
    part = [
        name
        for name in names
        if CONTROL.search(name) and re.search("control|ctrl|target|vehicle|untreat", name, re.I)
    ]
    return next(iter([*plain, *whole, *part]), None)


def _key(columns: Mapping[str, pd.Series], asked: str | None, where: object) -> tuple[str, dict[str, int]]:
    """The column of environments, and the others that could be it."""
    levels = {name: int(column.nunique()) for name, column in columns.items()}
    rows = max((len(column) for column in columns.values()), default=0)
    fit = {name: n for name, n in levels.items() if 2 <= n <= min(MOST_ENVIRONMENTS, rows // 5)}
    if asked is not None:
        if asked not in columns:
            raise DataError(
                f"{where}: there is no column '{asked}' that could name environments; there are {listed(fit)}.",
                remedy="Name one of them: --environment COLUMN.",
            )
        return asked, {name: n for name, n in fit.items() if name != asked}
    if not fit:
        raise DataError(
            f"{where}: no column tells environments apart; those with text are {listed(columns)}.",
            remedy="Name the environment of each row in a column, or give a folder with a file for each environment.",
        )

    def rank(name: str) -> tuple[bool, bool, int]:
        labels = [str(one) for one in columns[name].dropna().unique()]
        usual = USUAL.index(name.lower()) if name.lower() in USUAL else len(USUAL)
        return usual == len(USUAL), control_among(labels) is None, usual

    best = min(fit, key=rank)
    return best, {name: n for name, n in fit.items() if name != best}


def _sizes(labels: np.ndarray) -> dict[str, int]:
    return {name: int((labels == name).sum()) for name in in_order(set(labels) - {""})}


def _table(sheet: Sheet, environment: str | None) -> Look:
    frame = sheet.frame
    whole = {name: frame[name] for name in frame.columns if name != INDEX}
    few = {name: column for name, column in whole.items() if name in sheet.text or name.lower() in USUAL}
    key, others = _key(whole if environment is not None else few, environment, sheet.where)
    labels = labels_of(frame[key])
    environments = _sizes(labels)
    parts = {name: frame[labels == name] for name in environments}
    return _columns(sheet, parts, environments, key, {name: n for name, n in others.items() if name in few})


def _folder(sheets: Mapping[str, Sheet]) -> Look:
    parts = {name: sheet.frame for name, sheet in sheets.items()}
    environments = {name: len(frame) for name, frame in parts.items()}
    first = next(iter(sheets.values()))
    text = tuple(dict.fromkeys(name for sheet in sheets.values() for name in sheet.text if name != INDEX))
    reading = tuple(dict.fromkeys(note for sheet in sheets.values() for note in sheet.notes))
    return _columns(first, parts, environments, None, {}, text, reading)


def _columns(
    sheet: Sheet,
    parts: Mapping[str, pd.DataFrame],
    environments: Mapping[str, int],
    key: str | None,
    others: Mapping[str, int],
    text: tuple[str, ...] | None = None,
    reading: tuple[str, ...] | None = None,
) -> Look:
    """Which columns vary in every environment, and why the others cannot be observed."""
    drop, kept = {}, []
    text = sheet.text if text is None else text
    for name in sheet.frame.columns:
        if name in (key, INDEX) or any(name not in part.columns for part in parts.values()):
            continue
        if name in text:
            drop[name] = "text"
            continue
        columns = [part[name].to_numpy(dtype=float) for part in parts.values()]
        pooled = sheet.frame[name].to_numpy(dtype=float)
        constant = [env for env, x in zip(parts, columns) if len(x) and _spread(x) == 0]
        if len(pooled) > 2 and (np.diff(pooled) == 1).all():
            drop[name] = "counts the rows"
        elif constant:
            drop[name] = f"constant in {listed(constant, 3)}"
        else:
            kept.append(name)
    values = [part[kept].to_numpy(dtype=float) for part in parts.values()]
    missing = sum(int(np.isnan(x).any(axis=1).sum()) for x in values)
    return Look(
        environments, control_among(list(environments)), tuple(kept), key, others, drop, missing, _are_counts(values),
        reading=sheet.notes if reading is None else reading,
    )  # fmt: skip


def _spread(x: np.ndarray) -> float:
    """From the least to the largest finite value; 0 where there is none."""
    known = x[np.isfinite(x)]
    return float(known.max() - known.min()) if len(known) else 0.0


def _are_counts(values: Sequence[np.ndarray]) -> bool:
    seen = np.concatenate([x.ravel()[:LOOKED] for x in values]) if values else np.zeros(0)
    seen = seen[np.isfinite(seen)]
    return bool(len(seen) and (seen >= 0).all() and (seen == np.round(seen)).all() and seen.max() > 1)


def _annotated(path: Path, environment: str | None) -> Look:
    parts: Any = opened(path)
    obs = parts.obs
    text = {str(key): obs[key] for key in obs.columns if obs[key].dtype.kind not in "fc"}
    key, others = _key({str(k): obs[k] for k in obs.columns} if environment else text, environment, path)
    environments = _sizes(labels_of(obs[key].astype(object)))
    variables = tuple(str(name) for name in parts.var.index)
    few = max(1, LOOKED // max(len(variables), 1))
    matrix = cells(parts, None, np.arange(len(variables)))
    counts = _are_counts([dense(matrix[:few])])
    others = {name: levels for name, levels in others.items() if name in text}
    return Look(
        environments, control_among(list(environments)), variables, key, others, counts=counts,
        layers=tuple(str(name) for name in parts.layers),
    )  # fmt: skip


def _tree(path: Path) -> Look:
    tree = read_data(path)
    names = environments_of(tree)
    nodes = [tree.children[name].to_dataset(inherit=True) for name in names]
    environments = {name: int(node.sizes["sample"]) for name, node in zip(names, nodes)}
    if "x" not in nodes[0]:
        return Look(environments, observational_of(tree) or control_among(names), (), images=True)
    variables = tuple(str(one) for one in nodes[0]["x"]["observed"].values)
    values = [table_of(node["x"]) for node in nodes if "x" in node]
    missing = sum(int(np.isnan(part).any(axis=1).sum()) for x in values for part in blocks(x))
    few = max(1, LOOKED // max(len(variables), 1))
    control = observational_of(tree) or control_among(names)
    return Look(
        environments,
        control,
        variables,
        missing=missing,
        counts=_are_counts([x[:few] for x in values]),
        images="image" in nodes[0],
    )
