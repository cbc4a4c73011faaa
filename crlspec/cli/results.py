"""The commands that ask finished results: ``report``, ``transform``, ``compare``, ``export``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError, result_of, result_path, truth_of
from crlspec.cli.observations import encoded
from crlspec.disk.room import require_writable
from crlspec.disk.write import refuse_file, write_file
from crlspec.errors import DataError

if TYPE_CHECKING:
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
    """Apply a result's encoder to observations: one column a latent, one row a sample, in the order of the data; or a
    copy of an AnnData file with the latents beside its cells."""
    import pandas as pd

    from crlspec.data.write import tables_writer

    result = result_of(arguments.result)
    out, source = Path(arguments.out), Path(arguments.data)
    cells = source.suffix.lower() == ".h5ad"
    allowed = {".csv", ".parquet", ".h5ad"} if cells else {".csv", ".parquet"}
    if out.suffix.lower() not in allowed:
        what = ", .h5ad for data that are AnnData" if out.suffix.lower() == ".h5ad" else ""
        raise CallError(
            f"{out}: cannot tell how to write a '{out.suffix}' file.",
            remedy=f"Choose .csv or .parquet{what}.",
        )
    refuse_file(out, arguments.force)
    require_writable(out)
    if out.suffix.lower() == ".h5ad":
        return _annotated(result, source, out, arguments.environment)
    sizes: dict[str, int] = {}

    def tables() -> Iterator[pd.DataFrame]:
        for name, values in encoded(result, source, arguments.environment):
            sizes[name] = len(values)
            yield pd.DataFrame(values, columns=list(result.names))

    write_file(out, tables_writer(tables(), out), force=True)
    print(f"{out} is written: {sum(sizes.values())} rows, columns {', '.join(result.names)}.")
    if len(sizes) > 1:
        first = 0
        for name, size in sizes.items():
            print(f"  rows {first + 1}-{first + size}: environment {name}")
            first += size
    return 0


def _annotated(result: Result, source: Path, out: Path, environment: str | None) -> int:
    from crlspec.data.annotated import KEY
    from crlspec.results.annotated import write_annotated_copy

    if environment is not None:
        raise CallError(
            "--environment leaves cells out, and a copy of an AnnData file holds them all.",
            remedy="Leave it out.",
        )
    if not source.is_file():
        raise DataError(f"{source}: there is no such file.", remedy="Check the path of the data.")
    count = []
    write_file(out, lambda to: count.append(write_annotated_copy(result, source, to)), force=True)
    print(
        f"{out} is written: {count[0]:,} cells, their latents {', '.join(result.names)} in obsm['{KEY}'], names, "
        "environments and provenance in uns['crlspec']."
    )
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
