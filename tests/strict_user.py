"""What somebody writes who checks with ``mypy --strict`` against an installed crlspec: it has no error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyro.distributions as dist  # type: ignore[import-untyped, unused-ignore]

import crlspec
from crlspec import Model, Result, Setting, Spec, handlers
from crlspec.errors import CrlspecError, DataError
from crlspec.handlers import intervene, scale, shift

SPEC = """
latents: {light: "Normal(0, 1)", dose: "Normal(0.8*light, 0.6)"}
mixing: {kind: linear, observed: 4}
interventions: {design: single-node, kind: hard}
"""


def declared(text: str) -> Spec:
    """A spec, checked, with its verdict."""
    spec = crlspec.loads(text)
    errors: list[str] = [str(issue) for issue in crlspec.check(spec) if issue.severity == "error"]
    verdict = crlspec.identifiability(spec)
    print(errors, verdict.covered, verdict.estimator, Setting.of(spec))
    return crlspec.load("linear/hard-5", sets=["samples=500"]) if errors else spec


def sampled(spec: Spec) -> tuple[Model, float]:
    """A model and a mean of its log density."""
    model = crlspec.compile(spec, seed=0)
    data = model.sample(100, seed=1)
    z = data["obs"].to_dataset()["z"].values
    density = model.log_density(z)
    found: float = float(density.mean())
    crlspec.write_data(data, Path("data.nc"), force=True)
    return model, found


def solved(model: Model, arrays: dict[str, np.ndarray]) -> Result | None:
    """A result, and what it is asked."""
    try:
        result = crlspec.solve(model.spec, crlspec.from_arrays(arrays), seed=0)
    except (DataError, CrlspecError) as error:
        print(error, error.exit_code, error.remedy)
        return None
    for edge in result.edges:
        source: str = edge.source
        strength: float = edge.strength
        print(source, strength, edge.p_value)
    names: tuple[str, ...] = result.names
    ok: bool = result.status.ok
    path: Path = result.save(Path("result.nc"), force=True)
    again = crlspec.open_result(path)
    print(names, ok, again.order, again.status.message, result.transform(arrays["obs"]).shape)
    adjust: tuple[str, ...] | None = result.adjustment_set(names[0], names[1])
    query = result.do({names[0]: 1.0})
    print(adjust, query, result.model().sample(10, seed=0))
    return result


def changed(model: Model) -> None:
    """Programs and handlers."""
    program = model.pyro()
    z, x = program(4)
    other = intervene(program, {"dose": shift(2.0), "light": scale(0.5)})
    print(z.shape, x.shape, other, handlers.intervene, intervene(program, {"dose": dist.Normal(0.0, 1.0)}))
