"""Small directed graphs as boolean adjacency matrices: ``adjacency[i, j]`` is the edge i → j. Pure numpy.

Every function takes and returns arrays of shape (node, node), dtype bool; none changes its argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "adjacency_of", "ancestors", "edges_of", "is_acyclic", "layers", "shd", "surrounding_parents",
    "topological_order", "transitive_closure", "transitive_reduction",
]  # fmt: skip

Adjacency = NDArray[np.bool_]


def adjacency_of(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> Adjacency:
    """The adjacency matrix of named edges; isolated nodes keep their empty row and column.

    Raises ValueError if an edge names a node that is not in ``nodes``.
    """
    index = {name: i for i, name in enumerate(nodes)}
    adjacency = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for source, target in edges:
        if source not in index or target not in index:
            raise ValueError(f"edge {source} -> {target} names a node that is not among {', '.join(nodes)}")
        adjacency[index[source], index[target]] = True
    return adjacency


def edges_of(adjacency: Adjacency, nodes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The named edges of an adjacency matrix, in row-major order."""
    return tuple((nodes[i], nodes[j]) for i, j in np.argwhere(adjacency))


def transitive_closure(adjacency: Adjacency) -> Adjacency:
    """i → j wherever a directed path of at least one edge leads from i to j (Warshall)."""
    closure = np.array(adjacency, dtype=bool)
    for k in range(len(closure)):
        closure |= np.outer(closure[:, k], closure[k])
    return closure


def transitive_reduction(adjacency: Adjacency) -> Adjacency:
    """The smallest acyclic graph with the same closure. Raises ValueError on a cycle."""
    topological_order(adjacency)
    closure = transitive_closure(adjacency)
    longer = (closure.astype(int) @ closure.astype(int)) > 0
    return np.asarray(closure & ~longer)


def ancestors(adjacency: Adjacency) -> Adjacency:
    """Row j marks the ancestors of j, j itself not included: the transpose of the closure."""
    return np.asarray(transitive_closure(adjacency).T)


def surrounding_parents(adjacency: Adjacency) -> Adjacency:
    """Row j marks the parents i of j whose children include all children of j.

    With soft interventions and sufficiently nonlinear mechanisms, a latent is recovered up to mixing with
    these (Varıcı et al., Score-based causal representation learning, JMLR 2025).
    """
    children = np.array(adjacency, dtype=bool)
    covers = ~np.any(children[None, :, :] & ~children[:, None, :], axis=2)  # [i, j]: ch(j) within ch(i)
    return np.asarray((children & covers).T)


def topological_order(adjacency: Adjacency) -> tuple[int, ...]:
    """Node indices, every edge pointing forward; smaller index first. Raises ValueError on a cycle."""
    remaining = list(range(len(adjacency)))
    order: list[int] = []
    while remaining:
        roots = [j for j in remaining if not adjacency[remaining, j].any()]
        if not roots:
            raise ValueError(f"the graph has a cycle among the nodes with indices {remaining}")
        order.append(roots[0])
        remaining.remove(roots[0])
    return tuple(order)


def is_acyclic(adjacency: Adjacency) -> bool:
    """Whether the graph has no directed cycle (a self-loop is one)."""
    return not bool(np.diagonal(transitive_closure(adjacency)).any())


def layers(adjacency: Adjacency) -> tuple[int, ...]:
    """Each node's layer: the longest directed path that ends in it. Raises ValueError on a cycle."""
    depth = [0] * len(adjacency)
    for j in topological_order(adjacency):
        for i in np.flatnonzero(adjacency[:, j]):
            depth[j] = max(depth[j], depth[i] + 1)
    return tuple(depth)


def shd(truth: Adjacency, estimate: Adjacency) -> int:
    """Structural Hamming distance: node pairs whose edges differ. A reversed edge counts once.

    Raises ValueError if the shapes differ.
    """
    truth, estimate = np.asarray(truth, dtype=bool), np.asarray(estimate, dtype=bool)
    if truth.shape != estimate.shape:
        raise ValueError(f"graphs of different sizes cannot be compared: {truth.shape} and {estimate.shape}")
    differs = truth != estimate
    return int(np.triu(differs | differs.T, 1).sum() + np.diagonal(differs).sum())
