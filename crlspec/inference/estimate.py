"""What every estimator returns: plain frozen values of numpy and xarray, free of torch.

An :class:`Estimate` speaks of the environments and latents of the Problem that it was made from. It knows
nothing of a truth; ``crlspec.results`` turns it into a Result that can be saved, drawn and judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import xarray as xr

from crlspec.inference.check import Check
from crlspec.maps.codes import Eyes
from crlspec.maps.convolutional_code import AnyCode
from crlspec.maps.maps import AnyEncoder, LinearEncoder, NetworkDecoder, NetworkEncoder
from crlspec.numerics.axes import Axes

__all__ = [
    "AbsentEdge", "Edge", "Estimate", "LinearEncoder", "NetworkDecoder", "NetworkEncoder", "Stage", "Status",
]  # fmt: skip

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
class AbsentEdge:
    """A pair of latents that was tested, ``source`` → ``target``, and not found to be an edge.

    ``detectable`` is the smallest strength, in the unit of :class:`Edge`, at which an edge would have been seen with
    power .8 at the level of the tests; None where no power is known. Of a transitive closure it is the smallest
    change of the effect by an intervention on ``target``, in standard deviations, since only changes are seen there.
    ``claimed`` says whether the edge is claimed absent, above that strength; otherwise it was not seen, and may be
    there.
    """

    source: str
    target: str
    detectable: float | None = None
    claimed: bool = False

    def __post_init__(self) -> None:
        if self.detectable is not None and not math.isfinite(self.detectable):
            raise ValueError(f"{self.source} → {self.target}: {self.detectable} is no strength")
        if self.claimed and self.detectable is None:
            raise ValueError(f"{self.source} → {self.target} is claimed absent without a power")

    @property
    def pair(self) -> tuple[str, str]:
        """The pair as ``(source, target)``."""
        return (self.source, self.target)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same pair under the latents' other names."""
        return replace(self, source=names[self.source], target=names[self.target])


