"""What a spec says about parents: who causes whom, where it is known before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crlspec.spec.expression import (
    Equation,
    ExpressionError,
    Replacement,
    parse_expression,
    parse_replacement,
)
from crlspec.spec.schema import CompleteGraph, Spec

Parents = dict[str, tuple[str, ...]]


def parents_of(spec: Spec) -> Parents | None:
    """The parents of each latent in the order of the latents; None while they are not drawn or not known."""
    if spec.equations is not None:
        found = {name: equation(text, spec.latents) for name, text in spec.equations.items()}
        known = {name: parsed.parents for name, parsed in found.items() if parsed is not None}
        return known if len(known) == len(found) else None
    if spec.scm is None:
        return None
    graph, names = spec.scm.graph, spec.latents
    if isinstance(graph, tuple):
        return parents_from(names, graph)
    if graph.kind == "random":
        return None
    complete = isinstance(graph, CompleteGraph)
    return {name: names[0 if complete else max(0, k - 1) : k] for k, name in enumerate(names)}


def parents_from(latents: Sequence[str], edges: Iterable[tuple[str, str]]) -> Parents:
    """The parents of each latent, in the order of the latents."""
    found: dict[str, set[str]] = {name: set() for name in latents}
    for source, target in edges:
        if source in found and target in found:
            found[target].add(source)
    place = {name: k for k, name in enumerate(latents)}
    return {name: tuple(sorted(causes, key=place.__getitem__)) for name, causes in found.items()}


def listed_edges(latents: Sequence[str], *, complete: bool) -> tuple[tuple[str, str], ...]:
    """All edges from earlier to later latents, or those of the chain only."""
    count = len(latents)
    ends = ((i, j) for i in range(count) for j in range(i + 1, count if complete else min(i + 2, count)))
    return tuple((latents[i], latents[j]) for i, j in ends)


def equation(text: str, latents: Sequence[str]) -> Equation | None:
    """The parsed equation, None where it is faulty."""
    try:
        return parse_expression(text, latents)
    except ExpressionError:
        return None


def replacement(text: str, latents: Sequence[str]) -> Replacement | None:
    """The parsed replacement, None where it is faulty."""
    try:
        return parse_replacement(text, latents)
    except ExpressionError:
        return None


def find_cycle(parents: Mapping[str, Sequence[str]]) -> list[str] | None:
    """A directed cycle ``[a, b, a]``, None where there is none."""
    remaining = {node: {cause for cause in causes if cause in parents} for node, causes in parents.items()}
    effects: dict[str, list[str]] = {node: [] for node in parents}
    for node, causes in remaining.items():
        for cause in causes:
            effects[cause].append(node)
    roots = [node for node, causes in remaining.items() if not causes]
    while roots:
        root = roots.pop()
        del remaining[root]
        for effect in effects[root]:
            remaining[effect].discard(root)
            if not remaining[effect]:
                roots.append(effect)
    if not remaining:
        return None
    walk = [next(iter(remaining))]
    while walk[-1] not in walk[:-1]:
        walk.append(min(remaining[walk[-1]]))
    return walk[walk.index(walk[-1]) :][::-1]


def latent_names(raw: Any) -> tuple[str, ...] | None:
    """The names under ``latents:`` in a raw tree, as far as they can be made out."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return tuple(f"z{k}" for k in range(1, raw + 1)) if 1 <= raw <= 1000 else None
    if isinstance(raw, Mapping | list | tuple):
        return tuple(entry for entry in raw if isinstance(entry, str))
    return None
