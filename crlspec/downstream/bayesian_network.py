"""The recovered latents as a linear-Gaussian Bayesian network, and what an intervention makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from crlspec.downstream.design import design_of
from crlspec.downstream.pgmpy_graph import QuestionError, causal_graph, names_of
from crlspec.errors import EstimationError

if TYPE_CHECKING:
    from pgmpy.models import LinearGaussianBayesianNetwork

    from crlspec.results.record import Record

__all__ = ["Do", "bayesian_network", "do_values", "intervened", "refuse_mixed", "targets_of", "untouched"]

Do = Mapping[str, "float | tuple[float, float]"]
"""Latent → the value it is set to; or (mean, standard deviation) of the normal distribution it is drawn from."""


def bayesian_network(result: Record) -> LinearGaussianBayesianNetwork:
    """A pgmpy network fitted on the recovered latents: each node by least squares on its parents.

    Every environment that leaves a node's mechanism alone takes part in its fit. Standard deviations are unbiased
    (pgmpy's own choice). Units are those of the result: standard deviations of the observational environment.
    Nonlinear mechanisms are fitted by their best line. Raises EstimationError where no graph was estimated, or a
    node has fewer samples than coefficients.
    """
    from pgmpy.factors.continuous import LinearGaussianCPD
    from pgmpy.models import LinearGaussianBayesianNetwork

    dag = causal_graph(result)
    network = LinearGaussianBayesianNetwork()
    network.add_nodes_from(dag.nodes)
    network.add_edges_from(dag.edges)
    for name in result.names:
        parents = sorted(dag.predecessors(name), key=result.names.index)
        z = untouched(result, name)
        columns = [result.names.index(parent) for parent in parents]
        design = np.column_stack([np.ones(len(z)), z[:, columns]])
        free = len(z) - design.shape[1]
        if free < 1:
            raise EstimationError(
                f"{len(z)} samples are too few to fit {name} on {len(parents)} parents.",
                remedy="Give more samples of environments that do not intervene on it.",
            )
        target = z[:, result.names.index(name)]
        beta = np.linalg.lstsq(design, target)[0]
        spread = float(np.sqrt(((target - design @ beta) ** 2).sum() / free))
        network.add_cpds(LinearGaussianCPD(name, beta.tolist(), spread, parents))
    return network


def intervened(network: LinearGaussianBayesianNetwork, do: Do) -> LinearGaussianBayesianNetwork:
    """A new network in which each latent in ``do`` is cut from its parents and set, or drawn anew.

    ``network.do`` of pgmpy 1.1 removes the edges and keeps the old parameters; here they are replaced.
    Raises QuestionError for a name that is no node, or a value that is none.
    """
    from pgmpy.factors.continuous import LinearGaussianCPD
    from pgmpy.models import LinearGaussianBayesianNetwork

    values = do_values(do, tuple(network.nodes))
    changed = LinearGaussianBayesianNetwork()
    changed.add_nodes_from(network.nodes)
    changed.add_edges_from((a, b) for a, b in network.edges if b not in values)
    for name in network.nodes:
        if name in values:
            mean, spread = values[name]
            changed.add_cpds(LinearGaussianCPD(name, [mean], spread, []))
        else:
            changed.add_cpds(network.get_cpds(name).copy())
    return changed


def refuse_mixed(result: Record) -> None:
    """Raises EstimationError where latents are recovered only up to mixing with others."""
    mixed = result.identified.get("latents") in ("ancestors", "surrounding-parents")
    if result.graph != "exact" or mixed:
        text = result.identified.get("latents_text") or "up to mixing with their ancestors"
        raise EstimationError(
            f"latents are recovered {text}: setting one sets none.",
            remedy="Hard interventions on every latent would separate them.",
        )


def do_values(do: Do, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Latent → (mean, standard deviation), checked; a plain value has deviation 0."""
    values = {}
    for name, given in do.items():
        if name not in names:
            raise QuestionError(
                f"do: there is no latent {name}; there are {', '.join(names)}.", remedy="Name one of these."
            )
        pair = given if isinstance(given, tuple) else (given, 0.0)
        try:
            mean, spread = (float(value) for value in pair)
        except (TypeError, ValueError):
            mean = spread = math.nan
        if not (math.isfinite(mean) and math.isfinite(spread) and spread >= 0):
            raise QuestionError(
                f"do: {name} cannot be set to {given!r}.",
                remedy="Give a number, or (mean, standard deviation) of a normal distribution.",
            )
        values[name] = (mean, spread)
    return values


def targets_of(result: Record) -> dict[str, frozenset[str]]:
    """Environment → latents intervened on, as recovered; one of which nothing tells counts as one on all of them."""
    design = design_of(result)
    known = {name: frozenset(targets or result.names) for name, targets in design.targets.items()}
    return {design.observational: frozenset(), **known}


def untouched(result: Record, name: str) -> np.ndarray:
    """(sample, latent) recovered latents, of all environments that do not intervene on ``name``, in their order."""
    (name,) = names_of(result, name)
    return np.concatenate(list(_samples(result, name)))


def _samples(result: Record, name: str) -> Iterator[np.ndarray]:
    targets = targets_of(result)
    for environment, node in result.latents.children.items():
        if name not in targets[str(environment)]:
            z = node.to_dataset()["z_hat"].sel(latent=list(result.names)).transpose("sample", "latent")
            yield np.asarray(z.values, dtype=float)
