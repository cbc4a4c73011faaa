"""Tables: a YAML file that lists settings (a spec with its changes) and the numbers printed beside them.

table: 1
name: lscale-linear
title: LSCALE-I, linear latents
source: Varıcı et al., JMLR 2025
seeds: 20
columns: [mcc, shd, cpu_seconds]
settings:
  - {name: n = 5, spec: linear/hard-5, set: [samples=5000], beside: {published: {shd: 2.3}}}
"""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from crlspec.errors import Issue, SpecError
from crlspec.registry import ClosedModel
from crlspec.spec.explain import explain, place
from crlspec.spec.load import SHIPPED, shipped_tables
from crlspec.spec.slots import fault, shown, suggest
from crlspec.spec.yaml12 import read

__all__ = ["COLUMNS", "DEFAULT_COLUMNS", "Curve", "Row", "Table", "find_table", "loads_table"]

COLUMNS = (
    "mcc", "mcc_spearman", "r2", "shd", "shd_closure", "edge_precision", "edge_recall", "mixing_error",
    "score_error", "score_mse", "order_right", "graph_right", "closure_right", "signature_accuracy",
    "signature_exact", "true_edges", "true_closure", "cpu_seconds", "seconds",
)  # fmt: skip
"""What a run is measured by, and a table can show."""

DEFAULT_COLUMNS = (
    "mcc", "shd", "shd_closure", "true_edges", "true_closure", "edge_precision", "edge_recall", "cpu_seconds",
)  # fmt: skip


def _column(value: Any) -> Any:
    if value not in COLUMNS:
        raise fault(f"got {shown(value)}; a column is needed", suggest(str(value), COLUMNS))
    return value


def _points(value: Any) -> Any:
    points = tuple(tuple(point) for point in value) if isinstance(value, list | tuple) else ()
    good = all(len(p) == 2 and all(isinstance(number, int | float) for number in p) for p in points)
    if not good or len(points) < 2 or any(b[0] <= a[0] for a, b in pairwise(points)) or points[0][0] <= 0:
        raise fault(
            "a curve is a list of points [x, y], x above 0 and rising", "write [[0.01, 0.9], [0.1, 0.5]]."
        )
    return points


Column = Annotated[str, BeforeValidator(_column)]
Points = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_points)]


class Curve(ClosedModel):
    """Published points (x, y), by a name that settings refer to: ``y`` where ``x`` was measured, between points
    by interpolation linear in log x."""

    x: Column
    y: Column
    title: str = "published"
    points: dict[str, Points]


class Row(ClosedModel):
    """One setting: a spec, its profile (that of the call where none is named), the ``--set`` changes to it, and
    numbers beside: title → column → number."""

    name: Annotated[str, Field(min_length=1)]
    spec: Annotated[str, Field(min_length=1)]
    profile: str | None = None
    set: tuple[str, ...] = ()
    beside: dict[str, dict[Column, float]] = Field(default_factory=dict)
    curve: str | None = None


class Table(ClosedModel):
    """Settings to run over seeds ``first`` … ``first + seeds − 1``, and the columns that are shown of them."""

    table: Literal[1]
    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: str = ""
    source: str = ""
    seeds: Annotated[int, Field(strict=True, ge=1)] = 20
    first: Annotated[int, Field(strict=True, ge=0)] = 0
    columns: Annotated[tuple[Column, ...], Field(min_length=1)] = DEFAULT_COLUMNS
    curve: Curve | None = None
    settings: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names(self) -> Table:
        names = [row.name for row in self.settings]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise fault(f"the setting {twice[0]!r} is listed twice", "give each setting its own name.")
        known = self.curve.points if self.curve is not None else {}
        for row in self.settings:
            if row.curve is not None and row.curve not in known:
                raise fault(
                    f"the curve {row.curve!r} of {row.name!r} is not there", suggest(row.curve, [*known])
                )
        return self

    def chosen(self, parts: tuple[str, ...]) -> Table:
        """The table with those settings alone whose names contain one of ``parts``; with none given, all.

        Raises SpecError where a part is in no name.
        """
        for part in parts:
            if not any(part in row.name for row in self.settings):
                names = ", ".join(repr(row.name) for row in self.settings)
                issue = Issue(
                    "error", f"no setting of {self.name} is named like {part!r}.", f"there are {names}."
                )
                raise SpecError([issue])
        kept = tuple(row for row in self.settings if not parts or any(part in row.name for part in parts))
        return self.model_copy(update={"settings": kept})


def loads_table(text: str, origin: str = "text") -> Table:
    """The table of a YAML text. Raises SpecError with every issue found."""
    tree, source = read(text, origin)
    if not isinstance(tree, dict):
        raise SpecError([place(source, (), "a table must be a mapping of keys", "start with table: 1.")])
    try:
        return Table.model_validate(tree)
    except ValidationError as error:
        raise SpecError(explain(error, source)) from None


def find_table(source: str | PathLike[str]) -> Table | None:
    """The table of a shipped name (``tables/recovery``) or of a file that holds ``table:``; None for a spec.

    Specs that its settings name by a relative path are taken from the folder of the file. Raises SpecError where
    the table has faults, or a name starts like a shipped table's and there is none.
    """
    name = fspath(source)
    path = Path(name)
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        if not any(line.startswith("table:") for line in text.splitlines()):
            return None
        return _anchored(loads_table(text, name), path.resolve().parent)
    if name in shipped_tables():
        resource = files(SHIPPED).joinpath(*f"{name}.yaml".split("/"))
        return loads_table(resource.read_text(encoding="utf-8"), f"{name}.yaml")
    if name.startswith("tables/"):
        remedy = f"name a YAML file or a shipped table; {suggest(name, shipped_tables())}"
        raise SpecError([Issue("error", "is neither a file nor a shipped table.", remedy, path=name)])
    return None


def _anchored(table: Table, folder: Path) -> Table:
    def row(one: Row) -> Row:
        beside = folder / one.spec
        return one.model_copy(update={"spec": str(beside)}) if beside.is_file() else one

    return table.model_copy(update={"settings": tuple(row(one) for one in table.settings)})
