"""report.html: one page that tells what was recovered, how surely and by which steps. Opens offline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.results import page, sections
from crlspec.results.facts import TruthFacts, truth_facts
from crlspec.results.storage import write_file
from crlspec.results.texts import count_text, number_text
from crlspec.results.traversals import traversals

if TYPE_CHECKING:
    from crlspec.results.evaluate import Truth
    from crlspec.results.result import Result

__all__ = ["render", "write_report"]

STATUS = {"ok": "✓ decided", "undecided": "? undecided", "refuted": "✗ refuted by the data"}


def write_report(
    result: Result, path: str | Path, *, model: Truth | None = None, force: bool = False
) -> Path:
    """Write the page, whole or not at all; with a model, beside the truth. OutputExists unless ``force``."""
    path = Path(path)
    write_file(path, lambda to: to.write_text(render(result, model), encoding="utf-8"), force)
    return path


def render(result: Result, model: Truth | None = None) -> str:
    """The page as HTML text. The same result, and model, give the same text."""
    truth = None if model is None else truth_facts(result, model)
    name = str(result.provenance.get("name") or _spec_name(result) or "result")
    parts = [
        _opening(result, name),
        _figures(result, truth),
        sections.graph(result, truth),
        sections.edges(result, truth),
        sections.signature(result, truth),
        sections.scores(result),
        sections.latents(result, truth),
        traversals(result),
        sections.spectrum(result),
        sections.stages(result, truth),
        _promise(result),
        _provenance(result),
        "<footer>Made by crlspec. This page is complete in itself and loads nothing from elsewhere.</footer>",
    ]
    return page.page(f"{name} · crlspec report", (part for part in parts if part))


def _opening(result: Result, name: str) -> str:
    status = result.status
    remedy = f"<p>What would help: {escape(status.remedy)}</p>" if status.remedy else ""
    return (
        f'<p class="over">crlspec report</p>\n<h1>{escape(name)}</h1>\n'
        f'<p class="lead">{escape(_sentence(result))}</p>\n'
        f'<div class="status {status.code}" role="status"><b>{STATUS[status.code]}</b>'
        f"<p>{escape(status.message)}</p>{remedy}</div>"
    )


def _sentence(result: Result) -> str:
    start = {
        "ok": "",
        "undecided": "The data did not decide everything; what they show so far: ",
        "refuted": "The data contradict an assumption, so do not rely on what follows: ",
    }[result.status.code]
    edges = count_text(len(result.edges), "edge" if result.graph == "exact" else "ancestral link")
    edges = "no estimate of a graph" if result.graph == "not estimated" else edges
    text = (
        f"{start}{count_text(len(result.names), 'latent')} and {edges} recovered from "
        f"{count_text(len(result.observed), 'observed variable')} "
        f"in {count_text(len(result.latents.children), 'environment')}."
    )
    promised = result.identified
    if promised.get("covered") and promised.get("latents"):
        graph = {"exact": "exactly", "transitive closure": "up to its transitive closure"}.get(
            str(promised.get("graph")), "in part"
        )
        text += f" Theory promises the latents {promised['latents']}, and the graph {graph}."
    elif promised and not promised.get("covered", True):
        text += " No known theorem covers this setting."
    return text[0].upper() + text[1:]


def _figures(result: Result, truth: TruthFacts | None) -> str:
    if truth is None:
        sizes = [node.sizes["sample"] for node in result.latents.children.values()]
        told = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,}–{max(sizes):,}"
        values = [
            ("Latents", str(len(result.names)), f"in {len(result.observed)} observed variables"),
            ("Edges", "—", "not estimated")
            if result.graph == "not estimated"
            else ("Edges", str(len(result.edges)), f"of {len(result.tested)} pairs tested"),
            ("Samples", told, "per environment"),
        ]
    else:
        arrays = truth.evaluation.data_vars.items()
        found = {str(key): float(value) for key, value in arrays if not value.dims}
        values = [
            ("MCC", number_text(found["mcc"]), "mean |correlation| with the truth"),
            ("R²", number_text(found["r2"]), "of the truth, up to what is allowed"),
            ("SHD", _count(found["shd"]), "edges to add, drop or turn"),
            ("Closure SHD", _count(found["shd_closure"]), "the same for ancestors"),
            ("Precision", number_text(found["edge_precision"]), "of the edges found"),
            ("Recall", number_text(found["edge_recall"]), "of the true edges"),
            ("Mixing error", number_text(found["mixing_error"]), "relative"),
            ("Score error", number_text(found["score_error"]), "relative"),
        ]
    seconds = sum(result.estimate.seconds.values())
    if seconds:
        values.append(("Seconds", f"{seconds:.1f}", "scores and inference"))
    return page.cards(values)


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "—"


def _promise(result: Result) -> str:
    promised = result.identified
    if not promised:
        return ""
    facts = [
        ("Theorem", promised.get("theorem")),
        ("Paper", promised.get("paper")),
        ("Latents", promised.get("latents")),
        ("Graph", promised.get("graph_text") or promised.get("graph")),
    ]
    rows = [[escape(name), escape(str(value))] for name, value in facts if value]
    parts = [page.table(("", ""), rows)] if rows else []
    for title, key in (("Missing", "missing"), ("What would mend it", "remedies"), ("Note", "notes")):
        if promised.get(key):
            items = "".join(f"<li>{escape(str(item))}</li>" for item in promised[key])
            parts.append(f'<p class="note">{title}:</p><ul class="plain">{items}</ul>')
    told = "" if rows else str(promised.get("text", ""))
    return page.section("What theory promises", told, *parts)


def _provenance(result: Result) -> str:
    told: Mapping[str, Any] = result.provenance
    rows = [
        [escape(key), escape(_listed(value))]
        for key, value in told.items()
        if key != "spec" and value not in ({}, None)
    ]
    rows += [["seconds", escape(_listed({k: round(v, 3) for k, v in result.estimate.seconds.items()}))]]
    parts = [page.table(("", ""), rows)]
    if told.get("spec"):
        spec = f"<pre>{escape(str(told['spec']))}</pre>"
        parts.append(page.details("The spec, which runs again by itself", spec))
    if result.citation():
        parts.append(page.details("Citation (BibTeX)", f"<pre>{escape(result.citation())}</pre>"))
    return page.section("Provenance", "", *parts)


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _spec_name(result: Result) -> str:
    lines = str(result.provenance.get("spec", "")).splitlines()
    return next((line[5:].strip().strip("'\"") for line in lines if line.startswith("name:")), "")
