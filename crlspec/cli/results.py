"""The commands that ask finished results: ``report``, ``transform``, ``compare``, ``export``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError, result_of, result_path, truth_of
from crlspec.disk.room import require_writable
from crlspec.disk.write import refuse_file, write_file
from crlspec.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from crlspec.result import Result

__all__ = ["compare", "export", "report", "transform"]


def report(arguments: Namespace) -> int:
    """Write the report of a result again."""
    result = result_of(arguments.result)
    folder = result_path(arguments.result).parent
    out = Path(arguments.out) if arguments.out else folder / "report.html"
    require_writable(out)
    result.report(out, model=truth_of(result, arguments), force=True)
    moved = result.animate(out.parent)
    told = f" Beside it: {', '.join(path.name for path in moved)}." if moved else ""
    print(f"{out} is written: open it in any browser.{told}")
    return 0


def transform(arguments: Namespace) -> int:
    """Apply a result's encoder to observations: one column a latent, one row a sample."""
    import numpy as np
    import pandas as pd

    from crlspec.data.write import table_writer

    result = result_of(arguments.result)
    out = Path(arguments.out)
    if out.suffix.lower() not in {".csv", ".parquet"}:
        raise CallError(
            f"{out}: cannot tell how to write a '{out.suffix}' file.", remedy="Choose .csv or .parquet."
        )
    refuse_file(out, arguments.force)
    require_writable(out)
    parts = dict(_encoded(result, Path(arguments.data), arguments.environment))
    table = pd.DataFrame(np.concatenate(list(parts.values())), columns=list(result.names))
    write_file(out, table_writer(table, out), force=True)
    print(f"{out} is written: {len(table)} rows, columns {', '.join(result.names)}.")
    if len(parts) > 1:
        first = 0
        for name, values in parts.items():
            print(f"  rows {first + 1}-{first + len(values)}: environment {name}")
            first += len(values)
    return 0


def compare(arguments: Namespace) -> int:
    """Two results side by side, or a result and the truth that its spec declares."""
    from crlspec.data import read_data
    from crlspec.downstream.comparison import compare as compare_sides

    first = result_of(arguments.first)
    second = truth_of(first, arguments) if arguments.second is None else result_of(arguments.second)
    if second is None:
        raise CallError(
            f"{arguments.first}: no truth is known to compare with.", remedy="Name a second result."
        )
    data = None if arguments.data is None else read_data(Path(arguments.data))
    found = compare_sides(first, second, data)
    if arguments.json:
        print(json.dumps(found.as_values(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(found)
    return 0


def export(arguments: Namespace) -> int:
    """The graph of a result for another program: on stdout, or into a file."""
    from crlspec.downstream.exports import export_text, format_of

    result = result_of(arguments.result)
    if arguments.out is None:
        print(export_text(result, arguments.format or "dot"), end="")
        return 0
    out = Path(arguments.out)
    written = result.export(out, format_of(out, arguments.format), force=arguments.force)
    print(f"{written} is written: {len(result.names)} nodes, {len(result.edges)} edges.")
    return 0


def _encoded(result: Result, path: Path, environment: str | None) -> Iterator[tuple[str, np.ndarray]]:
    """(environment, latents (sample, latent)) of new observations, in the order of the data."""
    tree = _new_observations(path)
    names = list(tree.children)
    if environment is not None and environment not in names:
        raise DataError(f"{path}: there is no environment '{environment}'; there are {', '.join(names)}.")
    for name in names if environment is None else [environment]:
        z = result.encoder(tree[name].to_dataset())["z_hat"]
        yield name, z.transpose("sample", "latent").values


def _new_observations(path: Path) -> xr.DataTree:
    from crlspec.data import from_arrays, read_data
    from crlspec.data.image_files import ARRAY, read_images
    from crlspec.data.tables import SUFFIXES, read_table

    if path.is_file() and path.suffix.lower() in SUFFIXES:
        columns, values = read_table(path)
        return from_arrays({path.stem: values}, observed=columns)
    if path.is_file() and path.suffix.lower() == ARRAY:
        return from_arrays(images=read_images({path.stem: path}))
    return read_data(path)
