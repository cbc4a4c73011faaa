"""A spec and a verdict at a glance: one line each, and a block for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crlspec.notebook import card

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec
    from crlspec.spec.verdict import Verdict

__all__ = ["latents_text", "spec_card", "spec_line", "verdict_card", "verdict_line"]

NAMED = 12
"""Latents up to which their names are told."""


def latents_text(spec: Spec) -> str:
    """How many latents there are, and their names where these are few."""
    if spec.latents_from is not None:
        return "one for each environment"
    if not spec.latents:
        return "as many as the data show"
    count = len(spec.latents)
    return f"{count}: {', '.join(spec.latents)}" if count <= NAMED else str(count)


def spec_line(spec: Spec) -> str:
    """``<Spec 'name': 5 latents, linear mixing, single-node interventions, estimator lscale-i>``."""
    told = ["latents from environments" if spec.latents_from else "latents counted from the data"]
    if spec.latents:
        told = [f"{len(spec.latents)} latent{'s' * (len(spec.latents) != 1)}"]
    told += [f"{_mixing(spec)} mixing"] if _mixing(spec) else []
    told += [_interventions(spec)] if _interventions(spec) else []
    told += [f"estimator {spec.estimator.kind if spec.estimator else 'none'}"]
    return f"<Spec {spec.name!r}: {', '.join(told)}>"


def spec_card(spec: Spec) -> str:
    """HTML: what the spec declares, a line for each block of the file."""
    counts = spec.samples
    samples = f"{counts:,} in each environment" if isinstance(counts, int) else _pairs(counts)
    own = spec.data is not None
    rows = [
        ("latents", latents_text(spec)),
        ("model", _model(spec)),
        ("mixing", _mixing(spec)),
        ("interventions", _interventions(spec)),
        ("data", str(spec.data.path) if spec.data is not None else ""),
        ("concealed", ", ".join(spec.conceal)),
        ("samples", "" if own else samples),
        ("scores", spec.scores.kind),
        ("estimator", spec.estimator.kind if spec.estimator else "none: no method takes this setting"),
    ]
    return card("Spec", spec.name, rows)


def verdict_line(verdict: Verdict) -> str:
    """``<Verdict: covered, latents 'scaling', graph 'exact', estimator lscale-i>``."""
    covered = "covered" if verdict.covered else "not covered"
    missing = f", {len(verdict.missing)} missing" if verdict.missing else ""
    return (
        f"<Verdict: {covered}{missing}, latents {verdict.latents!r}, graph {verdict.graph!r}, "
        f"estimator {verdict.estimator or 'none'}>"
    )


def verdict_card(verdict: Verdict) -> str:
    """HTML: the promise, what is missing and what would mend it."""
    title = "covered by the theory" if verdict.covered else "not covered by the theory as it stands"
    rows = [
        ("theorem", f"{verdict.theorem} ({verdict.paper})"),
        ("latents", verdict.latents_text),
        ("graph", verdict.graph_text),
        *(("missing", one.text) for one in verdict.missing),
        *(("note", text) for text in verdict.notes),
        *(("remedy", text) for text in verdict.remedies),
        ("estimator", verdict.estimator or "none in this version"),
    ]
    return card("Verdict", title, rows, tone="good" if verdict.covered else "bad")


def _model(spec: Spec) -> str:
    if spec.equations is not None:
        listed = [f"{name}: {text}" for name, text in spec.equations.items()]
        return "; ".join(listed[:NAMED] + ["…"] * (len(listed) > NAMED))
    if spec.scm is None:
        return ""
    graph: Any = spec.scm.graph
    told = f"{len(graph)} edges" if isinstance(graph, tuple) else f"{graph.kind} graph"
    return f"{told}, {_kinds(spec.scm.mechanism)} mechanisms, {_kinds(spec.scm.noise)} noise"


def _kinds(given: Any) -> str:
    return (
        " and ".join(dict.fromkeys(one.kind for one in given.values()))
        if isinstance(given, dict)
        else given.kind
    )


def _mixing(spec: Spec) -> str:
    if spec.mixing is not None:
        return str(spec.mixing.kind)
    return "" if spec.assume is None else spec.assume.mixing


def _interventions(spec: Spec) -> str:
    if spec.environments is not None:
        return f"{len(spec.environments)} environments"
    told: Any = spec.interventions if spec.assume is None else spec.assume.interventions
    if told is None:
        return ""
    design, kind = getattr(told, "design", ""), getattr(told, "kind", None)
    return f"{design} interventions" + (f", {kind}" if kind else "")


def _pairs(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
