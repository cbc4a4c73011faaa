"""report.html: one page that tells what was recovered, how surely and by which steps. Opens offline."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.disk.write import refuse_file, write_file
from crlspec.report import account, evidence, page, sections
from crlspec.report.calibration import calibration
from crlspec.report.carriers import carriers
from crlspec.report.ceiling import ceiling
from crlspec.report.contact_sheet import contact_sheet
from crlspec.report.facts import TruthFacts, truth_facts
from crlspec.report.traversals import traversals
from crlspec.report.yardsticks import yardsticks
from crlspec.results.account import method_line
from crlspec.results.texts import number_text
from crlspec.results.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from crlspec.results.evaluate import Truth
    from crlspec.results.record import Record

__all__ = ["render", "write_report"]

STATUS = {"ok": "✓ decided", "undecided": "? undecided", "refuted": "✗ refuted by the data"}


def write_report(
    result: Record,
    path: str | Path,
    judge: Callable[[], pd.DataFrame],
    *,
    model: Truth | None = None,
    evaluation: xr.Dataset | None = None,
    force: bool = False,
) -> Path:
    """Write the page, whole or not at all; with a model, beside the truth. OutputExists unless ``force``.

    judge       gives the goodness of fit of every mechanism, see :func:`crlspec.report.evidence.fit`
    evaluation  what ``run`` found against the model, where it is at hand
    """
    refuse_file(Path(path), force)
    return write_file(path, render(result, judge, model, evaluation), force)


def render(
    result: Record,
    judge: Callable[[], pd.DataFrame],
    model: Truth | None = None,
    evaluation: xr.Dataset | None = None,
) -> str:
    """The page as HTML text. The same result, and model, give the same text."""
    calibrated, result = result, result.standardised
    truth = None if model is None else truth_facts(result, model, evaluation)
    labelled = calibration(calibrated, truth)
    name = str(result.provenance.get("name") or "result")
    parts = [
        account.checks(result),
        carriers(result),
        sections.graph(result, truth),
        sections.edges(result, truth),
        sections.signature(result, truth),
        sections.latents(result, truth),
        labelled,
        ceiling(result),
        yardsticks(result),
        contact_sheet(result),
        traversals(result),
        evidence.scores(result),
        evidence.spectra(result),
        evidence.training(result),
        evidence.fit(judge),
        account.stages(result, truth),
        account.promise(result),
        account.provenance(result),
    ]
    parts = [
        _opening(result, truth, name),
        _figures(result, truth),
        page.contents(parts),
        *parts,
        "<footer>Made by crlspec. This page is complete in itself and loads nothing from elsewhere.</footer>",
    ]
    return page.page(f"{name} · crlspec report", (part for part in parts if part))


def _opening(result: Record, truth: TruthFacts | None, name: str) -> str:
    status = result.status
    metrics = None if truth is None else result.metrics(truth.evaluation)
    remedy = f"<p>What would help: {escape(status.remedy)}</p>" if status.remedy else ""
    return (
        f'<p class="over">crlspec report</p>\n<h1>{escape(name)}</h1>\n'
        f'<p class="lead">{escape(verdict(result, metrics))}</p>\n'
        f'<div class="status {status.code}" role="status"><b>{STATUS[status.code]}</b>'
        f"<p>{escape(status.message)}</p>{remedy}</div>\n"
        f'<p class="made">{escape(_made(result))}</p>'
    )


def _made(result: Record) -> str:
    """Method, date and data in one line."""
    told = result.provenance
    parts = [method_line(result)]
    parts += [f"made {told['date']}"] if told.get("date") else []
    parts += [f"data {told['digest']}"] if told.get("digest") else []
    return " · ".join(parts)


def _observed(result: Record) -> str:
    if (code := result.estimate.code) is not None:
        channels, rows, columns = code.shape
        return f"in images of {columns} × {rows} pixels, {channels} channel{'s' * (channels > 1)}"
    return f"in {len(result.observed)} observed variables"


def _figures(result: Record, truth: TruthFacts | None) -> str:
    graph = result.graph != "not estimated"
    sizes = [node.sizes["sample"] for node in result.latents.children.values()]
    told = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,}–{max(sizes):,}"
    values = [("Latents", str(len(result.names)), _observed(result))]
    if graph:
        values.append(("Edges", str(len(result.edges)), f"of {len(result.tested)} pairs tested"))
    values.append(("Samples", told, f"in each of {len(sizes)} environments"))
    if truth is not None:
        arrays = truth.evaluation.data_vars.items()
        found = {str(key): float(value) for key, value in arrays if not value.dims}
        rows = [
            ("MCC", "mcc", "mean |correlation| with the truth"),
            ("R²", "r2", "of the truth, up to what is allowed"),
            ("SHD", "shd", "edges to add, drop or turn"),
            ("Closure SHD", "shd_closure", "the same for ancestors"),
            ("Precision", "edge_precision", "share of the edges found that are true"),
            ("Recall", "edge_recall", "share of the true edges that are found"),
            ("Mixing error", "mixing_error", "relative, up to what is allowed"),
            ("Score error", "score_error", "relative"),
        ]
        values += [
            (name, f"{found[key]:.0f}" if key.startswith("shd") else number_text(found[key]), meaning)
            for name, key, meaning in rows
            if math.isfinite(found[key])
        ]
    seconds = sum(result.estimate.seconds.values())
    if seconds:
        values.append(("Seconds", f"{seconds:.1f}", "scores and inference"))
    return page.cards(values)
