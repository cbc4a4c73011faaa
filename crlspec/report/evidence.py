"""The parts of the report that show what speaks for the result: scores, spectra, training, goodness of fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.errors import CrlspecError
from crlspec.report import charts, page
from crlspec.report.drawing import Drawing
from crlspec.report.palette import LIGHT, THEMED, Palette
from crlspec.report.score_facts import ScoreFacts, score_facts
from crlspec.report.svg import svg
from crlspec.report.training import Training, trainings
from crlspec.results.texts import count_text, number_text, p_text

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.results.record import Record

__all__ = ["fit", "score_map", "scores", "spectra", "training", "training_curves"]

SHOWN = 12
"""Charts of training at most; an estimator may train dozens of networks."""


def scores(result: Record) -> str:
    """The map of score differences beside the one that is expected; empty without a diagnostic."""
    facts = score_facts(result)
    if facts is None:
        return ""
    seen = score_map(facts, THEMED)
    expected = {"target": facts.targets, "parent": facts.parents}
    wanted = charts.cell_map(
        facts.expected,
        facts.environments,
        facts.latents,
        expected,
        [[""] * len(facts.latents)] * len(facts.environments),
        THEMED,
    )
    size = f"{len(facts.environments)} environments by {len(facts.latents)} latents"
    left = svg(seen, "scores", f"Estimated score differences, {size}.", _told(facts))
    right = svg(wanted, "expected", f"Expected pattern of score differences, {size}.", _wanted(facts))
    note = (
        "How far each environment changes the score (the gradient of the log density) along each latent. Numbers are "
        "root mean squares in standard deviations of the latent; darker is larger within a row. An intervention "
        "changes the score along its targets and their causes alone."
    )
    marks = [
        ("u", "target", "target of the environment"),
        ("u", "parent", "cause of a target, by the recovered graph"),
    ]
    if facts.surplus or facts.lacking:
        told = "× something where nothing is expected (a fifth of the row's largest), ○ nothing where something is"
        marks.append(("u", "surplus", told))
    apart = len(facts.surplus) + len(facts.lacking)
    verdict = (
        "Estimate and expectation agree in every cell."
        if not apart
        else f"{count_text(apart, 'cell').capitalize()} of {facts.values.size} "
        f"{'disagrees' if apart == 1 else 'disagree'}. Scores may be noisy, latents still mixed, or the graph wrong."
    )
    both = page.figure(left, "<b>Estimated</b>", titled=True) + page.figure(
        right, "<b>Expected</b>", titled=True
    )
    body = f'<div class="side">{both}</div>'
    return page.section("scores", "Score differences", note, body, page.key(marks), f"<p>{verdict}</p>")


def score_map(facts: ScoreFacts, palette: Palette = LIGHT) -> Drawing:
    """Score differences (environment, latent) as ink, with frames where theory expects some."""
    frames = {
        "target": facts.targets,
        "parent": facts.parents,
        "surplus": facts.surplus,
        "lacking": facts.lacking,
    }
    texts = [[_short(value) for value in row] for row in facts.values.tolist()]
    return charts.cell_map(facts.shares, facts.environments, facts.latents, frames, texts, palette)


def spectra(result: Record) -> str:
    """How many directions the data have, and how many each environment changes; empty without a diagnostic."""
    if "spectrum" not in result.diagnostics:
        return ""
    values = np.asarray(result.diagnostics["spectrum"].values, dtype=float)
    n = len(result.names)
    told = f"Component {n} has {values[n - 1]:.2g}" + (
        f", component {n + 1} has {values[n]:.2g}." if len(values) > n else "; there is no further one."
    )
    title = "Eigenvalues of the pooled covariance"
    pooled = svg(charts.spectrum(values, n, THEMED), "spectrum", title, told)
    caption = f"<b>The observations.</b> Eigenvalues of their pooled, standardised covariance. {_meaning(result, n)}"
    figures = [page.figure(pooled, caption)]
    facts = score_facts(result)
    if facts is not None and "score_spectrum" in result.diagnostics:
        figures.append(_score_spectra(result, facts))
    return page.section("spectra", "How many dimensions", "", f'<div class="side">{"".join(figures)}</div>')


def _meaning(result: Record, n: int) -> str:
    if result.estimate.mixing is None:
        return (
            f"A mixing that is not linear may leave any number of components from {n} on. A sharp drop at the dashed "
            "line says that the mixing is nearly linear."
        )
    return (
        f"A linear mixing of {n} latents leaves {n} components (filled) and only noise after them. More components "
        f"contradict a linear mixing, fewer contradict {n} latents."
    )


def _score_spectra(result: Record, facts: ScoreFacts) -> str:
    array = result.diagnostics["score_spectrum"].transpose("environment", "component")
    values = np.sqrt(np.maximum(array.sel(environment=list(facts.environments)).values, 0.0))
    shares = values / np.maximum(values.max(axis=1, keepdims=True), 1e-300)
    allowed = (facts.expected > 0).sum(1)
    frames = {"parent": [(i, k) for i in range(len(values)) for k in range(int(allowed[i]))]}
    texts = [[f"{share:.2f}" if share >= 0.005 else "0" for share in row] for row in shares.tolist()]
    numbers = [str(k + 1) for k in range(values.shape[1])]
    figure = charts.cell_map(shares, facts.environments, numbers, frames, texts, THEMED)
    title = "Eigenvalues of the score differences of each environment"
    told = "; ".join(
        f"{name}: {', '.join(f'{share:.2f}' for share in row)}"
        for name, row in zip(facts.environments, shares.tolist(), strict=True)
    )
    caption = (
        "<b>The score differences.</b> Square roots of the eigenvalues of each environment's second moments, as "
        "shares of the largest. Targets and their causes span at most the framed directions; one linear-Gaussian "
        "target spans two. Values beyond the frames are noise, or contradict the graph."
    )
    return page.figure(svg(figure, "score-spectra", title, told), caption)


def training(result: Record) -> str:
    """The losses of every network that was trained on the way; empty where none was, or none was recorded."""
    found = trainings(result)
    if not found:
        return ""
    figures = [
        _training(one, k, tuple(map(str, result.latents.children))) for k, one in enumerate(found[:SHOWN])
    ]
    note = (
        "Networks estimate the scores, and find order, latents and edges by likelihood. A curve that flattens has "
        "converged. One that rises again overfits; networks of scores then keep the weights of lowest held-out loss."
    )
    if len(found) > SHOWN:
        note += f" The first {SHOWN} of {len(found)} charts."
    return page.section("training", "Training", note, f'<div class="curves">{"".join(figures)}</div>')


def training_curves(one: Training, environments: tuple[str, ...], palette: Palette = LIGHT) -> Drawing:
    """The losses of networks that belong together; dashed, where one knows it, the loss of a network that learnt
    nothing."""
    known = one.kind == "held-out log loss"
    return charts.curves(one.lines, one.kind, math.log(_kinds(one, environments)) if known else None, palette)


def _kinds(one: Training, environments: tuple[str, ...]) -> int:
    """What a network tells apart: its own environment from the observational one, or all of them."""
    return 2 if _apart(one, environments) else len(environments)


def _apart(one: Training, environments: tuple[str, ...]) -> bool:
    return {name.split(": ")[-1] for name, _, _ in one.lines} <= set(environments)


def _training(one: Training, k: int, environments: tuple[str, ...]) -> str:
    figure = training_curves(one, environments, THEMED)
    ends = "; ".join(f"{name}: from {losses[0]:.3g} to {losses[-1]:.3g}" for name, _, losses in one.lines)
    caption = f"<b>{escape(one.stage)}</b> · {escape(one.kind)}, {count_text(len(one.lines), 'network')}"
    if one.kind == "held-out log loss":
        caption += f". At the dashed line (log {_kinds(one, environments)}) a classifier cannot tell " + (
            "the environment from the observational one"
            if _apart(one, environments)
            else "the environments apart"
        )
    return page.figure(
        svg(figure, f"training{k}", f"Training of {one.stage}: {one.kind}.", f"{ends}."), caption
    )


def fit(judge: Callable[[], pd.DataFrame]) -> str:
    """How well fitted mechanisms fit held-out latents, a row for each; the reason where there is none to fit.

    judge  gives the table of :meth:`~crlspec.result.Result.goodness_of_fit`, or raises CrlspecError
    """
    try:
        table = judge()
    except CrlspecError as error:
        return page.section("fit", "Goodness of fit", f"No mechanisms were fitted. {error}")
    head = [
        "Latent",
        "Where",
        "Mean",
        "Noise",
        "Explained by parents",
        "p",
        "Off the declared noise",
        "p",
        "Fit",
    ]
    rows = [
        [
            row.latent,
            row.environment or "elsewhere",
            f"{row.mean} in {', '.join(row.parents)}" if row.parents else "constant",
            row.noise
            if row.scale == "constant"
            else f"{row.noise}, its size by {', '.join(row.parents)} ({p_text(row.additive_p)} without)",
            number_text(row.dependence),
            p_text(row.dependence_p),
            number_text(row.distribution),
            p_text(row.distribution_p),
            "✗ refuted" if row.refuted else "✓ not refuted",
        ]
        for row in table.itertuples()
    ]
    note = (
        "Every mechanism was fitted to four fifths of the samples and tested on the rest, with and without an "
        "intervention on it. Its residual noise must be independent of the parents. Measured is the share of it, or "
        "of its square, that they explain. It must also follow the declared distribution. Measured is the largest "
        "difference of the distribution functions. A mechanism is refuted where p is below .001 and the figure above "
        ".003 or .01."
    )
    wrong = int(table["refuted"].sum())
    told = (
        "None is refuted."
        if not wrong
        else f"{count_text(wrong, 'mechanism').capitalize()} of {len(table)} refuted."
    )
    cells = [[escape(text) for text in row] for row in rows]
    return page.section(
        "fit", "Goodness of fit", note, page.table(head, cells, [4, 5, 6, 7], "stack"), f"<p>{told}</p>"
    )


def _told(facts: ScoreFacts) -> str:
    rows = (
        f"{name}: " + ", ".join(f"{z} {_short(value)}" for z, value in zip(facts.latents, row, strict=True))
        for name, row in zip(facts.environments, facts.values.tolist(), strict=True)
    )
    return "; ".join(rows) + "."


def _wanted(facts: ScoreFacts) -> str:
    rows = (
        f"{name}: " + (", ".join(z for z, value in zip(facts.latents, row, strict=True) if value) or "none")
        for name, row in zip(facts.environments, facts.expected.tolist(), strict=True)
    )
    return "Away from 0: " + "; ".join(rows) + "."


def _short(value: float) -> str:
    if value < 0.005:
        return "0"
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"
