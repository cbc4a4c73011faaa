"""Edges as a file writes them: ``[z1 -> z2, z2 -> z3]``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from crlspec.spec.slots import entries, fault, shown

__all__ = ["plain_edges", "read_edges"]

EXAMPLE = "write edges as [z1 -> z2, z2 -> z3]."


def read_edges(value: list[Any] | tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    """The (source, target) pairs of a list of edges; ``a -> b -> c`` is two. All faults are raised together."""
    seen: set[tuple[str, str]] = set()

    def edges(entry: Any) -> tuple[tuple[str, str], ...]:
        nodes = entry.split("->") if isinstance(entry, str) else entry
        if not isinstance(nodes, list | tuple) or not all(isinstance(node, str) for node in nodes):
            raise fault(f"{shown(entry)} is no edge", EXAMPLE)
        nodes = [node.strip() for node in nodes]
        if len(nodes) < 2 or not all(nodes):
            raise fault(f"{shown(entry)} is no edge", EXAMPLE)
        pairs = tuple(pairwise(nodes))
        for source, target in pairs:
            if (source, target) in seen:
                raise fault(f"the edge {source} -> {target} is listed twice", "list each edge once.")
            seen.add((source, target))
        return pairs

    return tuple(pair for _, pairs in entries(enumerate(value), edges) for pair in pairs)


def plain_edges(edges: Iterable[tuple[str, str]]) -> list[str]:
    """The texts of edges."""
    return [" -> ".join(edge) for edge in edges]
