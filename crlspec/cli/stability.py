"""The command ``stability``."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import (
    CallError,
    folder_name,
    load_spec,
    refuse_device,
    refuse_errors,
)
from crlspec.cli.cluster import cluster_of
from crlspec.cli.run_folder import ready_to_go_on
from crlspec.cli.stopping import stopped_with
from crlspec.disk.netcdf import netcdf
from crlspec.disk.write import write_file
from crlspec.errors import EstimationError
from crlspec.progress import ProgressLine

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from crlspec.spec.schema import Spec
    from crlspec.studies.stability.stability_tables import Stability

__all__ = ["stability"]

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
    from crlspec.studies.stability.stability import stability as bootstrapped

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
            device=arguments.device, scheduler=cluster_of(arguments.scheduler, line), progress=line,
        )  # fmt: skip
    except KeyboardInterrupt as stopped:
        line.close()
        kept = f"{folder / FILES[0]} keeps the bootstraps that are done. The same call goes on from there."
        return stopped_with(stopped, kept)
    finally:
        line.close()
    _write(folder, found)
    if arguments.json:
        tables = {"edges": found.edges, "latents": found.latents, "orders": _flat(found.orders)}
        told = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
        print(
            json.dumps({**told, "failed": found.failed, "folder": str(folder)}, indent=2, ensure_ascii=False)
        )
    else:
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
    found.result.save(folder / "result.nc", force=True)
    for name, table in (("edges", found.edges), ("latents", found.latents), ("orders", _flat(found.orders))):
        write_file(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"), force=True)
    write_file(folder / "stability.nc", netcdf(found.dataset()), force=True)
    write_file(folder / "stability.md", f"```\n{found}\n```\n", force=True)


def _flat(orders: pd.DataFrame) -> pd.DataFrame:
    return orders.assign(order=[" ".join(order) for order in orders["order"]])
