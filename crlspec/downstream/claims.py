"""What a graph and its interventions claim: which latents are independent, given what, in which environments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from crlspec.downstream.design import Design

__all__ = ["Claim", "claims_of"]


@dataclass(frozen=True)
class Claim:
    """``first`` and ``second`` are independent given ``given``, in each of ``environments``.

    kind  ``no direct effect``: the mechanism of ``second`` takes nothing of ``first``. ``randomised``: ``second`` is
          set by a hard intervention, so that nothing which it does not cause tells of it
    """

    kind: str
    first: str
    second: str
    given: tuple[str, ...]
    environments: tuple[str, ...]

    def __str__(self) -> str:
        given = f" | {', '.join(self.given)}" if self.given else ""
        where = ", ".join(self.environments)
        return f"{self.first} ⊥ {self.second}{given} in {where}"


def claims_of(design: Design, environments: Collection[str]) -> tuple[Claim, ...]:
    """The claims that data of these environments can test, by the place of ``second`` in the causal order.

    For every pair without an edge: the earlier has no direct effect on the later, given the later's parents, in all
    environments that leave the later alone; the mechanism is the same there, and these hold the ones in which the
    earlier is randomised, so that nothing else can stand for it. For every hard intervention on a latent: what it
    does not cause is independent of it.
    """
    import networkx as nx

    found = []
    order, here = design.order, [name for name in design.environments if name in environments]
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    graph.add_edges_from((parent, z) for z in order for parent in design.parents[z])
    for k, second in enumerate(order):
        parents = design.parents[second]
        alone = tuple(name for name in here if not _may_hit(design, name, second))
        if alone:
            found += [
                Claim("no direct effect", first, second, parents, alone)
                for first in order[:k]
                if first not in parents
            ]
        randomised = tuple(name for name in here if second in design.targets.get(name, ()))
        if randomised and design.kind == "hard":
            effects = nx.descendants(graph, second)
            found += [
                Claim("randomised", first, second, (), randomised)
                for first in order
                if first != second and first not in effects
            ]
    return tuple(found)


def _may_hit(design: Design, environment: str, latent: str) -> bool:
    """Whether an environment intervenes on a latent, or may: nothing tells on which it does."""
    targets = design.targets.get(environment, ())
    return latent in targets or (not targets and environment != design.observational)
