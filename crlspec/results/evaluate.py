"""A result against the model that made its data: labelled metrics on fresh samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr

from crlspec.errors import DataError
from crlspec.inference.estimate import Estimate
from crlspec.numerics.graphs import (
    Adjacency,
    adjacency_of,
    ancestors,
    shd,
    surrounding_parents,
    transitive_closure,
)
from crlspec.results import metrics
from crlspec.results.encoder import Encoder, labels
from crlspec.results.texts import METRICS

__all__ = ["EVALUATION", "Truth", "evaluate", "exact_differences", "pooled_truth"]

EVALUATION = 1_000_003
"""Added to the seed of a run for the fresh samples it is judged on."""


class Truth(Protocol):
    """What is asked of a model: a compiled ``crlspec.generative.model.Model`` has it all."""

    @property
    def latents(self) -> tuple[str, ...]:
        """Names of the true latents, in the order of z."""

    @property
    def observed(self) -> tuple[str, ...]:
        """Names of the observed variables."""

    @property
    def observational(self) -> str:
        """Name of the environment without intervention."""

    @property
    def environments(self) -> Mapping[str, Any]:
        """Environments by name; each knows its ``targets``."""

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """The true edges, (cause, effect)."""

    @property
    def mixing(self) -> Any:
        """The true mixing."""

    def sample(self, n: Any = None, seed: int = 0) -> xr.DataTree:
        """Fresh samples: a child per environment with x (sample, observed) and z (sample, latent)."""

    def score(self, z: Any, environment: str | None = None) -> Any:
        """∇ log p of an environment at z: (sample, latent)."""


@runtime_checkable
class InParts(Protocol):
    """A truth that samples some rows at a time: a compiled model does."""

    def parts(self, n: Any = None, seed: int = 0, rows: int | None = None) -> Iterator[Any]:
        """Parts with x (sample, observed) and z (sample, latent), environments in the order of the model."""


@dataclass(frozen=True)
class _Matched:
    """True latents that a recovered one stands for, in the model's order, and where each is found."""

    latents: tuple[str, ...]
    recovered: tuple[str, ...]
    rows: np.ndarray
    columns: np.ndarray


def evaluate(
    estimate: Estimate, observed: tuple[str, ...], model: Truth, samples: int | None = None, seed: int = 0
) -> xr.Dataset:
    """Metrics of an estimate on ``samples`` fresh samples of each of the model's environments, pooled.

    Where no number is given: 10,000, of images 1,000.

    A recovered latent is matched to the true latent that its environment targets; where an environment does not
    single one out, by the best assignment of signatures and then correlations. See ``Result.evaluate`` for the
    metrics. Raises DataError where the model's variables or environments are not those of the result.
    """
    _fits(estimate, observed, model)
    samples = samples or (10_000 if estimate.code is None else 1000)
    z, z_hat = pooled_truth(estimate, observed, model, samples, seed)
    correlations, ranks = metrics.absolute_correlations(z, z_hat), metrics.rank_correlations(z, z_hat)
    matched = _match(estimate, model, correlations)
    diagonal = correlations[matched.rows, matched.columns]
    rank_diagonal = ranks[matched.rows, matched.columns]
    allowed = _allowed(estimate, model, matched)
    r2 = metrics.explained_variance(z[:, matched.rows], z_hat[:, matched.columns], allowed)
    mixing, mixing_by_latent = _mixing_errors(estimate, model, matched, allowed)
    score, score_by_environment, score_mse = _score_errors(estimate, model)
    scalars = {
        "mcc": diagonal.mean(),
        "mcc_spearman": rank_diagonal.mean(),
        "r2": r2.mean(),
        **_graph_metrics(estimate, model, matched),
        "mixing_error": mixing,
        "score_error": score,
    }
    return xr.Dataset(
        {
            **{name: float(scalars[name]) for name in METRICS},
            **_signature_metrics(estimate, model, matched),
            "correlation": ("latent", diagonal),
            "rank_correlation": ("latent", rank_diagonal),
            "explained_variance": ("latent", r2),
            "mixing_error_by_latent": ("latent", mixing_by_latent),
            "score_error_by_environment": ("environment", list(score_by_environment.values())),
            "score_mse_by_environment": ("environment", list(score_mse.values())),
        },
        coords={
            "latent": labels(matched.latents),
            "recovered": ("latent", labels(matched.recovered)),
            "environment": labels(tuple(score_by_environment)),
        },
        attrs={"samples": samples, "seed": seed, "truth": json.dumps(_graph_facts(model))},
    )


