"""What a Record says about its own generation: parents, and who is intervened on where, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from crlspec.errors import SettingMismatch
from crlspec.inference.estimate import GraphKind
from crlspec.numerics.graphs import adjacency_of, surrounding_parents
from crlspec.results.record import Record

__all__ = ["Design", "design_of"]


@dataclass(frozen=True)
class Design:
    """The graph and the interventions that mechanisms are fitted for.

    latents        names, in the order of the last axis of every z
    order          the same in causal order, roots first
    parents        latent → its parents in the recovered graph (in a transitive closure: its ancestors)
    targets        interventional environment → the latents whose mechanisms it replaces
    observational  name of the environment without intervention
    kind           whether replaced mechanisms have lost their parents (``hard``) or may have kept them (``soft``)
    graph          whether the parents are the graph's (``exact``) or all ancestors (``transitive closure``)
    warped         whether each latent is known only up to a smooth invertible map of it alone, instead of its scale
    """

    latents: tuple[str, ...]
    order: tuple[str, ...]
    parents: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]
    observational: str
    kind: Literal["hard", "soft"]
    graph: GraphKind
    warped: bool = False

    @property
    def elementwise(self) -> bool:
        """Whether each latent is recovered by itself, so that only scale and sign are open."""
        return self.kind == "hard" and self.graph == "exact"

    def mixed_with(self, latent: str) -> tuple[str, ...]:
        """The latents that a recovered one may be mixed with: none, its ancestors, or its surrounding parents."""
        if self.elementwise:
            return ()
        if self.graph != "exact":
            return tuple(z for z in self.order if z in self.ancestors(latent))
        edges = [(parent, z) for z in self.latents for parent in self.parents[z]]
        wide = surrounding_parents(adjacency_of(self.latents, edges))[self.latents.index(latent)]
        return tuple(z for z, hit in zip(self.latents, wide, strict=True) if hit)

    @property
    def environments(self) -> tuple[str, ...]:
        """All environments, the observational one first."""
        return (self.observational, *self.targets)

    def ancestors(self, latent: str) -> frozenset[str]:
        """The ancestors of a latent in the recovered graph."""
        above = set(self.parents[latent])
        for parent in self.parents[latent]:
            above |= self.ancestors(parent)
        return frozenset(above)

    def untouched(self, latent: str) -> tuple[str, ...]:
        """The environments that leave a latent's mechanism as it is: all of them show it."""
        return tuple(name for name in self.environments if latent not in self.targets.get(name, ()))


def design_of(result: Record) -> Design:
    """The design behind a result.

    Raises SettingMismatch where no graph was estimated, for then there are no mechanisms to fit.
    """
    if result.graph == "not estimated":
        raise SettingMismatch(
            "Got a result whose graph is not estimated",
            "a graph, or its transitive closure, whose mechanisms can be fitted",
            "Leave estimator out: the verdict then names one that gives a graph, where there is one.",
        )
    found: dict[str, list[str]] = {name: [] for name in result.names}
    for edge in result.edges:
        found[edge.target].append(edge.source)
    parents = {name: tuple(z for z in result.order if z in found[name]) for name in result.names}
    return Design(
        latents=result.names,
        order=result.order,
        parents=parents,
        targets=_targets(result),
        observational=result.observational,
        kind=_kind(result),
        graph=result.graph,
        warped=result.identified.get("latents") == "smooth-map",
    )


def _targets(result: Record) -> dict[str, tuple[str, ...]]:
    """Interventional environment → targets: the signature where there is one, else who was shown by which.

    Where a latent has two environments only one of them is said to have shown it: the other is the one that was
    declared to have the same target, or to make a pair with it.
    """
    names = [name for name in result.latents.children if name != result.observational]
    if result.signature is None:
        shown: dict[str, list[str]] = {name: [] for name in names}
        for latent, environment in result.environment_of.items():
            shown.setdefault(environment, []).append(latent)
        setting = result.setting
        declared = {} if setting is None or setting.targets is None else dict(setting.targets)
        pairs = () if setting is None else setting.pairs or ()
        partner = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
        second = {
            name: tuple(z for z in declared.get(name, ()) if z in result.names)
            or tuple(shown.get(partner.get(name, ""), ()))
            for name, hit in shown.items()
            if not hit
        }
        return {name: tuple(hit) or second[name] for name, hit in shown.items()}
    table = result.signature
    known = {str(name) for name in table["environment"].values}
    return {
        name: tuple(z for z in result.names if int(table.sel(environment=name, latent=z)) == 1)
        if name in known
        else ()
        for name in names
    }


def _kind(result: Record) -> Literal["hard", "soft"]:
    """Hard only where the setting says so; a soft replacement holds every hard one."""
    if result.setting is None:
        return "hard" if result.identified.get("latents") in ("scaling", "shift-and-scale") else "soft"
    return "hard" if result.setting.kind == "hard" else "soft"
