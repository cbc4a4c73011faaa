"""The command ``sample``."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from crlspec.cli.call import CallError, load_spec, refuse_device, refuse_errors
from crlspec.disk.folder import held
from crlspec.disk.room import require_room, require_writable
from crlspec.errors import OutputExists

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
    data = model.sample(seed=arguments.seed)
    seeds = {"model": arguments.seed, "sample": arguments.seed}
    data.attrs[PROVENANCE] = json.dumps({**provenance_of(data), "seeds": seeds})
    require_room(out, *bytes_of(data, out, arguments.table))
    write_data(data, out, force=arguments.force, table=arguments.table)
    counts = ", ".join(f"{name} {data[name].sizes['sample']}" for name in environments_of(data))
    what = f"{len(model.observed)} variables"
    if (shape := model.mixing.image_shape) is not None:
        what = f"images of {shape[0]} × {shape[1]} × {shape[2]} (channel, row, column)"
    print(f"{out} is written: {counts} samples of {what}.")
    print(f"Run it: crlspec run {arguments.spec} --data {out}")
    return 0
