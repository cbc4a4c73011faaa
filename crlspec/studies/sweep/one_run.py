"""One run of a sweep: compile, sample, solve under shuffled labels, judge; whatever happens, a row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from crlspec.errors import CrlspecError
from crlspec.numerics.threads import one_thread
from crlspec.results.texts import METRICS, SIGNATURE
from crlspec.studies.sweep.cases import Case

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.generative.model import Model
    from crlspec.result import Result

__all__ = ["FIELDS", "NUMBERS", "read_own", "run_one"]

NUMBERS = (
    *METRICS, "score_mse", "order_right", "graph_right", "closure_right", *SIGNATURE, "true_edges",
    "true_closure", "cpu_seconds", "seconds",
)  # fmt: skip
FIELDS = ("setting", "spec", "seed", "status", *NUMBERS, "edges_found", "edges_true", "message")
"""The columns of ``runs.csv``: ``spec`` is a digest; edges are written ``a>b c>d``, in true names."""


def run_one(case: Case, seed: int, device: str = "cpu") -> dict[str, Any]:
    """One seed of one case, in one thread: a value for each of FIELDS that applies.

    ``status`` is that of the result, or ``failed`` where there is none: ``message`` says why. ``seed`` draws the
    model, its samples, the shuffle of all labels and the estimator's choices; ``cpu_seconds`` are those of solving.
    """
    row: dict[str, Any] = {"setting": case.name, "spec": case.digest, "seed": seed}
    try:
        with one_thread():
            row |= _solved(case, seed, device, row)
        return row
    except CrlspecError as error:
        return {**row, "status": "failed", "message": str(error)}
    except Exception as error:
        return {**row, "status": "failed", "message": f"{type(error).__name__}: {error}"}


def _solved(case: Case, seed: int, device: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row of a run; ``row`` gets what is known of the truth before anything can fail."""
    from crlspec.generative.model import compile as compile_model
    from crlspec.solving import solve

    spec = case.spec().without_labels()
    if spec.data is not None:
        model, data = None, read_own(spec)
    else:
        model = compile_model(spec, seed=seed, device=device)
        data = model.sample(seed=seed)
        row |= _truth(model)
    began, began_wall = time.process_time(), time.perf_counter()
    result = solve(spec, data, seed=seed, model=model, device=device)
    spent = {
        "cpu_seconds": round(time.process_time() - began, 3),
        "seconds": round(time.perf_counter() - began_wall, 3),
    }
    status = {"status": result.status.code, "message": "" if result.status.ok else result.status.message}
    if model is None:
        return {**spent, **status, "edges_found": _edges(edge.pair for edge in result.edges)}
    return {**spent, **status, **_judged(result, model, seed)}


def read_own(spec: Any) -> xr.DataTree:
    """The data that a spec names."""
    from crlspec.data import read_data

    return read_data(spec.data.path, **spec.data.reading())


def _truth(model: Model) -> dict[str, Any]:
    import networkx as nx

    edges = list(model.graph.edges)
    closure = nx.transitive_closure(model.graph).number_of_edges()
    return {"true_edges": len(edges), "true_closure": closure, "edges_true": _edges(edges)}


def _judged(result: Result, model: Model, seed: int) -> dict[str, Any]:
    from crlspec.results.evaluate import EVALUATION

    found = result.evaluate(model, seed=seed + EVALUATION)
    values = {key: float(found[key]) for key in (*METRICS, *SIGNATURE) if key in found}
    names = dict(zip(found["recovered"].values.tolist(), found["latent"].values.tolist(), strict=True))
    place = {names[latent]: k for k, latent in enumerate(result.order) if latent in names}
    true = list(model.graph.edges)
    forward = all(a in place and b in place and place[a] < place[b] for a, b in true)
    mse = found["score_mse_by_environment"].values
    return {
        **values,
        "score_mse": float(mse.max()) if len(mse) else float("nan"),
        "order_right": int(forward),
        "graph_right": int(values["shd"] == 0),
        "closure_right": int(values["shd_closure"] == 0),
        "edges_found": _edges((names.get(a, a), names.get(b, b)) for a, b in (e.pair for e in result.edges)),
    }


def _edges(pairs: Any) -> str:
    return " ".join(f"{a}>{b}" for a, b in pairs)
