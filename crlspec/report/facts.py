"""What the report tells, computed: the truth in the result's terms, edges judged, what each stage changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from crlspec.inference.estimate import Stage
from crlspec.numerics.graphs import adjacency_of, edges_of, shd, transitive_closure, transitive_reduction
from crlspec.results import metrics
from crlspec.results.encoder import Encoder
from crlspec.results.evaluate import EVALUATION
from crlspec.results.stored_code import variable_of

if TYPE_CHECKING:
    from crlspec.results.evaluate import Truth
    from crlspec.results.record import Record

__all__ = [
    "Pair", "StageFact", "TruthFacts", "alpha_of", "direct", "doubtful", "judged", "open_edges", "stage_facts",
    "truth_facts",
]  # fmt: skip

Pair = tuple[str, str]
POINTS = 400
SAMPLES = 4000
PICTURED = 500
"""Fresh samples of an environment whose observations are images."""


@dataclass(frozen=True)
class TruthFacts:
    """A known truth under the names of the recovered latents.

    evaluation  metrics of the result
    true_name   recovered latent → the true latent it stands for
    edges       true edges between recovered latents
    closure     the same for the transitive closure
    x, z        fresh samples, environments pooled: DataArray (sample, observed), (sample, recovered latent)
    own         (sample, latent): whether a sample is from the latent's own environment
    targets     environment → the recovered latents that it intervenes on
    """

    evaluation: xr.Dataset
    true_name: Mapping[str, str]
    edges: tuple[Pair, ...]
    closure: tuple[Pair, ...]
    x: xr.DataArray
    z: xr.DataArray
    own: np.ndarray
    targets: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class StageFact:
    """A stage beside the one before it and beside the end.

    agreement  mean |correlation| of its latents with the final ones; None without an encoder or a decoder
    mcc, shd   against the truth; None where that is unknown, or no graph is estimated
    """

    stage: Stage
    added: tuple[Pair, ...]
    dropped: tuple[Pair, ...]
    agreement: float | None
    mcc: float | None
    shd: int | None


def truth_facts(result: Record, model: Truth, evaluation: xr.Dataset | None = None) -> TruthFacts:
    """The truth in the result's terms, on samples that the run did not see; metrics are those of ``run``.

    evaluation  these metrics, where they are at hand

    Raises DataError where model and result do not belong together.
    """
    code = result.estimate.code
    samples = SAMPLES if code is None else PICTURED
    seed = int((result.provenance.get("seeds") or {}).get("solve") or 0) + EVALUATION
    evaluation = result.evaluate(model, seed=seed) if evaluation is None else evaluation
    recovered = [str(name) for name in evaluation["recovered"].values]
    found = dict(zip((str(name) for name in evaluation["latent"].values), recovered, strict=True))
    truth = adjacency_of(model.latents, model.edges)

    def named(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
        return tuple((found[a], found[b]) for a, b in pairs if a in found and b in found)

    tree = model.sample(samples, seed=seed)
    nodes = {name: tree.children[name].to_dataset() for name in model.environments}
    z = xr.concat([node["z"] for node in nodes.values()], "sample", join="exact").sel(latent=list(found))
    sizes = [node.sizes["sample"] for node in nodes.values()]
    environment = np.repeat(np.array(list(nodes), dtype=object), sizes)
    own = np.stack([environment == result.environment_of.get(name) for name in recovered], axis=1)
    return TruthFacts(
        evaluation=evaluation,
        true_name={name: true for true, name in found.items()},
        edges=named(edges_of(truth, model.latents)),
        closure=named(edges_of(transitive_closure(truth), model.latents)),
        x=xr.concat([variable_of(node, code) for node in nodes.values()], "sample", join="exact"),
        z=z.assign_coords(latent=np.array(recovered, dtype=object)),
        own=own,
        targets={
            name: tuple(found[z] for z in environment.targets if z in found)
            for name, environment in model.environments.items()
        },
    )


def judged(result: Record, truth: TruthFacts | None) -> dict[Pair, str]:
    """Each found edge as ``plain`` (no truth), ``true``, ``reversed`` or ``extra``."""
    found = [edge.pair for edge in result.edges]
    if truth is None:
        return dict.fromkeys(found, "plain")
    promised = set(truth.edges if result.graph == "exact" else truth.closure)

    def kind(pair: Pair) -> str:
        if pair in promised:
            return "true"
        return "reversed" if (pair[1], pair[0]) in promised else "extra"

    return {pair: kind(pair) for pair in found}


def alpha_of(result: Record) -> float | None:
    """The level of the tests of edges; None where it is not told."""
    alpha = result.provenance.get("alpha")
    return None if alpha is None else float(alpha)


def doubtful(result: Record) -> tuple[Pair, ...]:
    """Tested pairs that were not found, or found, with a p-value within a factor of ten of alpha."""
    alpha = alpha_of(result)
    if alpha is None:
        return ()
    return tuple(edge.pair for edge in result.tested if alpha / 10 <= edge.p_value < 10 * alpha)


def open_edges(result: Record) -> dict[Pair, float]:
    """Pairs that were not seen and may be edges, with the strength up to which they could be there."""
    return {
        edge.pair: edge.detectable
        for edge in result.absent_edges
        if edge.detectable is not None and not edge.claimed
    }


def direct(result: Record) -> set[Pair]:
    """The found pairs that are edges of every graph that fits: all of an exact graph; of a transitive closure those
    with no latent between them, which no path through others can stand for."""
    found = {edge.pair for edge in result.edges}
    if result.graph == "exact":
        return found
    return found & set(edges_of(transitive_reduction(adjacency_of(result.names, found)), result.names))


def stage_facts(result: Record, truth: TruthFacts | None) -> list[StageFact]:
    """What each stage changed, in their order."""
    facts: list[StageFact] = []
    before: set[Pair] = set()
    for stage in result.stages:
        edges = {edge.pair for edge in stage.edges}
        facts.append(
            StageFact(
                stage,
                added=tuple(sorted(edges - before)),
                dropped=tuple(sorted(before - edges)),
                agreement=_agreement(result, stage),
                mcc=None if truth is None else _stage_mcc(result, stage, truth),
                shd=None
                if truth is None or result.graph == "not estimated"
                else _stage_shd(result, edges, truth),
            )
        )
        before = edges
    return facts


def _agreement(result: Record, stage: Stage) -> float | None:
    if stage.encoder is None:
        return None
    obs = result.latents.children[result.observational].to_dataset()["z_hat"]
    z = obs.transpose("sample", "latent").values
    x = result.estimate.decoded(z)
    if x is None:
        return None
    passed = stage.encoder(x)
    return float(np.diagonal(metrics.absolute_correlations(z, passed)).mean())


def _stage_mcc(result: Record, stage: Stage, truth: TruthFacts) -> float | None:
    if stage.encoder is None:
        return None
    z = Encoder(stage.encoder, result.observed, result.names)(truth.x).sel(latent=truth.z["latent"])
    z_hat = z.transpose("sample", "latent").values
    z_true = truth.z.transpose("sample", "latent").values
    return float(np.diagonal(metrics.absolute_correlations(z_true, z_hat)).mean())


def _stage_shd(result: Record, edges: set[Pair], truth: TruthFacts) -> int:
    promised = truth.edges if result.graph == "exact" else truth.closure
    return shd(adjacency_of(result.names, promised), adjacency_of(result.names, edges))
