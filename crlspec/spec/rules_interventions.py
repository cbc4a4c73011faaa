"""The rules of ``check`` about interventions: designs, explicit environments, and their agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from crlspec.spec.expression import LOCATION_SCALE, SCALABLE
from crlspec.spec.interventions import (
    MAX_REPLACED,
    Coupled,
    MultiNode,
    NoiseChange,
    ReplacedMechanism,
    Uncoupled,
)
from crlspec.spec.rules import Finding, rule
from crlspec.spec.schema import MAX_NAME, Spec
from crlspec.spec.setting import Setting, environment_targets, replaced_kinds
from crlspec.spec.slots import suggest
from crlspec.spec.structure import equation, parents_of, replacement


@rule("latents", "interventions", "environments")
def designed(spec: Spec) -> Iterator[Finding]:
    """A design names known targets and says what its interventions change."""
    design: Any = spec.interventions
    if design is None or design.design == "observational":
        return
    here = ("interventions",)
    targets: Any = design.targets
    several = targets.values() if isinstance(targets, dict) else [targets or ()]
    for name in sorted({name for hit in several for name in hit} - set(spec.latents)):
        yield Finding((*here, "targets"), f"unknown latent {name!r}", suggest(name, spec.latents))
    if spec.environments is not None:
        given = [
            key
            for key in ("noise", "mechanism", "second", "targets")
            if getattr(design, key, None) is not None
        ]
        for key in given:
            remedy = "keep design and kind only, or remove environments."
            yield Finding((*here, key), "the environments are listed already", remedy, at_key=True)
        return
    if not _changes(design.noise):
        remedy = "add noise: {variance: {times: 0.25}}; without it roots would stay as they are."
        yield Finding(here, "the interventions do not change the noise", remedy, at_key=True)
    if design.kind == "hard" and design.mechanism is not None:
        remedy = "remove mechanism, or use kind: soft."
        yield Finding(
            (*here, "mechanism"), "hard interventions cut the parents: no mechanism is left", remedy
        )
    if isinstance(design, Coupled | Uncoupled):
        second = design.second
        if second is None or not _changes(second.noise):
            remedy = "add second: {noise: {variance: {times: 4}}}."
            yield Finding(here, "nothing says what the second environment of each latent changes", remedy)
        elif second.noise == design.noise and second.mechanism == design.mechanism:
            remedy = "give it another change, e.g. variance: {times: 4}."
            yield Finding((*here, "second"), "the two environments of a latent are the same", remedy)
    if isinstance(design, MultiNode) and design.targets is not None:
        yield from _given_signature(design)
    elif isinstance(design, MultiNode) and design.signature == "triangular":
        count, needed = design.environments, len(spec.latents)
        if count is not None and count != needed:
            message = f"a triangular signature has as many environments as latents, got {count} for {needed}"
            remedy = "remove environments, or use signature: random."
            yield Finding((*here, "environments"), message, remedy)


@rule("assume")
def assumed_changes(spec: Spec) -> Iterator[Finding]:
    """What interventions change is said of soft ones: hard ones cut the parents."""
    assumed = None if spec.assume is None else spec.assume.interventions
    if assumed is not None and assumed.changes != "mechanism" and assumed.kind == "hard":
        path = ("assume", "interventions", "changes")
        message = f"changes: {assumed.changes} speaks of soft interventions, got kind: hard"
        yield Finding(path, message, "remove changes, or use kind: soft.", at_key=True)


@rule("latents", "interventions", "environments")
def size_of_design(spec: Spec) -> Iterator[Finding]:
    """A design makes no more environments than may be listed."""
    if spec.environments is not None:
        return
    replaced = sum(map(len, environment_targets(spec).values()))
    if replaced > MAX_REPLACED:
        message = f"the environments of the design replace up to {replaced} mechanisms"
        remedy = f"at most {MAX_REPLACED} are allowed: have fewer environments."
        yield Finding(("interventions",), message, remedy, at_key=True)


@rule("latents", "scm", "interventions", "environments", "assume", "mixing")
def soft_in_noise_alone(spec: Spec) -> Iterator[Finding]:
    """Linear mechanisms whose noise alone changes: the data show the noises, not their causes."""
    if spec.assume is None and spec.mixing is None:
        return
    setting = Setting.of(spec)
    if not setting.noise_alone or setting.mixing != "linear":
        return
    message = "soft interventions that change the noise alone leave no trace of linear mechanisms in the data"
    if spec.assume is not None:
        remedy = (
            "leave changes out if they change how a latent depends on its parents; else no edge can be told."
        )
        yield Finding(("assume", "interventions", "changes"), message, remedy, "warning", at_key=True)
    elif spec.environments is not None:
        remedy = 'change the weights of parents, e.g. "Normal(0.4*a, 1)", or cut them off: "Normal(0, 2)".'
        yield Finding(("environments",), message, remedy, "warning", at_key=True)
    else:
        remedy = "add mechanism: {times: 0.5}; as it is, noises come in place of latents, and no edges."
        yield Finding(("interventions", "kind"), message, remedy, "warning")


@rule("latents", "scm", "interventions", "environments")
def agreement(spec: Spec) -> Iterator[Finding]:
    """Where environments are listed beside a design, they are of that design and kind."""
    design: Any = spec.interventions
    if spec.environments is None or design is None:
        return
    hits = [tuple(replaced) for replaced in spec.environments.values() if replaced]
    counts = Counter(hit[0] for hit in hits if hit)
    fits = {
        "observational": not hits,
        "single-node": all(len(hit) == 1 for hit in hits),
        "coupled": all(len(hit) == 1 for hit in hits) and set(counts.values()) <= {2},
        "uncoupled": all(len(hit) == 1 for hit in hits) and set(counts.values()) <= {2},
    }
    remedy = "mend one of the two, or remove interventions: they are read off the environments."
    if not fits.get(design.design, True):
        message = f"the environments are not of a {design.design} design"
        yield Finding(("interventions", "design"), message, remedy)
    other = replaced_kinds(spec) - {getattr(design, "kind", None)}
    if hits and other and design.design != "observational":
        message = f"some environments hold {other.pop()} interventions, got kind {design.kind}"
        yield Finding(("interventions", "kind"), message, remedy)


def _changes(noise: NoiseChange | None) -> bool:
    return noise is not None and (noise.variance is not None or noise.mean is not None)


def _given_signature(design: MultiNode) -> Iterator[Finding]:
    for name, hit in (design.targets or {}).items():
        path = ("interventions", "targets", name)
        if not hit:
            yield Finding(path, f"the environment {name!r} has no target", "list one latent or more.")
        if len(set(hit)) < len(hit):
            yield Finding(path, f"the environment {name!r} lists a target twice", "list each once.")
        if name == "obs":
            yield Finding(
                path, "'obs' names the observational environment", "choose another name.", at_key=True
            )
    if design.signature != "random":
        remedy = "remove signature; it is for drawn targets."
        yield Finding(("interventions", "signature"), "the targets are listed already", remedy, at_key=True)
    if design.environments is not None:
        remedy = "remove environments; it is for drawn targets."
        yield Finding(
            ("interventions", "environments"), "the targets are listed already", remedy, at_key=True
        )


@rule("latents", "interventions", "environments")
def designed_equations(spec: Spec) -> Iterator[Finding]:
    """A design over equations needs location–scale distributions, and hard ones a scale without parents."""
    design: Any = spec.interventions
    if (
        spec.equations is None
        or spec.environments is not None
        or design is None
        or design.design == "observational"
    ):
        return
    for name, text in spec.equations.items():
        parsed = equation(text, spec.latents)
        if parsed is None:
            continue
        remedy = "list the environments: {name: {latent: equation}}."
        if parsed.distribution not in LOCATION_SCALE:
            message = f"a design cannot change {parsed.distribution}, which has no location and scale"
            yield Finding(("latents", name), message, remedy)
        elif design.kind == "hard" and any(a.parents for key, a in parsed.arguments.items() if key != "loc"):
            yield Finding(("latents", name), "a hard design cannot cut parents in the scale", remedy)


@rule("latents", "scm", "environments")
def explicit(spec: Spec) -> Iterator[Finding]:
    """Explicit environments: one observational, known latents, no new parents, real changes."""
    if spec.environments is None:
        return
    empty = [name for name, replaced in spec.environments.items() if not replaced]
    if not empty:
        yield Finding(("environments",), "there is no observational environment", "add obs: {}.", at_key=True)
    for name in empty[1:]:
        message = f"{name!r} is a second observational environment beside {empty[0]!r}"
        yield Finding(("environments", name), message, "keep one {}.", at_key=True)
    parents = parents_of(spec)
    for name, replaced in spec.environments.items():
        if len(name.encode()) > MAX_NAME:
            remedy = f"use at most {MAX_NAME} bytes, as it names files too."
            yield Finding(("environments", name), f"{name[:60]!r}… is a long name", remedy, at_key=True)
        if not name.strip() or set(name) & set("/\\\0") or name in (".", ".."):
            remedy = "use a name without / and \\."
            yield Finding(("environments", name), f"{name!r} cannot name an environment", remedy, at_key=True)
        for latent, value in replaced.items():
            path = ("environments", name, latent)
            if latent not in spec.latents:
                remedy = suggest(latent, spec.latents)
                yield Finding(path, f"unknown latent {latent!r}", remedy, at_key=True)
            else:
                yield from _replaced(spec, path, latent, value, None if parents is None else parents[latent])


def _replaced(
    spec: Spec,
    path: tuple[str, ...],
    latent: str,
    value: str | ReplacedMechanism,
    parents: tuple[str, ...] | None,
) -> Iterator[Finding]:
    if isinstance(value, ReplacedMechanism):
        if spec.equations is not None and not (value.kind == "hard" and value.noise is not None):
            remedy = 'write an equation, e.g. "Normal(0, 2)".'
            yield Finding(
                path, "the latents have equations, so a family cannot replace a part of one", remedy
            )
        return
    parsed = replacement(value, spec.latents)
    if parsed is None:
        return
    if parsed.equation is not None:
        read = parsed.equation.parents
        if parents is None and read and spec.scm is not None:
            remedy = "list the edges: graph: [z1 -> z2]."
            yield Finding(path, "the equation reads latents, but the graph is drawn at random", remedy)
        new = [name for name in read if parents is not None and name not in parents]
        if new:
            message = f"the equation adds the parent{'s' if len(new) > 1 else ''} {', '.join(new)}"
            kept = ", ".join(parents or ()) or "none"
            remedy = f"an intervention on {latent} may keep or cut its parents ({kept})."
            yield Finding(path, message, remedy)
    if spec.equations is None:
        return
    base = equation(spec.equations[latent], spec.latents)
    if base is not None and parsed.equation is not None and parsed.equation.text == base.text:
        yield Finding(path, "the equation is the observational one: nothing changes", "change or remove it.")
    if base is not None and parsed.kind == "scale" and base.distribution not in SCALABLE:
        message = f"scale() cannot change {base.distribution}, which has no location to keep"
        yield Finding(path, message, "write the whole equation.")
