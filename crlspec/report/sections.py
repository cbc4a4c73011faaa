"""The parts of the report that show what was found: graph, edges, targets, latents.

Each takes the Record, and the truth where one is known, and gives an HTML section, or nothing where its data are not
there. What speaks for it is in ``evidence``, how it came about in ``account``.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.inference.estimate import Edge
from crlspec.report import charts, page, pictures
from crlspec.report.facts import POINTS, Pair, TruthFacts, alpha_of, doubtful, judged, open_edges
from crlspec.report.graph_picture import LABELLED, laid, lines, surely
from crlspec.report.palette import THEMED
from crlspec.report.pictures import Line
from crlspec.report.svg import svg
from crlspec.results.texts import absent_text, absent_texts, count_text, edges_text, number_text, p_text

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["edges", "graph", "latents", "signature"]

WORDS = {
    "true": '<span class="good">✓ true</span>',
    "extra": '<span class="bad">✗ not in the truth</span>',
    "reversed": '<span class="bad">⇄ reversed in the truth</span>',
}
KEY = {
    "plain": ("i", "plain", "found"),
    "true": ("i", "true", "found and true"),
    "extra": ("i", "extra", "✗ found, not in the truth"),
    "reversed": ("i", "reversed", "⇄ found, and the other way round in the truth"),
    "missed": ("i", "missed", "✗ true, not found"),
    "indirect": ("i", "indirect", "ancestor: directly, through others, or both"),
    "doubtful": ("i", "doubtful", "? nearly found, p below ten times alpha"),
    "open": ("i", "open", "not seen; could be up to the strength on it"),
}


def graph(result: Record, truth: TruthFacts | None) -> str:
    """The recovered graph, beside the truth where it is known; empty where no graph was estimated."""
    if result.graph == "not estimated":
        return ""
    found = lines(result, truth)
    drawn = surely(found)
    promised = () if truth is None else _promised(result, truth)
    places = laid(result.names, [*promised, *drawn], promised)
    picture = svg(
        pictures.graph(places, found, THEMED), "dag", f"Recovered graph: {edges_text(drawn)}.", _told(result)
    )
    exact = result.graph == "exact"
    note = {
        "ok": "",
        "undecided": "The data do not decide all of this graph; see the checks. ",
        "refuted": "The data contradict an assumption, so do not rely on this graph. ",
    }[result.status.code]
    note += "Causes stand above their effects. Thicker edges are stronger"
    note += ", and the number on an edge is its strength. " if len(drawn) <= LABELLED else ". "
    if exact:
        note += "The edges are those of the graph itself."
    else:
        note += (
            "Soft interventions show who is an ancestor of whom, not which effects are direct. A solid edge has no "
            "latent between its ends, so it is direct. A dashed one may be indirect."
        )
    kinds = [line.kind for line in found.values()]
    kinds += ["indirect"] * any(not found[pair].direct for pair in drawn)
    if truth is None:
        shown = [kind for kind in KEY if kind in kinds]
        legend = page.key(KEY[kind] for kind in shown) if shown != ["plain"] else ""
        return page.section("graph", "The graph", note, page.figure(picture), legend)
    names = {name: truth.true_name.get(name, name) for name in result.names}
    true_lines = {
        (names[a], names[b]): Line(
            "plain" if (a, b) in drawn else "reversed" if (b, a) in drawn else "missed",
            (a, b) in truth.edges,
        )
        for a, b in promised
    }
    truly = pictures.graph(places.renamed(names), true_lines, THEMED)
    right = svg(truly, "truth", f"True graph: {edges_text(list(true_lines))}.")
    kinds += [line.kind for line in true_lines.values()]
    kinds += ["indirect"] * any(not line.direct for line in true_lines.values())
    both = page.figure(picture, "<b>Recovered</b>", titled=True) + page.figure(
        right, "<b>Truth</b>", titled=True
    )
    marks = [KEY[kind] for kind in KEY if kind in kinds and kind != "plain"]
    return page.section("graph", "The graph", note, f'<div class="side">{both}</div>', page.key(marks))


def _told(result: Record) -> str:
    told = [
        f"{edge.source} to {edge.target}, strength {edge.strength:.2g}, p {p_text(edge.p_value)}"
        for edge in result.edges
    ]
    told += [
        f"{source} to {target} not seen, could be up to {strength:.2g}"
        for (source, target), strength in open_edges(result).items()
    ]
    return "; ".join(told)


def _promised(result: Record, truth: TruthFacts) -> tuple[Pair, ...]:
    return truth.edges if result.graph == "exact" else truth.closure


def edges(result: Record, truth: TruthFacts | None) -> str:
    """A table of the edges found, and of the pairs tested and not found; empty where no graph was estimated."""
    if result.graph == "not estimated":
        return ""
    found, near = judged(result, truth), doubtful(result)
    head = ["Edge", "Strength", "p-value", *(["Truth"] if truth else [])]

    def row(edge: Edge, word: str) -> list[str]:
        name = f"{escape(edge.source)} → {escape(edge.target)}"
        strength = f"{edge.strength:.3g}" if math.isfinite(edge.strength) else "—"
        p_value = escape(p_text(edge.p_value)) + (" <b>?</b>" if edge.pair in near else "")
        return [name, strength, p_value, *([word] if truth else [])]

    rows = [row(edge, WORDS.get(found[edge.pair], "")) for edge in result.edges]
    parts = [page.table(head, rows, (1, 2), "narrow") if rows else "<p>No edge was found.</p>"]
    others = [edge for edge in result.tested if edge.pair not in found]
    if others:
        promised = set() if truth is None else set(_promised(result, truth))
        missed = '<span class="bad">✗ missed</span>'
        ranked = sorted(others, key=lambda edge: edge.p_value)
        absence = {edge.pair: absent_text(edge) for edge in result.absent_edges}
        lines = [[*row(edge, missed if edge.pair in promised else ""), absence[edge.pair]] for edge in ranked]
        title = f"{count_text(len(others), 'pair').capitalize()} tested and not found"
        parts += [
            f"<p>{escape(text[0].upper() + text[1:])}.</p>"
            for text in absent_texts(result.absent_edges, result.graph)
        ]
        parts.append(page.details(title, page.table([*head, "Absence"], lines, (1, 2), "narrow")))
    return page.section(
        "edges", "Edges", _meaning(alpha_of(result), bool(near), result.strength_unit), *parts
    )


def _meaning(alpha: float | None, near: bool, unit: str) -> str:
    level = "alpha" if alpha is None else f"alpha = {alpha:g}"
    share = (
        ""
        if alpha is None
        else f". Then about {100 * alpha:.2g} of a hundred pairs without an edge are drawn by mistake"
    )
    text = (
        "The p-value is the probability, if there were no edge, of data at least as much in favour of one. An "
        f"edge is drawn where the p-value is below {level}{share}, if the test is calibrated. Strength is in "
        f"{unit}. It has no sign, since the signs of latents are arbitrary. A "
        "pair that was not found is excluded above the strength at which an edge would have been seen four times in "
        "five, if that is small enough. Otherwise it is open, and drawn dashed."
    )
    return text + (" A question mark means a p-value within a factor of ten of alpha." if near else "")


def signature(result: Record, truth: TruthFacts | None) -> str:
    """Which environment targets which latent; empty without a signature."""
    if result.signature is None:
        return ""
    found = result.signature.transpose("environment", "latent").sel(latent=list(result.order))
    measured = result.diagnostics.get("signature_strength")
    strength = (found if measured is None else measured).transpose("environment", "latent")
    strength = strength.sel(latent=list(result.order)).astype(float)
    environments, names = [str(name) for name in found["environment"].values], list(result.order)
    hits = found.values.astype(bool)
    frames = {"target": [(int(i), int(j)) for i, j in np.argwhere(hits)]}
    note = "Bold frame: the environment intervenes on the latent."
    if measured is not None:
        note += (
            " Numbers are sizes of the change of a latent's mechanism, relative to environments that target it. They "
            "should be about 1 inside the frames and 0 outside."
        )
    if truth is not None:
        true = np.array([[z in truth.targets.get(e, ()) for z in names] for e in environments])
        frames["surplus"] = [(int(i), int(j)) for i, j in np.argwhere(hits & ~true)]
        frames["lacking"] = [(int(i), int(j)) for i, j in np.argwhere(~hits & true)]
        share = f"{(hits == true).mean():.1%}" if (hits != true).any() else "All"
        note += f" {share} of the entries are right."
    values = strength.values
    texts = [[f"{value:.2f}" if measured is not None else "" for value in line] for line in values]
    told = "; ".join(
        f"{e}: {', '.join(z for z, hit in zip(names, line, strict=True) if hit) or 'none'}"
        for e, line in zip(environments, hits, strict=True)
    )
    figure = charts.cell_map(values, environments, names, frames, texts, THEMED)
    wrong = bool(frames.get("surplus") or frames.get("lacking"))
    legend = page.key([("u", "surplus", "× not targeted in truth, ○ targeted in truth")]) if wrong else ""
    picture = svg(figure, "signature", "Signature: who is targeted where.", f"{told}.")
    return page.section("targets", "Who is targeted where", note, page.figure(picture), legend)


def latents(result: Record, truth: TruthFacts | None) -> str:
    """Each latent against the truth; without a truth, how its own environment changes it."""
    return _distributions(result) if truth is None else _against_truth(result, truth)


def _against_truth(result: Record, truth: TruthFacts) -> str:
    panels = []
    rng = np.random.default_rng(0)
    pick = np.sort(rng.permutation(truth.z.sizes["sample"])[: POINTS * 4])
    z_hat = result.encoder(truth.x.isel(sample=pick))
    correlation = dict(zip(truth.true_name, truth.evaluation["correlation"].values, strict=False))
    for k, name in enumerate(str(value) for value in truth.z["latent"].values):
        z = truth.z.isel(sample=pick).sel(latent=name).values
        true, r = truth.true_name[name], float(correlation[name])
        figure = pictures.scatter(z, z_hat.sel(latent=name).values, truth.own[pick, k], true, THEMED)
        title = f"Recovered {name} against true {true}: absolute correlation {r:.4f}."
        caption = f"<b>{escape(name)}</b> · |r| = {number_text(r)}"
        panels.append(page.figure(svg(figure, f"latent{k}", title), caption))
    note = (
        "New samples of all environments, those of the environment that targets the latent in orange. A "
        "straight line is perfect. Its slope has no meaning, since scale and sign of a latent cannot be known."
    )
    if result.graph == "transitive closure":
        note += (
            " Under soft interventions a latent comes back mixed with its ancestors: only roots are straight."
        )
    body = f'<div class="many">{"".join(panels)}</div>'
    return page.section("latents", "Latents against the truth", note, body)


def _distributions(result: Record) -> str:
    obs = result.latents.children[result.observational].to_dataset()["z_hat"]
    panels = []
    for k, name in enumerate(result.names):
        environment = result.environment_of.get(name)
        own = (
            result.latents.children[environment or result.observational]
            .to_dataset()["z_hat"]
            .sel(latent=name)
        )
        figure = charts.densities([(name, obs.sel(latent=name).values, own.values)], THEMED)
        title = f"Distribution of {name} without intervention" + (
            f" and in {environment}." if environment else "."
        )
        panels.append(
            page.figure(
                svg(figure, f"latent{k}", title), f"outline: {escape(environment)}" if environment else ""
            )
        )
    note = "Each latent without intervention (filled)"
    note += " and in the environment that targets it (outline). " if result.environment_of else ". "
    note += "Without intervention every latent has mean 0 and variance 1, by convention. The truth is not "
    note += "known here, so the error of the latents is not known either."
    return page.section("latents", "The latents", note, f'<div class="many">{"".join(panels)}</div>')
