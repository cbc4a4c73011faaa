"""The command ``sample``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError, load_spec, refuse_device, refuse_errors
from crlspec.disk.folder import held
from crlspec.disk.room import require_room, require_writable
from crlspec.errors import OutputExists
from crlspec.progress import ProgressLine

if TYPE_CHECKING:
    import numpy as np

    from crlspec.generative.model import Model

__all__ = ["sample"]


def sample(arguments: Namespace) -> int:
    """Sample data from a spec, with the latents beside them as truth."""
    from crlspec.data import environments_of, provenance_of, write_data
    from crlspec.data.tree import PROVENANCE
    from crlspec.data.write import bytes_of, refuse_data
    from crlspec.generative.model import compile as compile_model

    spec = load_spec(arguments, samples=arguments.samples)
    refuse_errors(spec)
    if spec.data is not None:
        raise CallError(
            "This spec reads data and declares no model to sample from.",
            remedy="Give a spec with scm: or equations, or crlspec run it.",
        )
    out = Path(arguments.out)
    if not arguments.force and (out.is_file() or held(out)):
        raise OutputExists(f"{out} exists.", remedy="Choose another name, or overwrite it with --force.")
    refuse_data(out, arguments.force, arguments.table)
    require_writable(out)
    refuse_device(arguments.device)
    model = compile_model(spec, seed=arguments.seed, device=arguments.device)
    seeds = {"model": arguments.seed, "sample": arguments.seed}
    if out.suffix.lower() == ".zarr" and model.mixing.image_shape is None:
        sizes = _in_parts(model, out, arguments, seeds)
    else:
        data = model.sample(seed=arguments.seed)
        data.attrs[PROVENANCE] = json.dumps({**provenance_of(data), "seeds": seeds})
        require_room(out, *bytes_of(data, out, arguments.table))
        write_data(data, out, force=arguments.force, table=arguments.table)
        sizes = {name: data[name].sizes["sample"] for name in environments_of(data)}
    counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
    what = f"{len(model.observed)} variables"
    if (shape := model.mixing.image_shape) is not None:
        what = f"images of {shape[0]} × {shape[1]} × {shape[2]} (channel, row, column)"
    print(f"{out} is written: {counts} samples of {what}.")
    print(f"Run it: crlspec run {arguments.spec} --data {out}")
    return 0


def _in_parts(model: Model, out: Path, arguments: Namespace, seeds: dict[str, int]) -> dict[str, int]:
    """A Zarr store, of which no more than a part is in memory. Returns the samples of each environment."""
    from crlspec.data.write_parts import rows_in_part, write_parts

    asked = model.spec.samples
    each = dict.fromkeys(model.environments, asked) if isinstance(asked, int) else asked
    sizes = {name: each[name] for name in model.environments if name in each}
    rows, width = rows_in_part(len(model.observed)), len(model.observed) + len(model.latents)
    require_room(out, 8 * rows * width, 8 * sum(sizes.values()) * width)
    line, whole = ProgressLine(), sum(sizes.values())

    def drawn() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        done = 0
        for part in model.parts(seed=arguments.seed, rows=rows):
            yield part.environment, {"x": part.x, "z": part.z}
            done += len(part.x)
            line("sampling", done, whole)

    control = model.observational if model.observational in sizes else None
    notes = {**model.sampled(arguments.seed), "seeds": seeds, "observational": control}
    names = {"observed": model.observed, "latent": model.latents}
    write_parts(out, drawn(), names, notes, environments=list(sizes), rows=rows, force=arguments.force)
    line.close()
    return sizes
