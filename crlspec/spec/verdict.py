"""The Verdict: what a theorem promises for a setting, as facts; sentences are made from it last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

__all__ = ["GRAPH", "LATENTS", "Assumption", "Graph", "Latents", "Missing", "Verdict"]

Latents = Literal["scaling", "shift-and-scale", "smooth-map", "ancestors", "surrounding-parents", "nothing"]
"""Up to what each latent is recovered: by itself up to a scale, a scale and shift, or a smooth invertible map; mixed
with its ancestors or its surrounding parents; or not at all."""

Graph = Literal["exact", "closure", "part", "nothing"]
"""What of the graph is recovered: all of it, who is an ancestor of whom, the same among those intervened on alone."""

Assumption = Literal[
    "interventions", "density", "environments", "targets", "rank", "hard", "injective", "noise-free", "mechanisms",
    "method", "independence",
]  # fmt: skip

LATENTS: dict[Latents, str] = {
    "scaling": "up to scaling, each by itself",
    "shift-and-scale": "up to shift and scaling, each by itself",
    "smooth-map": "up to a smooth invertible map of each by itself",
    "ancestors": "up to mixing with their ancestors",
    "surrounding-parents": "up to mixing with their surrounding parents",
    "nothing": "not recovered",
}

GRAPH: dict[Graph, str] = {
    "exact": "exact",
    "closure": "its transitive closure: who is an ancestor of whom, not which edges are direct",
    "part": "only who is an ancestor of whom among the latents intervened on",
    "nothing": "nothing",
}


class Missing(NamedTuple):
    """An assumption of the theorem that does not hold, and why, in words."""

    assumption: Assumption
    text: str


@dataclass(frozen=True)
class Verdict:
    """One row of the theory's table, held against a setting.

    covered    every assumption that can be read off the setting holds
    theorem    in words; ``paper`` and ``citation`` (BibTeX) say where it stands
    latents    up to what they are recovered; ``graph`` likewise
    missing    what fails; ``remedies`` say what would mend it or promise more
    estimator  the kind that applies; None where there is none
    nodes      the latents for which the promise holds
    count      how many they are, where their names are not known; None elsewhere
    notes      what is assumed and cannot be read off
    """

    covered: bool
    theorem: str
    paper: str
    citation: str
    latents: Latents
    graph: Graph
    missing: tuple[Missing, ...] = ()
    remedies: tuple[str, ...] = ()
    estimator: str | None = None
    nodes: tuple[str, ...] = ()
    count: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def elementwise(self) -> bool:
        """Whether each latent is recovered by itself."""
        return self.latents in ("scaling", "shift-and-scale", "smooth-map")

    @property
    def latents_text(self) -> str:
        """Up to what the latents are recovered, in words."""
        text = LATENTS[self.latents]
        return text if self.count is None else f"{self.count} of them, those intervened on: {text}"

    @property
    def graph_text(self) -> str:
        """What of the graph is recovered, in words."""
        return GRAPH[self.graph]

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON, the sentences beside them."""
        texts = {"latents_text": self.latents_text, "graph_text": self.graph_text, "text": str(self)}
        return {**asdict(self), "missing": [one._asdict() for one in self.missing], **texts}

    def __repr__(self) -> str:
        from crlspec.spec.glance import verdict_line

        return verdict_line(self)

    def _repr_html_(self) -> str:
        from crlspec.spec.glance import verdict_card

        return verdict_card(self)

    def __str__(self) -> str:
        lines = ["Covered by the theory." if self.covered else "Not covered by the theory as it stands."]
        lines.append(f"Theorem: {self.theorem} ({self.paper}).")
        names = f"Latents {', '.join(self.nodes)}" if self.nodes else "Latents"
        lines.append(f"{names}: {self.latents_text}.")
        lines.append(f"Graph: {self.graph_text}.")
        lines += [f"Missing: {one.text}." for one in self.missing]
        lines += [f"Note: {text}." for text in self.notes]
        lines += [f"Remedy: {text}." for text in self.remedies]
        lines.append(f"Estimator: {self.estimator or 'none in this version'}.")
        return "\n".join(lines)
