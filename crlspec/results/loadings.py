"""Which observed variables carry a latent: loadings with standard errors, measured on the data of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from crlspec.data.lazily import table_of
from crlspec.maps.maps import AnyEncoder, LinearEncoder, encoded
from crlspec.numerics.axes import Axes
from crlspec.numerics.kept import Table
from crlspec.numerics.linalg import EXACT, column_means, side_by_side
from crlspec.numerics.rows import Rows
from crlspec.results.encoder import labels
from crlspec.results.lifted import lifted

if TYPE_CHECKING:
    from crlspec.data import Problem
    from crlspec.data.prepare import Prepared
    from crlspec.inference.estimate import Estimate
    from crlspec.results.record import Record

__all__ = [
    "ERRORS",
    "LEFTOVERS",
    "LOADINGS",
    "Loading",
    "explained",
    "loadings_of",
    "strongest",
    "with_loadings",
]

LOADINGS, ERRORS, LEFTOVERS = "loadings", "loading_errors", "leftovers"
"""Names of the diagnostics."""
MOST = 5

SomeRecord = TypeVar("SomeRecord", bound="Record")


@dataclass(frozen=True)
class Loading:
    """An observed variable of a latent: by how many of its standard deviations it moves when the latent moves by one
    of its own, all other latents held; with the standard error of that. Both without intervention."""

    variable: str
    value: float
    error: float

    def __str__(self) -> str:
        sign = "−" if self.value < 0 else "+"
        return f"{self.variable} {sign}{abs(self.value):.2f} (± {self.error:.2f})"


def loadings_of(
    estimate: Estimate,
    samples: Mapping[str, np.ndarray | Rows],
    observational: str,
    observed: tuple[str, ...],
) -> dict[str, xr.DataArray]:
    """``loadings`` and ``loading_errors`` (variable, latent).

    The regression of every observed variable on all latents, within environments: each has means of its own, and
    all slopes in common. In standard deviations of the observational environment, in which latents have deviation 1.
    Standard errors are those of the regression, whatever the size of its residuals in each row (HC1), none where
    these are rounding; and, where the estimator tells what latents may hold of each other (``leftovers``), of that
    too: a loading l_j errs by the root of Σ_k l_k² s²_kj.
    """
    count, n = sum(len(x) for x in samples.values()), len(estimate.latents)
    within = _Within.known(estimate.encoder, samples) or _Within.of(estimate.encoder, samples)
    inverse = np.linalg.pinv(within.gram)
    slopes = inverse @ within.crossed
    left = within.squares - np.einsum("nv,nv->v", slopes, within.crossed)
    variances = np.zeros_like(slopes)
    if (left > EXACT * within.squares).any():
        squares = _squares(estimate.encoder, samples, inverse, slopes)
        variances = squares * (count / max(count - n - len(samples), 1))
    leftovers = estimate.diagnostics.get(LEFTOVERS)
    if leftovers is not None:
        names = list(estimate.latents)
        s = leftovers.sel(latent=names, other=names).transpose("latent", "other").values
        variances = variances + np.square(s).T @ np.square(slopes)
    here, spread = within.deviations[observational]
    unit = np.where(spread > 0, spread, 1.0)[:, None] / np.where(here > 0, here, 1.0)
    axes = Axes({"variable": labels(observed), "latent": labels(estimate.latents)})
    return {
        LOADINGS: axes.array(slopes.T / unit, "variable", "latent"),
        ERRORS: axes.array(np.sqrt(variances).T / unit, "variable", "latent"),
    }


@dataclass(frozen=True)
class _Within:
    """Sums over all rows of products of latents and variables, both less their means in each environment.

    gram        (latent, latent)
    crossed     (latent, variable)
    squares     (variable,) of each variable
    deviations  environment → standard deviations there, (latent,) and (variable,)
    """

    gram: np.ndarray
    crossed: np.ndarray
    squares: np.ndarray
    deviations: Mapping[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def known(cls, encoder: AnyEncoder, samples: Mapping[str, np.ndarray | Rows]) -> _Within | None:
        """From the moments of the variables; None where these do not tell them."""
        if not isinstance(encoder, LinearEncoder):
            return None
        grams, deviations, total = [], {}, np.zeros((encoder.shape[1],) * 2)
        for name, x in samples.items():
            scan = x.scan if isinstance(x, Rows | Table) else None
            gram = None if scan is None else encoder.scatter(scan)
            if scan is None or scan.scatter is None or gram is None:
                return None
            grams.append(gram)
            deviations[name] = np.sqrt(np.diagonal(gram) / scan.count), np.sqrt(scan.variances)
            total += scan.scatter
        return cls(np.sum(grams, 0), encoder.matrix @ total, np.diagonal(total), deviations)

    @classmethod
    def of(cls, encoder: AnyEncoder, samples: Mapping[str, np.ndarray | Rows]) -> _Within:
        """By a pass over all rows."""
        deviations, (n, size) = {}, encoder.shape
        gram, crossed, squares = np.zeros((n, n)), np.zeros((n, size)), np.zeros(size)
        for name, x in samples.items():
            z, ends = encoded(encoder, x), (column_means(x), np.asarray(x.std(axis=0)))
            centre = column_means(z)
            for inner, outer in side_by_side(z, x):
                latents, variables = inner - centre, outer - ends[0]
                gram += latents.T @ latents
                crossed += latents.T @ variables
                squares += np.einsum("sv,sv->v", variables, variables)
            deviations[name] = z.std(axis=0), ends[1]
        return cls(gram, crossed, squares, deviations)


def _squares(
    encoder: AnyEncoder, samples: Mapping[str, np.ndarray | Rows], inverse: np.ndarray, slopes: np.ndarray
) -> np.ndarray:
    """(latent, variable) sums of the squares of residuals times those of the weights of their rows."""
    squares = np.zeros_like(slopes)
    for x in samples.values():
        z, means = encoded(encoder, x), column_means(x)
        centre = column_means(z)
        for part, outer in side_by_side(z, x):
            inner = part - centre
            weights, left = inner @ inverse, inner @ slopes
            left += means
            np.subtract(outer, left, out=left)
            squares += np.square(weights, out=weights).T @ np.square(left, out=left)
    return squares


def explained(
    estimate: Estimate, problem: Problem, ready: Prepared
) -> tuple[Estimate, Problem | xr.DataTree]:
    """The estimate in terms of the variables, and their data: as they are, unless components stood in their place."""
    from crlspec.data import from_arrays

    if ready.components is None:
        return estimate, problem
    nodes = {name: ready.variables.children[name].to_dataset()["x"] for name in problem.samples}
    observed = tuple(str(name) for name in nodes[problem.observational]["observed"].values)
    arrays = {
        name: x.transpose("sample", "observed").sel(observed=list(observed)) for name, x in nodes.items()
    }
    source = from_arrays(
        {name: table_of(x) for name, x in arrays.items()}, observed, None, problem.observational
    )
    return lifted(estimate, ready.components, observed), source


def with_loadings(result: SomeRecord, source: Problem | xr.DataTree) -> SomeRecord:
    """The result with loadings of its variables on its latents; as it is where images are observed."""
    if result.estimate.code is not None:
        return result
    if isinstance(source, xr.DataTree):
        samples = {str(name): table_of(node.to_dataset()["x"]) for name, node in source.children.items()}
    else:
        samples = dict(source.samples)
    found = loadings_of(result.estimate, samples, result.observational, result.observed)
    diagnostics = {**result.estimate.diagnostics, **found}
    return replace(result, estimate=replace(result.estimate, diagnostics=diagnostics))


def strongest(diagnostics: Mapping[str, xr.DataArray], latent: str, most: int = MOST) -> tuple[Loading, ...]:
    """The variables of largest loading, the strongest first; none where loadings are not known."""
    if LOADINGS not in diagnostics:
        return ()
    values = diagnostics[LOADINGS].sel(latent=latent)
    errors = diagnostics[ERRORS].sel(latent=latent)
    order = np.argsort(-np.abs(values.values), kind="stable")[:most]
    names = values["variable"].values
    return tuple(Loading(str(names[k]), float(values.values[k]), float(errors.values[k])) for k in order)
