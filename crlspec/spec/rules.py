"""The rules of ``check``: each reads some top-level keys and yields findings. One rule, one function.

Those about interventions stand in ``rules_interventions``, those about the way of solving in ``rules_method``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from crlspec.registry import Declaration
from crlspec.spec.expression import BOUNDED, LOCATION_SCALE
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting, declared_noises, environment_targets
from crlspec.spec.slots import suggest
from crlspec.spec.structure import equation, find_cycle, parents_of
from crlspec.spec.yaml12 import MAX_VALUES


@dataclass(frozen=True)
class Finding:
    """What a rule found, at a path of the spec (at its key where ``at_key``)."""

    path: tuple[str | int, ...]
    message: str
    remedy: str
    severity: Literal["error", "warning", "note"] = "error"
    at_key: bool = False


Rule = Callable[[Spec], Iterator[Finding]]
RULES: list[tuple[tuple[str, ...], Rule]] = []
MODEL_KEYS = ("latents", "scm", "mixing", "data", "assume")


def rule(*reads: str) -> Callable[[Rule], Rule]:
    """Register a rule with the top-level keys that it reads."""

    def keep(function: Rule) -> Rule:
        RULES.append((reads, function))
        return function

    return keep


@rule(*MODEL_KEYS)
def whole(spec: Spec) -> Iterator[Finding]:
    """A spec declares a model (scm or equations, and a mixing) or assumes one for data."""
    declared = "scm" if spec.scm is not None else "equations" if spec.equations is not None else None
    if spec.scm is not None and spec.equations is not None:
        yield Finding(
            ("scm",), "latents have equations already, scm says the same again", "remove scm.", at_key=True
        )
    if declared and (spec.assume or spec.data):
        key = "assume" if spec.assume is not None else "data"
        remedy = (
            f"remove {key}, or remove the model ({'scm' if spec.scm is not None else 'equations'}, mixing)."
        )
        yield Finding(
            (key,), f"{key} is for one's own data, but the spec declares a model", remedy, at_key=True
        )
    elif not declared and spec.assume is None:
        remedy = "add scm: and mixing: for a model, or assume: for your own data."
        yield Finding((), "the spec declares no model and assumes none", remedy)
    if declared and spec.mixing is None:
        remedy = "add mixing: {kind: linear, observed: 25}."
        yield Finding((), "the key 'mixing' is missing: nothing says how latents become observations", remedy)
    if spec.assume is not None and not declared:
        for key in ("mixing", "interventions", "environments"):
            if getattr(spec, key) is not None:
                remedy = f"remove {key} (what is assumed stands below assume), or remove assume."
                yield Finding(
                    (key,), f"{key} declares a model, but the spec assumes one", remedy, at_key=True
                )


@rule("latents", "scm")
def graph(spec: Spec) -> Iterator[Finding]:
    """Edges join known latents and close no cycle."""
    if spec.scm is not None and isinstance(spec.scm.graph, tuple):
        for k, edge in enumerate(spec.scm.graph):
            for end in edge:
                if end not in spec.latents:
                    remedy = suggest(end, spec.latents)
                    yield Finding(("scm", "graph", k), f"the edge names an unknown latent {end!r}", remedy)
    cycle = find_cycle(parents_of(spec) or {})
    if cycle is not None:
        path: tuple[str | int, ...] = (
            ("latents", cycle[0]) if spec.equations is not None else ("scm", "graph")
        )
        yield Finding(path, f"the graph has a cycle: {' -> '.join(cycle)}", "remove one of its edges.")


@rule("latents", "scm")
def families_per_latent(spec: Spec) -> Iterator[Finding]:
    """A mapping of mechanisms or noises names every latent and no other."""
    for key in ("mechanism", "noise") if spec.scm is not None else ():
        table = getattr(spec.scm, key)
        if not isinstance(table, dict):
            continue
        for name in table:
            if name not in spec.latents:
                remedy = suggest(name, spec.latents)
                yield Finding(("scm", key, name), f"unknown latent {name!r}", remedy, at_key=True)
        absent = [name for name in spec.latents if name not in table]
        if absent:
            remedy = f"add an entry for each, or give one {key} for all."
            yield Finding(("scm", key), f"no {key} for {', '.join(absent)}", remedy, at_key=True)


@rule(*MODEL_KEYS, "conceal")
def counted(spec: Spec) -> Iterator[Finding]:
    """A number of latents that is left to the data is counted under a linear mixing, for data of one's own."""
    concealed = "latents" in spec.conceal
    if not spec.latents and (spec.scm is not None or spec.mixing is not None):
        remedy = "give their number; conceal: [latents] keeps it from the estimator."
        yield Finding(("latents",), "the spec declares a model, which needs a number of latents", remedy)
    mixing = spec.assume.mixing if spec.assume is not None else spec.mixing and spec.mixing.mixing_class
    if (concealed or not spec.latents) and mixing not in (None, "linear") and spec.latents_from is None:
        path = ("conceal",) if concealed else ("latents",)
        message = f"the number of latents can be counted under a linear mixing only, got {mixing}"
        yield Finding(path, message, "give their number.")
    if not spec.latents and spec.assume is not None and isinstance(spec.assume.interventions.targets, dict):
        remedy = "give the latents, or use targets: concealed."
        here = ("assume", "interventions", "targets")
        yield Finding(here, "targets name latents, whose number is left to the data", remedy, at_key=True)


