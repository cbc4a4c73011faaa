"""What every estimator returns: plain frozen values of numpy and xarray, free of torch.

An :class:`Estimate` speaks of the environments and latents of the Problem that it was made from. It knows
nothing of a truth; ``crlspec.results`` turns it into a Result that can be saved, drawn and judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import xarray as xr

__all__ = ["Edge", "Estimate", "LinearEncoder", "Stage", "Status"]

StatusCode = Literal["ok", "undecided", "refuted"]
GraphKind = Literal["exact", "transitive closure", "not estimated"]


@dataclass(frozen=True)
class Edge:
    """A directed pair of latents, ``source`` → ``target``, with what the data say about it.

    ``strength`` is the magnitude of a standardised effect size (0 = none; a sign would be as arbitrary as those of
    the latents), ``p_value`` the probability, were there no edge, of data that speak at least as strongly for one;
    in [0, 1], or NaN where the method gives none.
    """

    source: str
    target: str
    strength: float
    p_value: float

    @property
    def pair(self) -> tuple[str, str]:
        """The edge as ``(source, target)``."""
        return (self.source, self.target)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same edge between the latents' other names."""
        return replace(self, source=names[self.source], target=names[self.target])


@dataclass(frozen=True)
class Status:
    """How far the data carried the estimation, in one plain sentence, with a remedy where there is one.

    ``ok``, ``undecided`` (too little evidence) or ``refuted`` (the data contradict an assumption).
    """

    code: StatusCode
    message: str
    remedy: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the estimation decided, and nothing contradicts its assumptions."""
        return self.code == "ok"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" Remedy: {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class LinearEncoder:
    """ẑ = (x − offset) · matrixᵀ: from observations to latents.

    ``matrix``: (latent, observed) float64; ``offset``: (observed,) float64, in the units of x.
    """

    matrix: np.ndarray
    offset: np.ndarray

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.offset.shape != self.matrix.shape[1:]:
            raise ValueError(
                "a linear encoder takes matrix (latent, observed) and offset (observed,), "
                f"got {self.matrix.shape} and {self.offset.shape}"
            )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Observations (sample, observed) to latents (sample, latent)."""
        return np.asarray((x - self.offset) @ self.matrix.T)


@dataclass(frozen=True)
class Stage:
    """One step of an estimation and where it left the answer: causal order, edges, encoder; wall seconds."""

    name: str
    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    encoder: LinearEncoder | None
    seconds: float
    note: str = ""

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same stage under the latents' other names."""
        return replace(
            self,
            order=tuple(names[latent] for latent in self.order),
            edges=tuple(edge.renamed(names) for edge in self.edges),
        )


@dataclass(frozen=True)
class Estimate:
    """An estimator's whole answer.

    latents        names, in the order of the encoder's rows and the mixing's columns
    environment_of the environment that showed each latent (single-node designs: the one that targets it); empty
                   where no environment shows a latent, which only a graph that is not estimated allows
    encoder        from observations to latents
    mixing         (observed, latent): the decoder Ĝ, in the units of x
    order          a causal order of the latents, roots first
    edges          the edges found; ``tested`` holds every pair that was tested, found or not
    graph          whether ``edges`` are the graph itself or only its transitive closure (ancestors); or that no
                   graph is estimated, so that no edges says nothing
    status         whether the data decided
    stages         what each step of the estimation changed, first to last
    diagnostics    labelled arrays; always ``spectrum`` (component,) of the pooled standardised covariance; where
                   scores were estimated ``score_differences`` (environment, latent), the mean squared score
                   difference of each recovered latent, ``score_points`` (sample, observed) and ``score_values``
                   (environment, sample, observed), the estimated d_x = s_obs − s_env at them; also
                   ``score_spectrum`` (environment, component), eigenvalues of E[d dᵀ] in white coordinates; and
                   ``training_<stage>``, ``training_<stage>_2`` … (network or environment, step), the losses of the
                   networks that were trained, where somebody recorded them
    seconds        wall seconds, with the keys ``scores`` and ``inference``
    """

    latents: tuple[str, ...]
    environment_of: Mapping[str, str]
    encoder: LinearEncoder
    mixing: np.ndarray
    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    tested: tuple[Edge, ...]
    graph: GraphKind
    status: Status
    stages: tuple[Stage, ...] = ()
    diagnostics: Mapping[str, xr.DataArray] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = set(self.latents)
        n, d = self.encoder.matrix.shape
        if len(names) != len(self.latents) or n != len(self.latents) or self.mixing.shape != (d, n):
            raise ValueError(
                f"an estimate of {len(self.latents)} latents does not fit an encoder "
                f"{self.encoder.matrix.shape} and a mixing {self.mixing.shape}"
            )
        shown = set(self.environment_of)
        if sorted(self.order) != sorted(self.latents) or (shown != names and (shown or self.edges)):
            raise ValueError("order and environment_of must name every latent once")
        strangers = {name for edge in (*self.edges, *self.tested) for name in edge.pair} - names
        if strangers:
            raise ValueError(f"edges name unknown latents {sorted(strangers)}")

    def renamed(self, latents: Mapping[str, str], environments: Mapping[str, str]) -> Self:
        """The same answer under other names (mappings old → new), diagnostics included."""
        return replace(
            self,
            latents=tuple(latents[name] for name in self.latents),
            environment_of={latents[z]: environments[e] for z, e in self.environment_of.items()},
            order=tuple(latents[name] for name in self.order),
            edges=tuple(edge.renamed(latents) for edge in self.edges),
            tested=tuple(edge.renamed(latents) for edge in self.tested),
            stages=tuple(stage.renamed(latents) for stage in self.stages),
            diagnostics={
                key: _relabel(_relabel(array, "latent", latents), "environment", environments)
                for key, array in self.diagnostics.items()
            },
        )


def _relabel(array: xr.DataArray, dim: str, names: Mapping[str, str]) -> xr.DataArray:
    if dim not in array.coords:
        return array
    renamed = np.array([names[str(name)] for name in array[dim].values], dtype=object)
    return array.assign_coords({dim: renamed})
