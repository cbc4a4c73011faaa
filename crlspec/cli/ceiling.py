"""The command ``ceiling``, and what ``run --ceiling`` shares with it."""

from __future__ import annotations

from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError, load_spec, refuse_device, refuse_errors
from crlspec.cli.run_folder import filled, reserved_run
from crlspec.progress import ProgressLine

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.disk.folder import Place
    from crlspec.generative.model import Model
    from crlspec.spec.schema import Spec

__all__ = ["CEILING", "ceiling"]

CEILING = "ceiling.json"


def ceiling(arguments: Namespace) -> int:
    """What a supervised network reaches for each latent from the observations of a spec."""
    spec = load_spec(arguments, samples=arguments.samples)
    refuse_errors(spec)
    refuse_device(arguments.device)
    with (
        nullcontext()
        if arguments.out is None
        else reserved_run(Path(arguments.out), arguments.force) as place
    ):
        return _measured(spec, arguments, place)


def _measured(spec: Spec, arguments: Namespace, place: Place | None) -> int:
    """Measure, print and write."""
    from crlspec.downstream.ceiling import ceiling as measured

    line = ProgressLine(enabled=True if arguments.progress else None)
    try:
        line("data")
        model, data = _truth(spec, arguments)
        found = measured(
            data if model is None else model,
            data=data,
            seed=arguments.seed,
            labels=arguments.labels or (),
            device=arguments.device,
            progress=line,
        )
    finally:
        line.close()
    print(found.json() if arguments.json else found, end="" if arguments.json else "\n")
    if place is not None:
        with filled(place, arguments.force) as building:
            found.save(building / CEILING)
        if not arguments.json:
            print(f"in {arguments.out}: {CEILING}")
    return 0


def _truth(spec: Spec, arguments: Namespace) -> tuple[Model | None, xr.DataTree]:
    """The data of the call, of the spec, or sampled from the model that it declares, and that model."""
    from crlspec.data import read_data

    read = arguments.data is not None or spec.data is not None
    if read and arguments.samples is not None:
        raise CallError("--samples is for sampled data, and these are read.", remedy="Leave --samples out.")
    if spec.data is not None:
        path = spec.data.path if arguments.data is None else arguments.data
        return None, read_data(Path(path), **spec.data.reading())
    if arguments.data is not None:
        return None, read_data(Path(arguments.data))
    from crlspec.generative.model import compile as compile_model

    model = compile_model(spec, seed=arguments.seed, device=arguments.device)
    return model, model.sample(seed=arguments.seed)