@rule(*MODEL_KEYS)
def named_after_environments(spec: Spec) -> Iterator[Finding]:
    """Latents take the names of environments where each environment, or pair of them, has a latent of its own."""
    if spec.latents_from is None:
        return
    assumed = None if spec.assume is None else spec.assume.interventions
    if assumed is None:
        remedy = "give their number, or names; from-environments is for data of one's own."
        yield Finding(("latents",), "the spec declares a model, whose latents need names", remedy)
    elif assumed.design not in ("single-node", "coupled") or (
        assumed.design == "coupled" and not assumed.pairs
    ):
        what = (
            "a design of pairs that are not listed"
            if assumed.design == "coupled"
            else f"design {assumed.design}"
        )
        remedy = "give their number, e.g. latents: 3; or use design: single-node, or coupled with pairs."
        yield Finding(("latents",), f"{what} has no environment for each latent to be called after", remedy)


@rule("data", "assume")
def components(spec: Spec) -> Iterator[Finding]:
    """Principal components are linear, and mix the noise of the variables; the theory speaks of them alone."""
    if spec.data is None or spec.data.components is None or spec.assume is None:
        return
    here = ("data", "components")
    if spec.assume.mixing == "glm":
        message = "components are linear in the variables, and a glm mixing has a link on each variable"
        yield Finding(
            here, message, "leave components out, or undo the link by data.transform and say mixing: linear."
        )
    if spec.assume.observation_noise == "per-variable":
        message = "a component mixes the noise of all variables, so that no variable's own is left"
        yield Finding(here, message, "use observation_noise: isotropic or none, or leave components out.")
    cost = {
        "linear": "of a linear mixing without noise they lose nothing, if they are as many as latents. With noise, a "
        "latent that moves the variables little may lie outside them",
        "general": "the promise is for the components. A latent is lost where two of its values give the same "
        "components, and only the variables left out would tell them apart",
    }
    if (text := cost.get(spec.assume.mixing)) is not None:
        remedy = "compare results with more components; their share of the variance is reported."
        yield Finding(
            here,
            f"the theory then speaks of {spec.data.components} principal components: {text}",
            remedy,
            "note",
        )


@rule("latents", "mixing")
def enough_observed(spec: Spec) -> Iterator[Finding]:
    """As many observed variables as latents, at least."""
    if spec.mixing is not None and spec.mixing.observed < len(spec.latents):
        message = f"{spec.mixing.observed} observed variables cannot determine {len(spec.latents)} latents"
        remedy = f"set observed to {len(spec.latents)} or more, or name fewer latents."
        yield Finding(("mixing", "observed"), message, remedy)


@rule("latents", "scm", "mixing")
def size_of_model(spec: Spec) -> Iterator[Finding]:
    """What is drawn fits into a spec again, which a run writes."""
    n, mixing = len(spec.latents), spec.mixing
    if mixing is not None and not mixing.is_resolved and mixing.numbers(n) > MAX_VALUES:
        message = f"the mixing would hold {mixing.numbers(n)} numbers; at most {MAX_VALUES} can be written"
        yield Finding(("mixing",), message, "observe fewer variables.")
    if spec.scm is None:
        return
    known, mechanism = parents_of(spec), spec.scm.mechanism
    density = getattr(spec.scm.graph, "density", 1.0)
    numbers = 0.0
    for k, name in enumerate(spec.latents):
        one = mechanism.get(name) if isinstance(mechanism, dict) else mechanism
        parents = int(density * k) if known is None else len(known[name])
        numbers += 0 if one is None or one.is_resolved else one.numbers(parents)
    if numbers > MAX_VALUES:
        message = (
            f"the mechanisms would hold about {numbers:.0f} numbers; at most {MAX_VALUES} can be written"
        )
        yield Finding(("scm", "mechanism"), message, "declare fewer latents or edges, or smaller networks.")


@rule("latents", "environments", "interventions", "samples", "assume")
def samples(spec: Spec) -> Iterator[Finding]:
    """Samples per environment name the environments that there are."""
    if not isinstance(spec.samples, dict):
        return
    if spec.assume is not None:
        yield Finding(
            ("samples",), "samples are counted in the data themselves", "remove samples.", at_key=True
        )
        return
    known = tuple(environment_targets(spec))
    for name in spec.samples:
        if name not in known:
            remedy = suggest(name, known)
            yield Finding(("samples", name), f"unknown environment {name!r}", remedy, at_key=True)
    absent = [name for name in known if name not in spec.samples]
    if absent:
        remedy = "add them, or give one number for all."
        yield Finding(("samples",), f"no number for {', '.join(absent)}", remedy, at_key=True)


