"""The graph and the encoder in turn: drop edges that nothing speaks for, fit what is left, until both stand still.

With every predecessor as an input the likelihood hardly tells leftover mixing from mechanisms; under the graph it
does, and under the right encoder the tests find the graph. So every round fits the graph of the last one, and that
graph less each of its edges, all as one batch, and tests each edge where it is missing. Encoders follow: fitting the
one mechanism that loses a cause, behind latents that stand, takes a third of the time, but leftover mixing then makes
edges that are not there. The last Newton step of a round sees all samples: where it sees a part of many, so it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from crlspec.inference.likelihood.edge_tests import absent_edge_tests
from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.noise_scale import heteroscedasticity
from crlspec.inference.order.knowledge import GivenEdges
from crlspec.inference.step import found_edges
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.sample import Sample
from crlspec.progress import Progress

__all__ = ["EdgeTests", "GraphSearch", "search_graph"]

ROUNDS = 5

STEPS, LONGER = 200, 2
"""Gradient steps of the last fit, and how many times twice as many may follow."""


@dataclass(frozen=True)
class EdgeTests:
    """All pairs of a causal order, ``[i, j]`` for j → i with j before i; elsewhere 0 and 1.

    shares    (position, position): share of the variance of the mechanism's score that j explains
    p_values  likewise, each under the graph that was tested without the edge
    """

    shares: np.ndarray
    p_values: np.ndarray


@dataclass(frozen=True)
class GraphSearch:
    """Where the rounds ended.

    first    tests with every other predecessor a parent
    last     tests under the graph found
    rounds   how many there were
    settled  whether the last one found the graph that it began with
    rows     (position, component): encoder rows of the likelihood under the graph found
    heteroscedasticity   see :func:`crlspec.inference.likelihood.noise_scale.heteroscedasticity`
    """

    first: EdgeTests
    last: EdgeTests
    rounds: int
    settled: bool
    rows: np.ndarray
    heteroscedasticity: float


def search_graph(
    model: FlexibleLikelihood,
    training: Sample,
    held_out: Sample,
    generator: torch.Generator,
    alpha: float | np.ndarray,
    progress: Progress,
    heteroscedastic: float = LinearThresholds.heteroscedastic_level,
    given: GivenEdges | None = None,
) -> GraphSearch:
    """A first round with every predecessor a parent, more until the graph settles, and a last fit of all under it.

    model            one candidate of nested coordinates, fitted
    alpha            level of the test of each pair, one or (position, position)
    heteroscedastic  level of the test whether noise has one size
    given            what is known of edges: it is in every graph, and tested like all pairs
    """
    n, everything = model.shape[1], training + held_out
    graph, settled = found_edges(np.zeros((n, n)), alpha, given), False
    found: list[EdgeTests] = []
    while not settled and len(found) < ROUNDS:
        found.append(_round(model, graph, training, held_out, everything, generator, progress))
        after = found_edges(found[-1].p_values, alpha, given)
        settled = bool((after == graph).all()) and len(found) > 1
        graph = after
    final = model.given(torch.as_tensor(graph, device=training.y.device)[None], generator)
    share = _fitted(final, everything, held_out, generator, progress, heteroscedastic)
    rows = final.rows()[0].detach().double().cpu().numpy()
    return GraphSearch(found[0], found[-1], len(found), settled, rows, share)


def _fitted(
    final: FlexibleLikelihood,
    everything: Sample,
    held_out: Sample,
    generator: torch.Generator,
    progress: Progress,
    level: float,
) -> float:
    """Fit the model under the graph found; what :func:`heteroscedasticity` says of it.

    What little of other latents an unfinished fit leaves in a latent shows as noise of varying size as well. So where
    the test rejects, training goes on, up to ``LONGER`` times, and the test is made anew.
    """
    share = 0.0
    for steps in (STEPS, *[2 * STEPS] * LONGER):
        train(
            final,
            everything,
            held_out,
            generator,
            progress,
            steps=steps,
            rate=2e-3,
            warm_up=0,
            stage="encoder",
        )
        share = heteroscedasticity(final, everything, level)
        if not share:
            break
    return share


def _round(
    model: FlexibleLikelihood,
    graph: np.ndarray,
    training: Sample,
    held_out: Sample,
    everything: Sample,
    generator: torch.Generator,
    progress: Progress,
) -> EdgeTests:
    """Each edge tested under the graph without it, the others under the graph."""
    pairs = [(int(i), int(j)) for i, j in np.argwhere(np.tri(len(graph), k=-1))]
    tests = EdgeTests(np.zeros(graph.shape), np.ones(graph.shape))
    if not pairs:
        return tests
    graphs, tested = [], []
    if not all(graph[pair] for pair in pairs):
        graphs.append(graph)
    for i, j in pairs:
        if graph[i, j]:
            graphs.append(graph.copy())
            graphs[-1][i, j] = False
        tested.append((len(graphs) - 1 if graph[i, j] else 0, i, j))
    fitted = model.given(torch.as_tensor(np.stack(graphs), device=training.y.device), generator)
    train(
        fitted, training, held_out, generator, progress,
        steps=100, rate=2e-3, warm_up=0, stage="graph", polish=1,
    )  # fmt: skip
    where = tuple(np.array(pairs).T)
    tests.shares[where], tests.p_values[where] = absent_edge_tests(fitted, everything, tested)
    return tests