@dataclass(frozen=True)
class Status:
    """How far the data carried the estimation, in plain sentences, with a remedy where there is one.

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
class Stage:
    """One step of an estimation and where it left the answer: causal order, edges, encoder; wall seconds."""

    name: str
    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    encoder: AnyEncoder | None
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

    latents        names, in the order of the encoder's outputs and the mixing's columns
    environment_of the environment that showed each latent (single-node designs: the one that targets it); empty
                   where no environment shows a latent, which only a graph that is not estimated allows
    encoder        from observations to latents, linear or a network
    mixing         (observed, latent): the decoder Ĝ of a linear encoder, in the units of x; None beside a network
    decoder        from latents to observations, beside a network; None where the estimator gives none
    order          a causal order of the latents, roots first
    edges          the edges found; ``tested`` holds every pair that was tested, found or not
    absent         of pairs that were tested and not found, what strength would have been seen; a pair that is left
                   out has no power calculation: see :attr:`absent_edges`
    graph          whether ``edges`` are the graph itself or only its transitive closure (ancestors); or that no
                   graph is estimated, so that no edges says nothing
    status         whether the data decided: what follows from ``checks``
    checks         every claim and assumption that was held against the data, with what was measured
    code           where images are observed: from them to the first columns, as many as it has names; encoder and
                   decoder speak of columns
    eyes           as an estimator gives them: what is seen of images beyond the code that it was given. Encoder and
                   decoder speak of this too, as columns after those of the code, which takes it over
    stages         what each step of the estimation changed, first to last
    diagnostics    labelled arrays; always ``spectrum`` (component,) of the pooled standardised covariance; where
                   scores were estimated ``score_differences`` (environment, latent), the mean squared score
                   difference of each recovered latent, ``score_points`` (sample, observed) and ``score_values``
                   (environment, sample, observed), the estimated d_x = s_obs − s_env at them; also
                   ``score_spectrum`` (environment, component), eigenvalues of E[d dᵀ] in white coordinates; and
                   ``training_<stage>``, ``training_<stage>_2`` … (network or environment, step), the losses of the
                   networks that were trained, where somebody recorded them; ``leftovers`` (latent, other), standard
                   errors of what a latent holds of another in observational standard deviations, and
                   ``strength_errors`` (latent, other) of the edge other → latent, where they are known. Of images
                   ``example_images`` (sample, channel, row, column), observational ones, and ``contact_sheet``
                   (environment, example, channel, row, column)
    seconds        wall seconds, with the keys ``scores`` and ``inference``
    """

    latents: tuple[str, ...]
    environment_of: Mapping[str, str]
    encoder: AnyEncoder
    mixing: np.ndarray | None
    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    tested: tuple[Edge, ...]
    graph: GraphKind
    status: Status
    stages: tuple[Stage, ...] = ()
    diagnostics: Mapping[str, xr.DataArray] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    decoder: NetworkDecoder | None = None
    checks: tuple[Check, ...] = ()
    absent: tuple[AbsentEdge, ...] = ()
    code: AnyCode | None = None
    eyes: Eyes | None = None

    def __post_init__(self) -> None:
        names = set(self.latents)
        n, d = self.encoder.shape
        if len(names) != len(self.latents) or n != len(self.latents):
            raise ValueError(f"an estimate of {len(self.latents)} latents does not fit an encoder {(n, d)}")
        linear = isinstance(self.encoder, LinearEncoder)
        if linear != (self.mixing is not None) or (linear and self.decoder is not None):
            raise ValueError("a linear encoder comes with a mixing, a network with a decoder or none")
        if self.mixing is not None and self.mixing.shape != (d, n):
            raise ValueError(f"a mixing {self.mixing.shape} does not fit an encoder {(n, d)}")
        if self.decoder is not None and self.decoder.shape != (n, d):
            raise ValueError(f"a decoder {self.decoder.shape} does not fit an encoder {(n, d)}")
        shown = set(self.environment_of)
        if sorted(self.order) != sorted(self.latents) or (shown != names and (shown or self.edges)):
            raise ValueError("order and environment_of must name every latent once")
        strangers = {name for edge in (*self.edges, *self.tested) for name in edge.pair} - names
        if strangers:
            raise ValueError(f"edges name unknown latents {sorted(strangers)}")
        untested = {edge.pair for edge in self.absent} - {edge.pair for edge in self._not_found}
        if untested:
            raise ValueError(f"absent edges {sorted(untested)} were not tested, or were found")

    @property
    def absent_edges(self) -> tuple[AbsentEdge, ...]:
        """Every pair that was tested and not found, in the order of ``tested``."""
        known = {edge.pair: edge for edge in self.absent}
        return tuple(known.get(edge.pair, AbsentEdge(*edge.pair)) for edge in self._not_found)

    @property
    def _not_found(self) -> tuple[Edge, ...]:
        found = {edge.pair for edge in self.edges}
        return tuple(edge for edge in self.tested if edge.pair not in found)

    def decoded(self, z: np.ndarray) -> np.ndarray | None:
        """Observations (sample, observed) of latents (sample, latent); None where the estimator gives no decoder."""
        if isinstance(self.encoder, LinearEncoder):
            assert self.mixing is not None
            return np.asarray(z @ self.mixing.T + self.encoder.offset)
        return None if self.decoder is None else self.decoder(z)

    def renamed(self, latents: Mapping[str, str], environments: Mapping[str, str]) -> Self:
        """The same answer under other names (mappings old → new), diagnostics included."""
        relabelled = _relabelling({"latent": latents, "other": latents, "environment": environments})
        return replace(
            self,
            latents=tuple(latents[name] for name in self.latents),
            environment_of={latents[z]: environments[e] for z, e in self.environment_of.items()},
            order=tuple(latents[name] for name in self.order),
            edges=tuple(edge.renamed(latents) for edge in self.edges),
            tested=tuple(edge.renamed(latents) for edge in self.tested),
            absent=tuple(edge.renamed(latents) for edge in self.absent),
            stages=tuple(stage.renamed(latents) for stage in self.stages),
            checks=tuple(check.renamed({**environments, **latents}) for check in self.checks),
            diagnostics={key: relabelled(array) for key, array in self.diagnostics.items()},
        )


def _relabelling(names: Mapping[str, Mapping[str, str]]) -> Callable[[xr.DataArray], xr.DataArray]:
    """What gives an array other labels along the dimensions that ``names`` has, old → new."""
    made: dict[tuple[str, ...], Axes] = {}

    def relabelled(array: xr.DataArray) -> xr.DataArray:
        given = {dim: array.indexes[dim].tolist() for dim in names if dim in array.indexes}
        if not given:
            return array
        key = tuple(name for dim, labels in given.items() for name in (dim, *labels))
        if key not in made:
            new = {dim: [names[dim][str(name)] for name in labels] for dim, labels in given.items()}
            made[key] = Axes({dim: np.array(labels, dtype=object) for dim, labels in new.items()})
        return made[key].instead(array)

    return relabelled
