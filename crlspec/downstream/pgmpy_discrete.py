"""The recovered latents cut into bins: a discrete Bayesian network, for questions that are not linear-Gaussian."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from crlspec.downstream.bayesian_network import Do, do_values, untouched
from crlspec.downstream.pgmpy_graph import QuestionError, causal_graph
from crlspec.errors import EstimationError

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork

    from crlspec.results.record import Record

__all__ = ["cuts", "discrete_network", "state_names"]


def discrete_network(result: Record, bins: int, do: Do | None = None) -> DiscreteBayesianNetwork:
    """A pgmpy network whose states are intervals between the observational quantiles of each latent.

    bins  how many states a latent has, from 2 to 20; they are named by their intervals
    do    as for the linear-Gaussian network: a value is the state that holds it, a normal distribution the
          probabilities that it gives the states

    Tables are counted over every environment that leaves the node's mechanism alone, one pseudo-count spread evenly
    over the states of each row, so that no row is empty. Within a bin values are taken as alike, so effects are
    coarse. Raises QuestionError for another number of bins, EstimationError where quantiles coincide.
    """
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    if isinstance(bins, bool) or not isinstance(bins, int) or not 2 <= bins <= 20:
        raise QuestionError(
            f"discretize={bins!r} is no number of bins.", remedy="Give a whole number from 2 to 20."
        )
    dag, edges = causal_graph(result), cuts(result, bins)
    states = {name: state_names(edges[name]) for name in result.names}
    values = do_values(do or {}, result.names)
    network = DiscreteBayesianNetwork()
    network.add_nodes_from(dag.nodes)
    network.add_edges_from((a, b) for a, b in dag.edges if b not in values)
    for name in result.names:
        parents = sorted(network.predecessors(name), key=result.names.index)
        if name in values:
            table = _shares(edges[name], *values[name])[:, None]
        else:
            z = untouched(result, name)
            codes = {
                one: np.searchsorted(edges[one], z[:, result.names.index(one)]) for one in (name, *parents)
            }
            table = _counted(codes[name], [codes[one] for one in parents], bins)
        network.add_cpds(
            TabularCPD(
                name,
                bins,
                table,
                evidence=parents or None,
                evidence_card=[bins] * len(parents) or None,
                state_names={one: states[one] for one in (name, *parents)},
            )
        )
    return network


def cuts(result: Record, bins: int) -> dict[str, np.ndarray]:
    """Latent → its inner quantiles (bins − 1,) in the observational environment."""
    z = result.latents[result.observational].to_dataset()["z_hat"]
    found = {name: np.quantile(z.sel(latent=name).values, np.arange(1, bins) / bins) for name in result.names}
    for name, edges in found.items():
        if (np.diff(edges) <= 0).any():
            raise EstimationError(
                f"{name} has too few different values for {bins} bins.", remedy="Ask for fewer bins."
            )
    return found


def state_names(edges: np.ndarray) -> list[str]:
    """Names of the intervals that inner edges part, e.g. ``(-inf, -0.430727]``."""
    whole = ["-inf", *(f"{edge:.6g}" for edge in edges), "inf"]
    return [f"({low}, {high}{')' if high == 'inf' else ']'}" for low, high in pairwise(whole)]


def _counted(codes: np.ndarray, parents: list[np.ndarray], bins: int) -> np.ndarray:
    """(state, parents' states) probabilities, the last parent varying fastest, as pgmpy orders them."""
    row = np.zeros(len(codes), dtype=int)
    for parent in parents:
        row = row * bins + parent
    counts = np.full((bins, bins ** len(parents)), 1 / bins)
    np.add.at(counts, (codes, row), 1)
    return np.asarray(counts / counts.sum(axis=0))


def _shares(edges: np.ndarray, mean: float, spread: float) -> np.ndarray:
    """The probabilities that a value, or a normal distribution, gives the intervals."""
    if spread == 0:
        return np.eye(len(edges) + 1)[np.searchsorted(edges, mean)]
    return np.diff(np.concatenate([[0.0], norm.cdf(edges, mean, spread), [1.0]]))
