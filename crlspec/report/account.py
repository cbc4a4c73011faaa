"""The parts of the report that tell how the result came about: stages, what theory promises, provenance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from crlspec.report import page
from crlspec.report.facts import TruthFacts, stage_facts
from crlspec.results.texts import edges_text, number_text

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["promise", "provenance", "stages"]


def stages(result: Record, truth: TruthFacts | None) -> str:
    """What each stage of the estimation changed; empty without stages."""
    facts = stage_facts(result, truth)
    if not facts:
        return ""
    graph, known = result.graph != "not estimated", truth is not None
    head = ["Stage", *(["Causal order", "Edges", "Change"] if graph else []), "Agreement"]
    head += ["MCC"] * known + ["SHD"] * (known and graph) + ["Seconds"]
    rows = []
    for fact in facts:
        changes = [f"+ {edges_text(fact.added)}"] if fact.added else []
        changes += [f"− {edges_text(fact.dropped)}"] if fact.dropped else []
        note = f'<div class="aside">{escape(fact.stage.note)}</div>' if fact.stage.note else ""
        row = [f"{escape(fact.stage.name)}{note}"]
        if graph:
            order, change = ", ".join(fact.stage.order), "<br>".join(map(escape, changes))
            row += [escape(order), str(len(fact.stage.edges)), f"<div>{change or '—'}</div>"]
        row.append(number_text(fact.agreement))
        if known:
            row += [number_text(fact.mcc)] + (["—" if fact.shd is None else str(fact.shd)] if graph else [])
        rows.append([*row, f"{fact.stage.seconds:.2f}"])
    numbers = [k for k, name in enumerate(head) if name in ("Edges", "Agreement", "MCC", "SHD", "Seconds")]
    note = "What each step of the estimation changed. Agreement: mean |correlation| with the final latents."
    return page.section("stages", "Stage by stage", note, page.table(head, rows, numbers, "stack"))


def checks(result: Record) -> str:
    """Every check with its figure, its bound and its consequence; empty where there is none."""
    if not result.checks:
        return ""
    marks = {"passed": "✓ passed", "note": "note", "undecided": "? undecided", "refuted": "✗ refuted"}
    rows = [
        [
            escape(check.name),
            marks[check.consequence],
            escape(_figure(check.figure)),
            escape(_figure(check.bound)),
            escape(str(check.message) + (f" {check.remedy}" if check.remedy and check.objects else "")),
        ]
        for check in sorted(result.checks, key=lambda one: list(marks).index(one.consequence), reverse=True)
    ]
    note = (
        "The status is ok where a theorem covers the setting, no check refutes the design, order, latents and "
        "edges are decided, and every optimiser converged."
    )
    head = ["Check", "Consequence", "Measured", "Bound", "What it means"]
    return page.section("checks", "Checks", note, page.table(head, rows, [2, 3], "stack"))


def _figure(value: float) -> str:
    """Three digits, however small or large; an em dash for what does not apply."""
    if not math.isfinite(value):
        return "—"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def promise(result: Record) -> str:
    """The verdict of the theory; empty where none was asked for."""
    promised = result.identified
    if not promised:
        return ""
    told = [
        ("Theorem", promised.get("theorem")),
        ("Paper", promised.get("paper")),
        ("Latents", promised.get("latents_text")),
        ("Graph", promised.get("graph_text")),
    ]
    rows = [(name, escape(str(value))) for name, value in told if value]
    parts = [page.facts(rows)] if rows else []
    for title, key in (("Missing", "missing"), ("What would mend it", "remedies"), ("Note", "notes")):
        if promised.get(key):
            items = "".join(f"<li>{escape(_text(item))}</li>" for item in promised[key])
            parts.append(f'<h3>{title}</h3><ul class="plain">{items}</ul>')
    note = (
        "This holds with infinitely many samples, and if every assumption is true."
        if rows
        else str(promised.get("text", ""))
    )
    return page.section("theory", "What theory promises", note, *parts)


def _text(item: Any) -> str:
    """A remedy or note as it is; of what is missing the words."""
    return str(item["text"]) if isinstance(item, Mapping) else str(item)


def provenance(result: Record) -> str:
    """Where the result comes from, how to make it again, how to cite it."""
    told: Mapping[str, Any] = result.provenance
    rows = [
        (escape(key), escape(_listed(value)))
        for key, value in told.items()
        if key not in ("spec", "truth", "citation", "ceiling", "thresholds") and value not in ({}, None)
    ]
    seconds = {key: round(value, 2) for key, value in result.estimate.seconds.items()}
    rows += [("seconds", escape(_listed(seconds)))] if seconds else []
    parts = [page.facts(rows)]
    if told.get("spec"):
        parts.append(f"<h3>To make it again</h3><pre>{escape(_again(told))}</pre>")
        spec = f"<pre>{escape(str(told['spec']))}</pre>"
        parts.append(page.details("The spec, which runs again by itself", spec))
    if told.get("thresholds"):
        bounds = [(escape(name), escape(str(value))) for name, value in _flat(told["thresholds"])]
        parts.append(page.details("Bounds of the checks", page.facts(bounds)))
    if result.citation():
        parts.append(page.details("Citation (BibTeX)", f"<pre>{escape(result.citation())}</pre>"))
    return page.section("provenance", "Provenance", "", *parts)


def _again(told: Mapping[str, Any]) -> str:
    """The commands that repeat the run."""
    lines = ["# the folder of this page holds its spec.yaml:", "crlspec replay DIR"]
    seeds = told.get("seeds") or {}
    if "solve" in seeds and len(set(seeds.values())) == 1:
        data = f" --data {told['data']}" if told.get("data") and told.get("truth") else ""
        command = f"crlspec run spec.yaml --seed {seeds['solve']}{data}"
        lines += ["# or from the spec below, saved as spec.yaml:", command]
    return "\n".join(lines)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots, and values that are not mappings themselves."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
