"""What is known already of graph and targets: ``assume: {known: …}``, and the same as a plain value of a Setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from crlspec.registry import ClosedModel
from crlspec.spec.edge_list import plain_edges, read_edges
from crlspec.spec.slots import fault, shown

__all__ = ["Known", "KnownFacts"]

Pairs = tuple[tuple[str, str], ...]


def _edges(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return read_edges(value)
    raise fault(f"got {shown(value)}; a list of edges is needed", "write e.g. [a -> b].")


EDGES = (
    BeforeValidator(_edges),
    PlainSerializer(plain_edges),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
)


class KnownFacts(ClosedModel):
    """What is known of graph and targets before any data are read; each part may be left out.

    Knowledge enters the search and the tests, and what the data contradict is refuted.
    """

    examples = (
        "{edges: [z1 -> z2], absent: [z1 -> z3], order: [z1, z2, z3], targets: {e1: [z1], e2: [z2], e3: [z3]}}",
        "{targets: {e1: [z1]}}",
    )

    edges: Annotated[Pairs, *EDGES, Field(description="Edges that are there.")] = ()
    absent: Annotated[Pairs, *EDGES, Field(description="Edges that are not there.")] = ()
    order: Annotated[
        tuple[str, ...],
        Field(description="Latents of which none is an ancestor of one before it, causes first."),
    ] = ()
    targets: dict[str, tuple[str, ...]] = Field(
        default={}, description="The latents that some environments target."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.edges or self.absent or self.order or self.targets):
            raise fault("known says nothing", "give edges, absent, order or targets, or leave known out.")
        return self


@dataclass(frozen=True)
class Known:
    """The same as a plain value.

    edges, absent  (cause, effect): edges that are there, and that are not
    order          latents, none an ancestor of one before it
    targets        environment → its latents, of some environments
    """

    edges: Pairs = ()
    absent: Pairs = ()
    order: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, facts: KnownFacts | None) -> Known | None:
        """What a spec says; None where it says nothing."""
        if facts is None:
            return None
        return cls(facts.edges, facts.absent, facts.order, dict(facts.targets) or None)

    @property
    def graph(self) -> bool:
        """Whether anything is known of the graph."""
        return bool(self.edges or self.absent or len(self.order) > 1)

    @property
    def latents(self) -> tuple[str, ...]:
        """The latents that are spoken of where the graph is, each once."""
        pairs = [name for pair in (*self.edges, *self.absent) for name in pair]
        return tuple(dict.fromkeys([*pairs, *self.order]))

    @property
    def unused(self) -> tuple[str, str]:
        """What an estimator that uses none of it cannot use, and the remedy."""
        if not self.graph:
            remedy = (
                "leave targets out of assume.known; with linear mixings umni-crl uses them, else gscale-i."
            )
            return "the targets that assume.known names", remedy
        return (
            "what assume.known says of the graph",
            "leave edges, absent and order out of assume.known; with linear mixings lscale-i and umni-crl use them, "
            "with two hard interventions on each latent gscale-i and ropes.",
        )

    def renamed(self, environments: Mapping[str, str], latents: Mapping[str, str]) -> Known:
        """The same under other names (mappings old → new)."""

        def pairs(given: Pairs) -> Pairs:
            return tuple((latents[a], latents[b]) for a, b in given)

        targets = self.targets
        return replace(
            self,
            edges=pairs(self.edges),
            absent=pairs(self.absent),
            order=tuple(latents[name] for name in self.order),
            targets=None
            if targets is None
            else {environments[e]: tuple(latents[z] for z in hit) for e, hit in targets.items()},
        )

    def classes(self, latents: Sequence[str]) -> list[tuple[str, ...]]:
        """Latents that no known target tells apart, together."""
        found: dict[tuple[bool, ...], list[str]] = {}
        for name in latents:
            found.setdefault(tuple(name in hit for hit in (self.targets or {}).values()), []).append(name)
        return [tuple(names) for names in found.values()]

    def alone(self, latents: Sequence[str]) -> set[str]:
        """Latents that known targets tell apart from all others."""
        return {names[0] for names in self.classes(latents) if len(names) == 1}

    def completed(self, environments: Sequence[str], latents: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The target of every environment of a single-node design: those known, and the other latents for the other
        environments, both in their order."""
        told = dict(self.targets or {})
        taken = {name for hit in told.values() for name in hit}
        rest = iter([name for name in latents if name not in taken])
        return {name: told[name] if name in told else (next(rest),) for name in environments}

    def of_pairs(
        self, pairs: Sequence[tuple[str, str]], latents: Sequence[str]
    ) -> dict[str, tuple[str, ...]]:
        """The target of both environments of every pair: those known, and the other latents for the other pairs, both
        in their order."""
        told = dict(self.targets or {})
        known = [next((told[name] for name in pair if name in told), None) for pair in pairs]
        taken = {name for hit in known if hit is not None for name in hit}
        rest = iter([name for name in latents if name not in taken])
        hits = [(next(rest),) if hit is None else hit for hit in known]
        return {name: hit for pair, hit in zip(pairs, hits, strict=True) for name in pair}

    def statements(self) -> Iterator[str]:
        """Everything known, in words."""
        yield from (f"{a} -> {b}" for a, b in self.edges)
        yield from (f"no {a} -> {b}" for a, b in self.absent)
        yield from (f"{a} before {b}" for a, b in pairwise(self.order))
        for environment, hit in (self.targets or {}).items():
            yield f"{environment} targets {', '.join(hit) or 'nothing'}"

    def __str__(self) -> str:
        return "; ".join(self.statements())