@rule("latents", "assume", "data")
def assumptions(spec: Spec) -> Iterator[Finding]:
    """What is assumed fits together."""
    if spec.assume is None:
        return
    assumed, here = spec.assume.interventions, ("assume", "interventions")
    if assumed.design != "observational" and assumed.kind is None:
        yield Finding(here, "the key 'kind' is missing", "add kind: hard or kind: soft.")
    if assumed.design == "coupled" and assumed.pairs is None and assumed.targets == "concealed":
        remedy = "add pairs: [[a1, b1], [a2, b2]], or use design: uncoupled."
        yield Finding(here, "a coupled design needs its pairs of environments", remedy)
    if spec.assume.mixing == "glm" and spec.assume.link is None:
        remedy = "add link: tanh (or another), or use mixing: general."
        yield Finding(("assume", "mixing"), "a glm mixing, x = link(G z), needs its link", remedy)
    if spec.assume.mixing != "glm" and spec.assume.link is not None:
        remedy = "remove link, or use mixing: glm."
        message = f"a link belongs to a glm mixing, not to a {spec.assume.mixing} one"
        yield Finding(("assume", "link"), message, remedy, at_key=True)
    if assumed.pairs is not None:
        if assumed.design != "coupled":
            remedy = "remove pairs, or use design: coupled."
            yield Finding(
                (*here, "pairs"), f"pairs do not belong to a {assumed.design} design", remedy, at_key=True
            )
        names = Counter(name for pair in assumed.pairs for name in pair)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            remedy = "each environment belongs to one pair."
            yield Finding((*here, "pairs"), f"{', '.join(twice)} is in more than one place", remedy)
    for environment, hit in assumed.targets.items() if isinstance(assumed.targets, dict) else ():
        path = (*here, "targets", environment)
        for name in hit if spec.latents else ():
            if name not in spec.latents:
                yield Finding(path, f"unknown latent {name!r}", suggest(name, spec.latents))
        if len(hit) != 1 and assumed.design in ("single-node", "coupled", "uncoupled"):
            remedy = "list one latent, or use design: multi-node."
            yield Finding(
                path, f"a {assumed.design} design has one target per environment, got {len(hit)}", remedy
            )


@rule("conceal", "latents", "environments", "interventions", "scm")
def concealed(spec: Spec) -> Iterator[Finding]:
    """Only what is there can be concealed."""
    if "pairs" in spec.conceal and Setting.of(spec).design not in ("coupled", "uncoupled"):
        remedy = "remove pairs from conceal."
        yield Finding(("conceal",), "there are no pairs of environments to conceal", remedy, "warning")


@rule("latents", "scm")
def support(spec: Spec) -> Iterator[Finding]:
    """Score differences need densities that are positive everywhere."""
    for name, text in (spec.equations or {}).items():
        parsed = equation(text, spec.latents)
        if parsed is not None and parsed.distribution in BOUNDED:
            message = f"the density of {parsed.distribution} is not positive everywhere, as the theorems ask"
            remedy = f"use one of {', '.join(LOCATION_SCALE)}, or take the verdict with care."
            yield Finding(("latents", name), message, remedy, "warning")
    noises = spec.scm.noise if spec.scm is not None else None
    places = [("scm", "noise", name) for name in noises] if isinstance(noises, dict) else [("scm", "noise")]
    for path, noise in zip(places, declared_noises(spec)):
        if noise.bounded:
            message = f"the density of {noise.kind} noise is not positive everywhere, as the theorems ask"
            remedy = "use another kind of noise, or take the verdict with care."
            yield Finding(path, message, remedy, "warning")


@rule("latents", "scm", "environments")
def priors(spec: Spec) -> Iterator[Finding]:
    """Numbers with priors are drawn by compile, and inferred elsewhere."""
    places: list[tuple[tuple[str, ...], Declaration | None]] = []
    for key in ("mechanism", "noise") if spec.scm is not None else ():
        value = getattr(spec.scm, key)
        each = value.items() if isinstance(value, dict) else ((None, value),)
        places += [(("scm", key, *((name,) if name else ())), declared) for name, declared in each]
    for environment, replaced in (spec.environments or {}).items():
        for name, value in replaced.items():
            if not isinstance(value, str):
                here = ("environments", environment, name)
                places += [((*here, "mechanism"), value.mechanism), ((*here, "noise"), value.noise)]
    found = [
        (*here, *place) for here, declared in places if declared is not None for place in declared.priors
    ]
    if found:
        more = f" (as have {len(found) - 1} more)" * (len(found) > 1)
        message = f"{'.'.join(found[0][1:])} has a prior{more}: a compiled model has one draw from it"
        remedy = "to infer such numbers from data in Pyro, use crlspec.bayesian(spec)."
        yield Finding(found[0], message, remedy, "note")
