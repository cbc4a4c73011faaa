"""report.html: one page that tells what was recovered, how sure it is, and how it was come by. Opens offline."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.errors import OutputExists
from crlspec.inference.estimate import Edge
from crlspec.results import page, pictures
from crlspec.results.facts import POINTS, TruthFacts, judged, score_cells, stage_facts, truth_facts
from crlspec.results.layout import positions
from crlspec.results.palette import THEMED, svg
from crlspec.results.texts import edges_text, p_text

if TYPE_CHECKING:
    from crlspec.results.evaluate import Truth
    from crlspec.results.result import Result

__all__ = ["render", "write_report"]

WORDS = {
    "true": '<span class="good">✓ true</span>',
    "extra": '<span class="bad">✗ not in the truth</span>',
    "reversed": '<span class="bad">⇄ reversed in the truth</span>',
}
STATUS = {"ok": "✓ decided", "undecided": "? undecided", "refuted": "✗ refuted by the data"}


def write_report(result: Result, path: str | Path, *, model: Truth | None = None, force: bool = False) -> Path:
    """Write the page, whole or not at all; with a model, beside the truth. Raises OutputExists unless ``force``."""
    path = Path(path)
    if path.exists() and not force:
        raise OutputExists(f"{path} exists already", remedy="Choose another path, or pass force=True.")
    text = render(result, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def render(result: Result, model: Truth | None = None) -> str:
    """The page as HTML text. The same result, and model, give the same text."""
    truth = None if model is None else truth_facts(result, model)
    name = str(result.provenance.get("name") or _spec_name(result) or "result")
    parts = [
        _opening(result, name),
        _figures(result, truth),
        _graph(result, truth),
        _edges(result, truth),
        _scores(result),
        _latents(result, truth),
        _spectrum(result),
        _stages(result, truth),
        _promise(result),
        _provenance(result),
        "<footer>Made by crlspec. This page is complete in itself and loads nothing from elsewhere.</footer>",
    ]
    return page.page(f"{name} · crlspec report", (part for part in parts if part))


def _opening(result: Result, name: str) -> str:
    status = result.status
    remedy = f"<p>What would help: {escape(status.remedy)}</p>" if status.remedy else ""
    return (
        f'<p class="over">crlspec report</p>\n<h1>{escape(name)}</h1>\n<p class="lead">{escape(_sentence(result))}</p>\n'
        f'<div class="status {status.code}" role="status"><b>{STATUS[status.code]}</b>'
        f"<p>{escape(status.message)}</p>{remedy}</div>"
    )


def _sentence(result: Result) -> str:
    start = {
        "ok": "",
        "undecided": "The data did not decide everything; what they show so far: ",
        "refuted": "The data contradict an assumption, so do not rely on what follows: ",
    }[result.status.code]
    edges = _count(len(result.edges), "edge" if result.graph == "exact" else "ancestral link")
    text = (
        f"{start}{_count(len(result.names), 'latent')} and {edges} recovered from "
        f"{_count(len(result.observed), 'observed variable')} in {_count(len(result.latents.children), 'environment')}."
    )
    promised = result.identified
    if promised.get("covered") and promised.get("latents"):
        graph = {"exact": "exactly", "transitive closure": "up to its transitive closure"}.get(
            str(promised.get("graph")), "in part"
        )
        text += f" Theory promises the latents up to {promised['latents']}, and the graph {graph}."
    elif promised and not promised.get("covered", True):
        text += " No known theorem covers this setting."
    return text[0].upper() + text[1:]


def _figures(result: Result, truth: TruthFacts | None) -> str:
    if truth is None:
        sizes = [node.sizes["sample"] for node in result.latents.children.values()]
        told = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,}–{max(sizes):,}"
        values = [
            ("Latents", str(len(result.names)), f"in {len(result.observed)} observed variables"),
            ("Edges", str(len(result.edges)), f"of {len(result.tested)} pairs tested"),
            ("Samples", told, "per environment"),
        ]
    else:
        found = {str(key): float(value) for key, value in truth.evaluation.data_vars.items() if not value.dims}
        values = [
            ("MCC", _score(found["mcc"]), "mean |correlation| with the truth"),
            ("R²", _score(found["r2"]), "of the truth, up to what is allowed"),
            ("SHD", f"{found['shd']:.0f}", "edges to add, drop or turn"),
            ("Closure SHD", f"{found['shd_closure']:.0f}", "the same for ancestors"),
            ("Precision", _score(found["edge_precision"]), "of the edges found"),
            ("Recall", _score(found["edge_recall"]), "of the true edges"),
            ("Mixing error", _score(found["mixing_error"]), "relative"),
            ("Score error", _score(found["score_error"]), "relative"),
        ]
    seconds = sum(result.estimate.seconds.values())
    if seconds:
        values.append(("Seconds", f"{seconds:.1f}", "scores and inference"))
    return page.cards(values)


def _graph(result: Result, truth: TruthFacts | None) -> str:
    found = judged(result, truth)
    promised = () if truth is None else (truth.edges if result.graph == "exact" else truth.closure)
    places = positions(result.names, promised or list(found))
    strengths = {edge.pair: abs(edge.strength) for edge in result.edges if math.isfinite(edge.strength)}
    most = max(strengths.values(), default=0.0) or 1.0
    widths = {pair: 1.0 + 1.4 * value / most for pair, value in strengths.items()}
    alt = f"Recovered graph: {edges_text(list(found))}."
    left = page.figure(svg(pictures.graph(places, found, widths, THEMED), "dag", alt), "<b>Recovered</b>")
    what = "The edges are the graph itself." if result.graph == "exact" else "The edges are its closure: ancestors."
    note = f"Causes stand above their effects; thicker edges are stronger. {what}"
    if truth is None:
        return page.section("The graph", note, left)
    names = {name: truth.true_name.get(name, name) for name in result.names}
    missed = {pair: "missed" if pair not in found else "plain" for pair in promised}
    renamed = {(names[a], names[b]): kind for (a, b), kind in missed.items()}
    picture = pictures.graph({names[name]: place for name, place in places.items()}, renamed, None, THEMED)
    alt = f"True graph: {edges_text(list(renamed))}."
    right = page.figure(svg(picture, "truth", alt), "<b>Truth</b>")
    key = (
        '<ul class="key"><li><i></i>found and true</li><li><i class="extra"></i>found, not in the truth</li>'
        '<li><i class="reversed"></i>found reversed</li><li><i class="missed"></i>true, not found</li></ul>'
    )
    return page.section("The graph", note, f'<div class="side">{left}{right}</div>{key}')


def _edges(result: Result, truth: TruthFacts | None) -> str:
    found = judged(result, truth)
    head = ["Edge", "Strength", "p-value", *(["Truth"] if truth else [])]

    def row(edge: Edge, word: str) -> list[str]:
        name = f"{escape(edge.source)} → {escape(edge.target)}"
        strength = f"{edge.strength:.3g}" if math.isfinite(edge.strength) else "—"
        return [name, strength, p_text(edge.p_value), *([word] if truth else [])]

    rows = [row(edge, WORDS.get(found[edge.pair], "")) for edge in result.edges]
    shown = page.table(head, rows, (1, 2)) if rows else "<p>No edge was found.</p>"
    others = [edge for edge in result.tested if edge.pair not in found]
    parts = [shown]
    if others:
        promised = set() if truth is None else set(truth.edges if result.graph == "exact" else truth.closure)
        missed = '<span class="bad">✗ missed</span>'
        lines = [
            row(edge, missed if edge.pair in promised else "") for edge in sorted(others, key=lambda e: e.p_value)
        ]
        title = f"{_count(len(others), 'pair')} tested and not found"
        parts.append(page.details(title, page.table(head, lines, (1, 2))))
    note = "Strength is a standardised effect size; the p-value asks for the data if there were no such edge."
    return page.section("Edges", note, *parts)


def _scores(result: Result) -> str:
    if "score_differences" not in result.diagnostics:
        return ""
    values, environments, latents, pairs, cells = score_cells(result)
    picture = pictures.score_map(values, environments, latents, cells["targets"], cells["parents"], THEMED)
    alt = (
        f"Heat map of score differences, {len(environments)} environments by {len(latents)} latents. Expected away from "
        f"0: each environment's own target, and its parents ({edges_text(pairs)})."
    )
    note = (
        "How far each environment moves the score of each latent (root mean square, observational standard deviations). "
        "An intervention can move only its target and the target's parents."
    )
    caption = (
        "Bold frame: the target of the environment. Fine frame: its parents in the recovered graph. Ink outside the "
        "frames speaks against the graph or the latents."
    )
    return page.section("Score differences", note, page.figure(svg(picture, "scores", alt), caption, "left"))


def _latents(result: Result, truth: TruthFacts | None) -> str:
    obs = result.latents.children[result.observational].to_dataset()["z_hat"]
    panels = []
    if truth is not None:
        rng = np.random.default_rng(0)
        pick = np.sort(rng.permutation(truth.z.sizes["sample"])[: POINTS * 4])
        z_hat = result.encoder(truth.x.isel(sample=pick))
        correlation = dict(zip(truth.true_name, truth.evaluation["correlation"].values, strict=False))
        for k, name in enumerate(str(value) for value in truth.z["latent"].values):
            z = truth.z.isel(sample=pick).sel(latent=name).values
            true = truth.true_name[name]
            figure = pictures.scatter(z, z_hat.sel(latent=name).values, truth.own[pick, k], true, THEMED)
            alt = f"Recovered {name} against true {true}: absolute correlation {correlation[name]:.4f}."
            caption = f"<b>{escape(name)}</b> · |r| = {_score(float(correlation[name]))}"
            panels.append(page.figure(svg(figure, f"latent{k}", alt), caption))
        title, note = "Latents against the truth", (
            "Fresh samples of all environments; orange: the environment that targets the latent. A straight line is "
            "perfect; its slope and sign carry no meaning, since scale and sign cannot be known."
        )
    else:
        for k, name in enumerate(result.names):
            environment = result.environment_of[name]
            own = result.latents.children[environment].to_dataset()["z_hat"].sel(latent=name).values
            figure = pictures.histogram(obs.sel(latent=name).values, own, name, THEMED)
            alt = f"Distribution of {name} without intervention and in {environment}."
            panels.append(page.figure(svg(figure, f"latent{k}", alt), f"outline: {escape(environment)}"))
        title, note = "The latents", (
            "Each latent without intervention (filled) and in the environment that targets it (outline). Without "
            "intervention every latent has mean 0 and variance 1, by convention."
        )
    return page.section(title, note, f'<div class="many">{"".join(panels)}</div>')


def _spectrum(result: Result) -> str:
    if "spectrum" not in result.diagnostics:
        return ""
    values = np.asarray(result.diagnostics["spectrum"].values, dtype=float)
    n = len(result.names)
    alt = f"Eigenvalues: component {n} has {values[n - 1]:.2g}" + (
        f", component {n + 1} has {values[n]:.2g}." if len(values) > n else "."
    )
    note = (
        f"Eigenvalues of the pooled, standardised covariance. A linear mixing of {n} latents leaves {n} components (filled) "
        "and nothing but noise after the dashed line; more than that speaks against a linear mixing, fewer against "
        f"{n} latents."
    )
    picture = svg(pictures.spectrum(values, n, THEMED), "spectrum", alt)
    return page.section("How many dimensions", note, page.figure(picture, "", "left"))


def _stages(result: Result, truth: TruthFacts | None) -> str:
    facts = stage_facts(result, truth)
    if not facts:
        return ""
    head = ["Stage", "Causal order", "Edges", "Change", "Agreement", *(["MCC", "SHD"] if truth else []), "Seconds"]
    rows = []
    for fact in facts:
        changes = [f"+ {edges_text(fact.added)}"] if fact.added else []
        changes += [f"− {edges_text(fact.dropped)}"] if fact.dropped else []
        note = f"<br><small>{escape(fact.stage.note)}</small>" if fact.stage.note else ""
        known = [_score(fact.mcc), str(fact.shd)] if truth else []
        rows.append(
            [
                f"{escape(fact.stage.name)}{note}",
                escape(", ".join(fact.stage.order)),
                str(len(fact.stage.edges)),
                "<br>".join(escape(change) for change in changes) or "—",
                _score(fact.agreement),
                *known,
                f"{fact.stage.seconds:.2f}",
            ]
        )
    numbers = (2, 4, 5, 6, 7) if truth else (2, 4, 5)
    note = "What each step of the estimation changed. Agreement: mean |correlation| with the final latents."
    return page.section("Stage by stage", note, page.table(head, rows, numbers))


def _promise(result: Result) -> str:
    promised = result.identified
    if not promised:
        return ""
    facts = [
        ("Theorem", promised.get("theorem")),
        ("Paper", promised.get("paper")),
        ("Latents up to", promised.get("latents")),
        ("Graph", promised.get("graph_text") or promised.get("graph")),
    ]
    rows = [[escape(name), escape(str(value))] for name, value in facts if value]
    parts = [page.table(("", ""), rows)] if rows else []
    for title, key in (("Missing", "missing"), ("What would mend it", "remedies")):
        if promised.get(key):
            items = "".join(f"<li>{escape(str(item))}</li>" for item in promised[key])
            parts.append(f'<p class="note">{title}:</p><ul class="plain">{items}</ul>')
    return page.section("What theory promises", str(promised.get("text", "")), *parts)


def _provenance(result: Result) -> str:
    told: Mapping[str, Any] = result.provenance
    rows = [
        [escape(key), escape(_listed(value))] for key, value in told.items() if key != "spec" and value not in ({}, None)
    ]
    rows += [["seconds", escape(_listed({k: round(v, 3) for k, v in result.estimate.seconds.items()}))]]
    parts = [page.table(("", ""), rows)]
    if told.get("spec"):
        parts.append(page.details("The spec, which runs again by itself", f"<pre>{escape(str(told['spec']))}</pre>"))
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


def _score(value: float | None) -> str:
    """Three decimals, four close to 1; an em dash for what does not apply."""
    if value is None or not math.isfinite(value):
        return "—"
    return f"{value:.4f}" if 0.99 < value < 1 else f"{value:.3f}"


def _count(number: int, thing: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return f"{words[number] if number < len(words) else number} {thing}{'' if number == 1 else 's'}"
