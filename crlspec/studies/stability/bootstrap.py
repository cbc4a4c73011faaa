"""One bootstrap of a study: rows drawn anew within each environment, the whole way again, latents matched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crlspec.downstream.comparison import correlations
from crlspec.errors import CrlspecError
from crlspec.results.metrics import best_matching

if TYPE_CHECKING:
    from crlspec.result import Result
    from crlspec.studies.sweep.cases import Case

__all__ = ["FIELDS", "RESAMPLES", "Resample", "Study", "bootstrap", "resampled"]

Resample = Literal["half", "bootstrap"]
RESAMPLES = ("half", "bootstrap")

FIELDS = (
    "bootstrap", "study", "status", "order", "edges", "correlations", "differences", "seconds", "message",
)  # fmt: skip
"""The columns of ``bootstraps.csv``: ``study`` is a digest; order, correlations and differences by latent of the
result, parted by blanks; edges ``a>b c>d``, in the names of the result, as positions from 0."""


@dataclass(frozen=True)
class Study:
    """What every bootstrap starts from: plain values, so that another process can have them.

    case           the spec
    samples        environment → (sample, observed)
    observed       names of the observed variables
    observational  name of the environment without intervention
    x, z           (point, observed) where encoders are compared, and the result's latents there (point, latent)
    latents        names of the result's latents
    named          whether names tell which latent is which; otherwise they are matched by correlation at x
    resample       ``half`` of the rows, without replacement; ``bootstrap``: as many as there are, with it
    seed           of rows and estimators; each bootstrap has streams of its own
    digest         tells this study from another
    notes          transforms and components that the data were read with
    """

    case: Case
    samples: Mapping[str, np.ndarray]
    observed: tuple[str, ...]
    observational: str
    x: np.ndarray
    z: np.ndarray
    latents: tuple[str, ...]
    named: bool
    resample: Resample
    seed: int
    digest: str
    device: str = "cpu"
    notes: Mapping[str, Any] = field(default_factory=dict)


def resampled(
    samples: Mapping[str, np.ndarray], how: Resample, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Rows drawn within each environment."""
    found = {}
    for name, x in samples.items():
        count = len(x)
        rows = rng.integers(count, size=count) if how == "bootstrap" else rng.permutation(count)[: count // 2]
        found[name] = x[rows]
    return found


def bootstrap(study: Study, number: int) -> dict[str, Any]:
    """Bootstrap ``number`` of a study, in one thread: a value for each of FIELDS; ``failed`` where there is none."""
    from crlspec.numerics.threads import one_thread

    row: dict[str, Any] = {"bootstrap": number, "study": study.digest}
    began = time.perf_counter()
    try:
        with one_thread():
            row |= _solved(study, number)
    except CrlspecError as error:
        row |= {"status": "failed", "message": str(error)}
    except Exception as error:
        row |= {"status": "failed", "message": f"{type(error).__name__}: {error}"}
    return {**row, "seconds": round(time.perf_counter() - began, 3)}


def _solved(study: Study, number: int) -> dict[str, Any]:
    from crlspec.data import from_arrays
    from crlspec.solving import solve

    rng = np.random.default_rng([study.seed, number, 0xB007])
    drawn = resampled(study.samples, study.resample, rng)
    data = from_arrays(drawn, study.observed, observational=study.observational, provenance=study.notes)
    result = solve(
        study.case.spec().without_labels(), data, seed=int(rng.integers(2**31)), device=study.device
    )
    z = result.encoder(study.x).values
    shared = correlations(study.z, z)
    columns = _columns(study, result, shared)
    found = {result.names[column]: i for i, column in enumerate(columns) if column >= 0}
    matched, differences = [], []
    for i, column in enumerate(columns):
        value = shared[i, column] if column >= 0 else 0.0
        turned = np.sign(value) * z[:, column] if column >= 0 else np.zeros(len(z))
        spread = study.z[:, i].std()
        gap = (study.z[:, i] - study.z[:, i].mean()) - (turned - turned.mean())
        matched.append(abs(value))
        differences.append(float(np.sqrt((gap**2).mean()) / spread) if spread > 0 else 0.0)
    edges = (edge.pair for edge in result.edges)
    return {
        "status": result.status.code,
        "message": "" if result.status.ok else result.status.message,
        "order": " ".join(str(found[name]) for name in result.order if name in found),
        "edges": " ".join(f"{found[a]}>{found[b]}" for a, b in edges if a in found and b in found),
        "correlations": " ".join(f"{value:.8g}" for value in matched),
        "differences": " ".join(f"{value:.8g}" for value in differences),
    }


def _columns(study: Study, result: Result, shared: np.ndarray) -> np.ndarray:
    """For each latent of the study the one of this result, −1 for none."""
    if study.named and set(result.names) == set(study.latents):
        return np.array([result.names.index(name) for name in study.latents])
    return best_matching(np.abs(shared))
