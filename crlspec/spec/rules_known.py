"""The rules of ``check`` about what is known already of graph and targets: ``assume: {known: …}``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from crlspec.spec.known import Known, KnownFacts
from crlspec.spec.rules import Finding, rule
from crlspec.spec.schema import Spec
from crlspec.spec.slots import suggest
from crlspec.spec.structure import find_cycle

HERE = ("assume", "known")


@rule("latents", "assume")
def named(spec: Spec) -> Iterator[Finding]:
    """Known facts name latents that there are, and that an environment ties to the data."""
    known = None if spec.assume is None else spec.assume.known
    if known is None:
        return
    for path, name in _mentions(known):
        if spec.latents and name not in spec.latents:
            yield Finding(path, f"unknown latent {name!r}", suggest(name, spec.latents))
    if not spec.latents and spec.latents_from is None:
        remedy = "give the latents, such as latents: [a, b, c]."
        yield Finding(HERE, "known names latents, whose number is left to the data", remedy, at_key=True)
    assert spec.assume is not None
    if isinstance(spec.assume.interventions.targets, dict) or spec.latents_from is not None:
        return
    said = list(dict.fromkeys(name for _, name in _graph_mentions(known)))
    if spec.assume.interventions.design == "multi-node" and known.targets:
        yield from _apart(known, said, spec.latents)
        return
    tied = {name for hit in known.targets.values() for name in hit}
    loose = [name for name in said if name not in tied]
    if loose and spec.latents:
        yield Finding(
            HERE,
            f"the targets are concealed, so nothing tells which latent {', '.join(loose)} is",
            "say which environment targets it, such as known: {targets: {environment: ["
            + loose[0]
            + "]}}; or name "
            "all targets, interventions: {targets: {…}}.",
            at_key=True,
        )


@rule("latents", "assume")
def consistent(spec: Spec) -> Iterator[Finding]:
    """Known facts do not contradict each other, and go in one direction."""
    known = None if spec.assume is None else spec.assume.known
    if known is None:
        return
    for name, count in Counter(known.order).items():
        if count > 1:
            yield Finding((*HERE, "order"), f"the latent {name!r} is listed twice", "list each latent once.")
    for key in ("edges", "absent"):
        for k, (a, b) in enumerate(getattr(known, key)):
            if a == b:
                yield Finding((*HERE, key, k), f"{a} -> {b} joins a latent with itself", "name two latents.")
    for a, b in known.edges:
        if (a, b) in known.absent:
            message = f"{a} -> {b} is said to be there and to be absent"
            yield Finding((*HERE, "absent"), message, "leave it out of one of the two.")
    causes: dict[str, list[str]] = {name: [] for _, name in _graph_mentions(known)}
    for a, b in (*known.edges, *pairwise(known.order)):
        if a != b:
            causes[b].append(a)
    cycle = find_cycle(causes)
    if cycle is not None:
        message = f"edges and order close a cycle: {' -> '.join(cycle)}"
        yield Finding((*HERE, "edges" if known.edges else "order"), message, "leave one of them out.")


@rule("latents", "assume", "data")
def targets(spec: Spec) -> Iterator[Finding]:
    """Known targets are those of some environments of a design whose other targets are concealed."""
    known = None if spec.assume is None else spec.assume.known
    if spec.assume is None or known is None or not known.targets:
        return
    here, interventions = (*HERE, "targets"), spec.assume.interventions
    if isinstance(interventions.targets, dict):
        remedy = "leave known.targets out."
        yield Finding(here, "interventions.targets names the targets already", remedy, at_key=True)
        return
    if spec.latents_from is not None:
        message = "each latent is called after its environment already"
        yield Finding(here, message, "leave known.targets out.", at_key=True)
        return
    paired = interventions.design in ("coupled", "uncoupled")
    if interventions.design == "observational" or (paired and spec.assume.mixing == "linear"):
        yield Finding(
            here,
            f"some targets of a design {interventions.design} are known, and its estimators are told all or none",
            "name those of every environment, interventions: {targets: {…}}, or leave known.targets out.",
            at_key=True,
        )
        return
    if spec.data is not None and spec.data.observational in known.targets:
        name = str(spec.data.observational)
        yield Finding((*here, name), "the observational environment has no target", "leave it out.")
    if interventions.design == "multi-node":
        yield from _several(known)
        return
    if paired:
        yield from _paired(known, interventions.design, interventions.pairs or ())
        return
    counts = Counter(name for hit in known.targets.values() for name in hit)
    for environment, hit in known.targets.items():
        if len(hit) != 1:
            message = f"a single-node design has one target per environment, got {len(hit)}"
            yield Finding((*here, environment), message, "list one latent, or use design: multi-node.")
    for name, count in counts.items():
        if count > 1:
            message = f"{count} environments are said to target {name}"
            yield Finding(
                here, message, "keep one, or use design: multi-node and estimator: {kind: umni-crl}."
            )


def _apart(known: KnownFacts, said: list[str], latents: tuple[str, ...]) -> Iterator[Finding]:
    """Latents that the graph speaks of have known targets that no other latent has."""
    alone = Known(targets=known.targets).alone(latents)
    if loose := [name for name in said if name in latents and name not in alone]:
        yield Finding(
            HERE,
            f"some targets are concealed, and those known do not tell which latent {', '.join(loose)} is",
            "say which environments target it and no other latent, such as known: {targets: {environment: ["
            + loose[0]
            + "]}}; or name all targets, interventions: {targets: {…}}.",
            at_key=True,
        )


def _paired(known: KnownFacts, design: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    """Known targets where two environments share each latent; pairs are those of a design coupled."""
    here, pair_of = (*HERE, "targets"), {name: pair for pair in pairs for name in pair}
    envs: dict[str, list[str]] = {}
    for environment, hit in known.targets.items():
        if len(hit) != 1:
            message = f"the design {design} has one target per environment, got {len(hit)}"
            yield Finding((*here, environment), message, "list one latent, or use design: multi-node.")
        for name in hit:
            envs.setdefault(name, []).append(environment)
    for name, said in envs.items():
        if len(said) > 2:
            message = f"{len(said)} environments are said to target {name}"
            yield Finding(here, message, f"keep two: the design {design} has two for each latent.")
        elif len({pair_of.get(one) for one in said}) > 1:
            message = f"{' and '.join(said)} are said to target {name}, and are no pair"
            yield Finding(here, message, "correct known.targets, or interventions.pairs.")
    for one, other in pairs:
        first, second = known.targets.get(one), known.targets.get(other)
        if first and second and first != second:
            message = f"{one} and {other} are a pair, and are said to target {first[0]} and {second[0]}"
            yield Finding(here, message, "correct known.targets, or interventions.pairs.")


def _several(known: KnownFacts) -> Iterator[Finding]:
    """Known targets of an environment that may have several."""
    for environment, hit in known.targets.items():
        path = (*HERE, "targets", environment)
        if not hit:
            yield Finding(path, "an environment without a target", "list its latents, or leave it out.")
        for name, count in Counter(hit).items():
            if count > 1:
                yield Finding(path, f"the latent {name!r} is listed twice", "list each latent once.")


def _graph_mentions(known: KnownFacts) -> list[tuple[tuple[str | int, ...], str]]:
    """(path, latent) of all that is said of the graph."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    for key in ("edges", "absent"):
        found += [((*HERE, key, k), name) for k, pair in enumerate(getattr(known, key)) for name in pair]
    return found + [((*HERE, "order", k), name) for k, name in enumerate(known.order)]


def _mentions(known: KnownFacts) -> list[tuple[tuple[str | int, ...], str]]:
    """(path, latent) of all that is said."""
    targets = [((*HERE, "targets", e), name) for e, hit in known.targets.items() for name in hit]
    return [*_graph_mentions(known), *targets]