def pooled_truth(
    estimate: Estimate, observed: tuple[str, ...], model: Truth, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """True and recovered latents of fresh samples, environments pooled: two arrays (sample, latent)."""
    encoder = Encoder(estimate.encoder, observed, estimate.latents, estimate.code)
    if estimate.code is None and isinstance(model, InParts):
        pairs = [(part.z, _encoded(encoder, part.x, model)) for part in model.parts(samples, seed)]
        return np.concatenate([z for z, _ in pairs]), np.concatenate([z_hat for _, z_hat in pairs])
    tree = model.sample(samples, seed=seed)
    nodes = [tree[name].to_dataset() for name in model.environments]
    z = np.concatenate([node["z"].sel(latent=list(model.latents)).values for node in nodes])
    return z, np.concatenate([encoder(node)["z_hat"].values for node in nodes])


def _encoded(encoder: Encoder, x: np.ndarray, model: Truth) -> np.ndarray:
    """Latents of x, whose columns are the variables of the model."""
    return encoder(xr.DataArray(x, {"observed": labels(model.observed)}, ("sample", "observed"))).values


def exact_differences(model: Truth, environment: str, x: np.ndarray) -> np.ndarray | None:
    """The true d_x = s_obs − s_env at x (sample, observed), the part in the tangent space of the mixing's
    image.

    d_x = pinv(J)ᵀ d_z with J the Jacobian of the mixing at z = g⁻¹(x). None where the mixing has no inverse.
    """
    import torch

    matrix = None if getattr(model.mixing, "has_inverse", False) else getattr(model.mixing, "matrix", None)
    points = torch.tensor(np.asarray(x)).to(
        dtype=getattr(model, "dtype", torch.float64), device=getattr(model, "device", "cpu")
    )
    if matrix is not None:
        back = torch.linalg.pinv(torch.as_tensor(matrix).to(points))
        z = points @ back.T
        d_z = model.score(z, environment=model.observational) - model.score(z, environment=environment)
        return np.asarray((d_z @ back).detach().cpu().numpy(), dtype=float)
    if not getattr(model.mixing, "has_inverse", False):
        return None
    z = model.mixing.inverse(points)
    d_z = model.score(z, environment=model.observational) - model.score(z, environment=environment)
    back = _pseudo_inverse(model.mixing.jacobian(z))
    return np.asarray(torch.einsum("slo,sl->so", back, d_z).detach().cpu().numpy(), dtype=float)


def _pseudo_inverse(jacobian: Any) -> Any:
    """Of Jacobians (sample, observed, latent); computed once where all are the same, as of a linear mixing."""
    import torch

    if len(jacobian) and bool((jacobian == jacobian[:1]).all()):
        return torch.linalg.pinv(jacobian[:1]).expand(len(jacobian), -1, -1)
    return torch.linalg.pinv(jacobian)


def _fits(estimate: Estimate, observed: tuple[str, ...], model: Truth) -> None:
    unknown = sorted(set(estimate.environment_of.values()) - set(model.environments))
    if unknown:
        raise DataError(
            f"the result has environments that the model does not know: {', '.join(unknown)}",
            remedy="Compile the model from the spec and seed that the result's provenance names.",
        )
    if estimate.code is None and set(observed) != set(model.observed):
        raise DataError(
            f"the result's {len(observed)} observed variables are not the model's {len(model.observed)}",
            remedy="Compile the model from the spec and seed that the result's provenance names.",
        )


def _match(estimate: Estimate, model: Truth, correlations: np.ndarray) -> _Matched:
    targets = {
        name: tuple(model.environments[environment].targets)
        for name, environment in estimate.environment_of.items()
    }
    singles = [target[0] for target in targets.values() if len(target) == 1]
    if len(set(singles)) == len(estimate.latents):
        found = {targets[name][0]: i for i, name in enumerate(estimate.latents)}
        columns = np.array([found.get(name, -1) for name in model.latents])
    else:
        columns = metrics.best_matching(_likeness(estimate, model, correlations))
    rows = np.flatnonzero(columns >= 0)
    return _Matched(
        latents=tuple(model.latents[i] for i in rows),
        recovered=tuple(estimate.latents[columns[i]] for i in rows),
        rows=rows,
        columns=columns[rows],
    )


def _signatures(estimate: Estimate, model: Truth) -> tuple[np.ndarray, np.ndarray] | None:
    """True and recovered signature, (latent, environment) bool; None for an estimate that has none."""
    if "signature" not in estimate.diagnostics:
        return None
    array = estimate.diagnostics["signature"].sel(latent=list(estimate.latents))
    names = [str(name) for name in array["environment"].values]
    truth = np.array([[z in model.environments[name].targets for name in names] for z in model.latents])
    return truth, array.transpose("latent", "environment").values.astype(bool)


def _likeness(estimate: Estimate, model: Truth, correlations: np.ndarray) -> np.ndarray:
    """(latent, recovered): how many entries of their signatures agree, ties settled by correlations."""
    signatures = _signatures(estimate, model)
    if signatures is None:
        return correlations
    truth, found = signatures
    return np.asarray((truth[:, None] == found[None]).sum(-1) + 0.5 * correlations / len(correlations))


def _signature_metrics(estimate: Estimate, model: Truth, matched: _Matched) -> dict[str, float]:
    signatures = _signatures(estimate, model)
    if signatures is None:
        return {}
    truth, found = signatures[0][matched.rows], signatures[1][matched.columns]
    return {
        "signature_accuracy": float((truth == found).mean()),
        "signature_exact": float((truth == found).all()),
    }


def _allowed(estimate: Estimate, model: Truth, matched: _Matched) -> Adjacency:
    """[i, j]: ẑ_i may contain z_j. Hard: itself alone. Soft: its ancestors too; only its surrounding parents
    where the graph itself was identified (sufficiently nonlinear mechanisms)."""
    graph = adjacency_of(model.latents, model.edges)
    wide = surrounding_parents(graph) if estimate.graph == "exact" else ancestors(graph)
    allowed = np.eye(len(model.latents), dtype=bool)
    for name, recovered in zip(matched.latents, matched.recovered, strict=True):
        shown_in = estimate.environment_of.get(recovered)
        if shown_in is not None and model.environments[shown_in].kind == "soft":
            i = model.latents.index(name)
            allowed[i] |= wide[i]
    return allowed[np.ix_(matched.rows, matched.rows)]


def _graph_metrics(estimate: Estimate, model: Truth, matched: _Matched) -> dict[str, float]:
    if estimate.graph == "not estimated":
        return dict.fromkeys(("shd", "shd_closure", "edge_precision", "edge_recall"), float("nan"))
    truth = adjacency_of(model.latents, model.edges)
    names = dict(zip(matched.recovered, matched.latents, strict=True))
    pairs = [edge.pair for edge in estimate.edges if edge.source in names and edge.target in names]
    found = adjacency_of(model.latents, [(names[a], names[b]) for a, b in pairs])
    closure = transitive_closure(truth)
    promised = truth if estimate.graph == "exact" else closure
    precision, recall = metrics.edge_precision_recall(promised, found)
    return {
        "shd": shd(truth, found),
        "shd_closure": shd(closure, transitive_closure(found)),
        "edge_precision": precision,
        "edge_recall": recall,
    }


def _mixing_errors(
    estimate: Estimate, model: Truth, matched: _Matched, allowed: Adjacency
) -> tuple[float, np.ndarray]:
    matrix = getattr(model.mixing, "matrix", None)
    if matrix is None or estimate.mixing is None:
        return float("nan"), np.full(len(matched.latents), np.nan)
    truth = np.asarray(matrix.detach().cpu() if hasattr(matrix, "detach") else matrix, dtype=float)
    return metrics.mixing_error(truth[:, matched.rows], estimate.mixing[:, matched.columns], allowed)


def _score_errors(estimate: Estimate, model: Truth) -> tuple[float, dict[str, float], dict[str, float]]:
    """Relative error of the score differences, in all and by environment, and by environment the mean
    squared error of an entry of d_x."""
    if not {"score_points", "score_values"} <= set(estimate.diagnostics):
        return float("nan"), {}, {}
    points = estimate.diagnostics["score_points"].transpose("sample", "observed").values
    values = estimate.diagnostics["score_values"].transpose("environment", "sample", "observed")
    names = [str(name) for name in values["environment"].values]
    exact = {name: exact_differences(model, name, points) for name in names if name in model.environments}
    known = {name: value for name, value in exact.items() if value is not None}
    if not known:
        return float("nan"), {}, {}
    estimated = {name: values.sel(environment=name).values for name in known}
    errors = {name: metrics.relative_error(known[name], estimated[name]) for name in known}
    mse = {name: float(np.mean((known[name] - estimated[name]) ** 2)) for name in known}
    both = np.stack(list(known.values())), np.stack([estimated[name] for name in known])
    return metrics.relative_error(*both), errors, mse


def _graph_facts(model: Truth) -> dict[str, Any]:
    return {"nodes": list(model.latents), "edges": [list(edge) for edge in model.edges]}
