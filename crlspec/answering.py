"""The commands that ask finished results: ``export``, ``compare``, ``stability``."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.commands import (
    CallError,
    load_spec,
    refuse_device,
    refuse_errors,
    result_of,
    truth_of,
    write_text,
    write_whole_file,
)
from crlspec.errors import INTERRUPTED, EstimationError
from crlspec.progress import ProgressLine
from crlspec.run_folder import ready_to_go_on

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from crlspec.downstream.stability_tables import Stability
    from crlspec.spec.schema import Spec

__all__ = ["compare", "export", "stability"]

FILES = (
    "bootstraps.csv",
    "result.nc",
    "edges.csv",
    "latents.csv",
    "orders.csv",
    "stability.nc",
    "stability.md",
)


def stability(arguments: Namespace) -> int:
    """Bootstraps of a spec on its data; 4 where none of them has a result."""
    from crlspec.downstream.stability import stability as bootstrapped
    from crlspec.running import folder_name

    spec = load_spec(arguments, samples=arguments.samples)
    refuse_errors(spec)
    refuse_device(arguments.device)
    folder = Path(arguments.out or f"runs/{folder_name(spec, arguments.spec)}-stability")
    ready_to_go_on(folder, arguments.force, FILES, "bootstraps need")
    line = ProgressLine(enabled=True if arguments.progress else None)
    try:
        found = bootstrapped(
            spec, _data(arguments, spec), bootstraps=arguments.bootstraps, seed=arguments.seed,
            jobs=arguments.jobs, out=folder, resample=arguments.resample, plugins=tuple(arguments.plugin),
            device=arguments.device, progress=line,
        )  # fmt: skip
    except KeyboardInterrupt:
        line.close()
        print(
            f"crlspec: interrupted; {folder / FILES[0]} keeps the bootstraps that are done.", file=sys.stderr
        )
        print("The same call goes on from there.", file=sys.stderr)
        return INTERRUPTED
    finally:
        line.close()
    _write(folder, found)
    print(f"{found}\nin {folder}: {' '.join(FILES)}")
    return EstimationError.exit_code if found.failed == len(found.runs) else 0


def _data(arguments: Namespace, spec: Spec) -> xr.DataTree:
    """The data of the call, of the spec, or sampled from the model that it declares."""
    from crlspec.data import read_data

    if spec.data is not None:
        if arguments.samples is not None:
            raise CallError(
                "--samples is for sampled data, and these are read.", remedy="Leave --samples out."
            )
        path = spec.data.path if arguments.data is None else Path(arguments.data)
        return read_data(path, **spec.data.reading())
    if arguments.data is not None:
        return read_data(Path(arguments.data))
    from crlspec.generative.model import compile as compile_model

    return compile_model(spec, seed=arguments.seed, device=arguments.device).sample(seed=arguments.seed)


def _write(folder: Path, found: Stability) -> None:
    """Everything but the rows, each file whole."""
    from crlspec.data.write import write_whole

    write_whole(folder / "result.nc", lambda to: found.result.save(to), force=True)
    for name, table in (("edges", found.edges), ("latents", found.latents), ("orders", _flat(found.orders))):
        write_whole_file(folder / f"{name}.csv", lambda to, table=table: table.to_csv(to, index=False))  # type: ignore[misc]
    dataset = found.dataset()
    write_whole_file(folder / "stability.nc", lambda to: dataset.to_netcdf(to, engine="h5netcdf"))
    write_text(folder / "stability.md", f"```\n{found}\n```\n")


def _flat(orders: pd.DataFrame) -> pd.DataFrame:
    return orders.assign(order=[" ".join(order) for order in orders["order"]])


def compare(arguments: Namespace) -> int:
    """Two results side by side, or a result and the truth that its spec declares."""
    from crlspec.data import read_data
    from crlspec.downstream.comparison import compare as compare_sides

    first = result_of(arguments.first)
    second = truth_of(first) if arguments.second is None else result_of(arguments.second)
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
