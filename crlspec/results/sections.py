"""The parts of the report that show what was found: graph, edges, scores, latents, spectrum, stages.

Each takes the Result, and the truth where one is known, and gives an HTML section.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.inference.estimate import Edge
from crlspec.results import page, pictures
from crlspec.results.facts import POINTS, TruthFacts, judged, score_cells, stage_facts
from crlspec.results.layout import positions
from crlspec.results.palette import THEMED, svg
from crlspec.results.texts import count_text, edges_text, number_text, p_text

if TYPE_CHECKING:
    from crlspec.results.result import Result

__all__ = ["edges", "graph", "latents", "scores", "signature", "spectrum", "stages"]

WORDS = {
    "true": '<span class="good">✓ true</span>',
    "extra": '<span class="bad">✗ not in the truth</span>',
    "reversed": '<span class="bad">⇄ reversed in the truth</span>',
}


def graph(result: Result, truth: TruthFacts | None) -> str:
    """The recovered graph, beside the truth where it is known."""
    if result.graph == "not estimated":
        return page.section("The graph", "Not estimated: this estimator gives latents alone.")
    found = judged(result, truth)
    promised = () if truth is None else (truth.edges if result.graph == "exact" else truth.closure)
    places = positions(result.names, promised or list(found))
    strengths = {edge.pair: abs(edge.strength) for edge in result.edges if math.isfinite(edge.strength)}
    most = max(strengths.values(), default=0.0) or 1.0
    widths = {pair: 1.0 + 1.4 * value / most for pair, value in strengths.items()}
    alt = f"Recovered graph: {edges_text(list(found))}."
    picture = svg(pictures.graph(places, found, widths, THEMED), "dag", alt)
    exact = result.graph == "exact"
    what = "The edges are the graph itself." if exact else "The edges are its closure: ancestors."
    note = f"Causes stand above their effects; thicker edges are stronger. {what}"
    if truth is None:
        return page.section("The graph", note, page.figure(picture))
    left = page.figure(picture, "<b>Recovered</b>")
    names = {name: truth.true_name.get(name, name) for name in result.names}
    renamed = {
        (names[a], names[b]): "plain" if (a, b) in found else "reversed" if (b, a) in found else "missed"
        for a, b in promised
    }
    truly = pictures.graph({names[name]: place for name, place in places.items()}, renamed, None, THEMED)
    alt = f"True graph: {edges_text(list(renamed))}."
    right = page.figure(svg(truly, "truth", alt), "<b>Truth</b>")
    key = (
        '<ul class="key"><li><i></i>found and true</li><li><i class="extra"></i>found, not in the truth</li>'
        '<li><i class="reversed"></i>found reversed</li><li><i class="missed"></i>true, not found</li></ul>'
    )
    return page.section("The graph", note, f'<div class="side">{left}{right}</div>{key}')


def edges(result: Result, truth: TruthFacts | None) -> str:
    """A table of the edges found, and of the pairs tested and not found; empty where no graph was estimated."""
    if result.graph == "not estimated":
        return ""
    found = judged(result, truth)
    head = ["Edge", "Strength", "p-value", *(["Truth"] if truth else [])]

    def row(edge: Edge, word: str) -> list[str]:
        name = f"{escape(edge.source)} → {escape(edge.target)}"
        strength = f"{edge.strength:.3g}" if math.isfinite(edge.strength) else "—"
        return [name, strength, p_text(edge.p_value), *([word] if truth else [])]

    rows = [row(edge, WORDS.get(found[edge.pair], "")) for edge in result.edges]
    shown = page.table(head, rows, (1, 2), "narrow") if rows else "<p>No edge was found.</p>"
    others = [edge for edge in result.tested if edge.pair not in found]
    parts = [shown]
    if others:
        promised = set() if truth is None else set(truth.edges if result.graph == "exact" else truth.closure)
        missed = '<span class="bad">✗ missed</span>'
        ranked = sorted(others, key=lambda edge: edge.p_value)
        lines = [row(edge, missed if edge.pair in promised else "") for edge in ranked]
        title = f"{count_text(len(others), 'pair').capitalize()} tested and not found"
        parts.append(page.details(title, page.table(head, lines, (1, 2), "narrow")))
    note = "Strength is a standardised effect size; the p-value asks for the data if there were no such edge."
    return page.section("Edges", note, *parts)


def scores(result: Result) -> str:
    """The map of score differences with the cells where theory expects them; empty without a diagnostic."""
    if "score_differences" not in result.diagnostics:
        return ""
    values, environments, latents, pairs, cells = score_cells(result)
    picture = pictures.score_map(
        values, environments, latents, cells["targets"], cells["parents"], palette=THEMED
    )
    alt = (
        f"Heat map of score differences, {len(environments)} environments by {len(latents)} latents. "
        f"Expected away from 0: each environment's own target, and its parents ({edges_text(pairs)})."
    )
    note = (
        "How far each environment moves the score of each latent (root mean square, latents in observational "
        "standard deviations). An intervention can move only its target and the target's parents."
    )
    caption = (
        "Bold frame: the target of the environment. Fine frame: its parents in the recovered graph. Ink "
        "outside the frames speaks against the graph or the latents."
    )
    return page.section("Score differences", note, page.beside(svg(picture, "scores", alt), caption))


def signature(result: Result, truth: TruthFacts | None) -> str:
    """Which environment targets which latent; empty without a signature."""
    if "signature" not in result.diagnostics:
        return ""
    found, strength = result.diagnostics["signature"], result.diagnostics["signature_strength"]
    rows = []
    for environment in (str(name) for name in found["environment"].values):
        cells = []
        for name in result.names:
            hit = int(found.sel(environment=environment, latent=name))
            share = float(strength.sel(environment=environment, latent=name))
            cells.append(f'{"<b>●</b>" if hit else "·"} <span class="aside">{share:.2f}</span>')
        rows.append([escape(environment), *cells])
    note = (
        "A dot: the environment intervenes on the latent. The number: the size of the change of the latent's "
        "mechanism, beside that where it is targeted: about 1 with a dot and 0 without."
    )
    if truth is not None and "signature_accuracy" in truth.evaluation:
        share = float(truth.evaluation["signature_accuracy"])
        note += f" Entries that are right: {share:.1%}."
    table = page.table(["Environment", *(escape(name) for name in result.names)], rows)
    return page.section("Who is targeted where", note, table)


def latents(result: Result, truth: TruthFacts | None) -> str:
    """Each latent against the truth; without a truth, how its own environment changes it."""
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
            caption = f"<b>{escape(name)}</b> · |r| = {number_text(float(correlation[name]))}"
            panels.append(page.figure(svg(figure, f"latent{k}", alt), caption))
        title, note = (
            "Latents against the truth",
            (
                "Fresh samples of all environments; orange: the environment that targets the latent. A straight "
                "line is perfect; its slope and sign carry no meaning, since scale and sign cannot be known."
            ),
        )
    else:
        for k, name in enumerate(result.names):
            environment = result.environment_of.get(name, result.observational)
            own = result.latents.children[environment].to_dataset()["z_hat"].sel(latent=name).values
            figure = pictures.histogram(obs.sel(latent=name).values, own, name, THEMED)
            alt = f"Distribution of {name} without intervention and in {environment}."
            panels.append(page.figure(svg(figure, f"latent{k}", alt), f"outline: {escape(environment)}"))
        title, note = (
            "The latents",
            (
                "Each latent without intervention (filled) and in the environment that targets it (outline). "
                "Without intervention every latent has mean 0 and variance 1, by convention."
            ),
        )
    return page.section(title, note, f'<div class="many">{"".join(panels)}</div>')


def spectrum(result: Result) -> str:
    """How many components the data have; empty without a diagnostic."""
    if "spectrum" not in result.diagnostics:
        return ""
    values = np.asarray(result.diagnostics["spectrum"].values, dtype=float)
    n = len(result.names)
    alt = f"Eigenvalues: component {n} has {values[n - 1]:.2g}" + (
        f", component {n + 1} has {values[n]:.2g}." if len(values) > n else "."
    )
    told = (
        f"A mixing that is not linear may leave any number of components, at least {n}; a sharp end after the dashed "
        "line says that it is nearly linear."
        if result.estimate.mixing is None
        else f"A linear mixing of {n} latents leaves {n} components (filled) and nothing but noise after the "
        f"dashed line. More than that speaks against a linear mixing, fewer against {n} latents."
    )
    picture = svg(pictures.spectrum(values, n, THEMED), "spectrum", alt)
    note = "Eigenvalues of the pooled, standardised covariance of the observed variables."
    return page.section("How many dimensions", note, page.beside(picture, told))


def stages(result: Result, truth: TruthFacts | None) -> str:
    """What each stage of the estimation changed; empty without stages."""
    facts = stage_facts(result, truth)
    if not facts:
        return ""
    known = ["MCC", "SHD"] if truth else []
    head = ["Stage", "Causal order", "Edges", "Change", "Agreement", *known, "Seconds"]
    rows = []
    for fact in facts:
        changes = [f"+ {edges_text(fact.added)}"] if fact.added else []
        changes += [f"− {edges_text(fact.dropped)}"] if fact.dropped else []
        note = f'<div class="aside">{escape(fact.stage.note)}</div>' if fact.stage.note else ""
        known = [number_text(fact.mcc), "—" if fact.shd is None else str(fact.shd)] if truth else []
        rows.append(
            [
                f"{escape(fact.stage.name)}{note}",
                escape(", ".join(fact.stage.order)),
                str(len(fact.stage.edges)),
                f'<div class="roomy">{"<br>".join(escape(change) for change in changes) or "—"}</div>',
                number_text(fact.agreement),
                *known,
                f"{fact.stage.seconds:.2f}",
            ]
        )
    numbers = (2, 4, 5, 6, 7) if truth else (2, 4, 5)
    note = "What each step of the estimation changed. Agreement: mean |correlation| with the final latents."
    return page.section("Stage by stage", note, page.table(head, rows, numbers))
