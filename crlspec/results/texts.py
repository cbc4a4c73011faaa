"""A result in plain text: JSON, DOT, a printed summary."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from crlspec.inference.check import Check
from crlspec.inference.estimate import AbsentEdge, Edge, Estimate, GraphKind, Status

__all__ = [
    "absent_text", "absent_texts", "aligned", "checks_lines", "count_text", "dag_dot", "dag_json", "edges_text",
    "figure_text", "metrics_of", "number_text", "p_text", "status_json", "summary",
]  # fmt: skip

METRICS = (
    "mcc", "mcc_spearman", "r2", "shd", "shd_closure", "edge_precision", "edge_recall", "mixing_error",
    "score_error",
)  # fmt: skip
SIGNATURE = ("signature_accuracy", "signature_exact")
COUNTS = {"shd", "shd_closure"}
LISTED = 5
"""Open edges that are told one by one, the least known first."""


def dag_json(
    nodes: Sequence[Mapping[str, Any]],
    edges: Sequence[Edge],
    absent: Sequence[AbsentEdge] = (),
    unit: str = "",
    intervals: Mapping[tuple[str, str], tuple[float, float]] | None = None,
) -> str:
    """Nodes, edges and absent edges as JSON; what is not a number, or not known, is null.

    nodes      of each its name, environments and variables
    intervals  (source, target) → of the strength
    """
    known = intervals or {}
    listed = [
        {
            "from": edge.source,
            "to": edge.target,
            "strength": _number(edge.strength),
            "unit": unit,
            "p_value": _number(edge.p_value),
            "interval": list(known[edge.pair]) if edge.pair in known else None,
        }
        for edge in edges
    ]
    values = {
        "nodes": [dict(node) for node in nodes],
        "edges": listed,
        "absent": [vars(edge) for edge in absent],
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def status_json(status: Status, checks: Sequence[Check]) -> str:
    """The status and every check as JSON."""
    values = {
        "status": status.code,
        "message": status.message,
        "remedy": status.remedy,
        "checks": [check.as_values() for check in checks],
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def checks_lines(checks: Sequence[Check]) -> list[str]:
    """A table for a terminal: what objects or is to be noted in full, what passed by its name and figure."""
    shown = [check for check in checks if check.consequence != "passed"]
    passed = {check.name: figure_text(check) for check in checks if check.consequence == "passed"}
    width = max((len(check.name) for check in shown), default=0)
    lines = [
        f"         {check.consequence:<9}  {check.name:<{width}}  {figure_text(check)}  {check.message}"
        for check in shown
    ]
    lines = [f"checks  {lines[0][8:]}", *lines[1:]] if lines else []
    if passed:
        # no-break spaces keep a name and its figures on one line
        told = ", ".join(f"{name} {figure}".replace(" ", "\xa0") for name, figure in passed.items())
        told = told.replace("\xa0—", "")
        wrapped = textwrap.wrap(told, 98, break_on_hyphens=False, break_long_words=False)
        start = "checks   " if not lines else " " * 9
        lines += [f"{start}passed     {wrapped[0]}", *(" " * 20 + line for line in wrapped[1:])]
        lines = [line.replace("\xa0", " ") for line in lines]
    return lines


def figure_text(check: Check) -> str:
    """``0.31 (bound 0.2)``; an em dash for none."""
    if not math.isfinite(check.figure):
        return "—"
    bound = f" (bound {check.bound:.3g})" if math.isfinite(check.bound) else ""
    return f"{check.figure:.3g}{bound}"


def dag_dot(nodes: Sequence[str], edges: Sequence[Edge]) -> str:
    """The graph in DOT, isolated nodes included, edges labelled by their strength."""
    lines = ["digraph recovered {", "  rankdir=TB;", *(f"  {_quoted(node)};" for node in nodes)]
    for edge in edges:
        strength = _number(edge.strength)
        label = f' [label="{strength:.3g}"]' if strength is not None else ""
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def metrics_of(evaluation: xr.Dataset, seconds: Mapping[str, float]) -> dict[str, Any]:
    """An evaluation's scalars as plain values; counts are whole numbers, what does not apply is None."""
    values: dict[str, Any] = {}
    for name in METRICS:
        number = _number(float(evaluation[name]))
        values[name] = round(number) if name in COUNTS and number is not None else number
    for name in SIGNATURE:
        if name in evaluation:
            values[name] = float(evaluation[name])
    return {**values, "seconds": {key: round(float(value), 6) for key, value in seconds.items()}}


def summary(
    estimate: Estimate, identified: Mapping[str, Any], latents: Sequence[str] = (), unit: str = ""
) -> str:
    """A few lines for a terminal: status, what is identified, order, edges.

    latents  a line on each latent: its environments and variables
    unit     of the strengths
    """
    head = [
        f"status   {estimate.status.code}: {estimate.status.message}",
        *([f"remedy   {estimate.status.remedy}"] if estimate.status.remedy else []),
        *([f"latents  {identified['latents_text']}"] if identified.get("latents_text") else []),
    ]
    named = identified.get("latents_text")
    head += [f"{'latents ' if k == 0 and not named else ' ' * 8} {line}" for k, line in enumerate(latents)]
    head += checks_lines(estimate.checks)
    if estimate.graph == "not estimated":
        return "\n".join([*head, f"edges    not estimated: {', '.join(estimate.latents)} are latents alone"])
    targets = _targets_lines(estimate)
    graph = "the graph" if estimate.graph == "exact" else "ancestors only (the graph's transitive closure)"
    lines = [
        *head,
        f"order    {', '.join(estimate.order)}",
        *targets,
        f"edges    {graph}: {len(estimate.edges)} of {len(estimate.tested)} tested pairs",
        *([f"         strength: {unit}"] if unit and estimate.edges else []),
    ]
    width = max((len(f"{edge.source} -> {edge.target}") for edge in estimate.edges), default=0)
    for edge in estimate.edges:
        name = f"{edge.source} -> {edge.target}"
        lines.append(
            f"         {name:<{width}}  strength {f'{edge.strength:.3g}':<8}  p {p_text(edge.p_value)}"
        )
    lines += [f"         {text}" for text in absent_texts(estimate.absent_edges, estimate.graph)]
    return "\n".join(lines)


def absent_texts(absent: Sequence[AbsentEdge], graph: GraphKind = "exact") -> list[str]:
    """How many absent edges are excluded, and above what strength; which are open, and how strong they could be;
    of how many nothing can be said. A closure speaks of ancestral links, and of changes of effects."""
    what, of_change = ("edge", "") if graph == "exact" else ("ancestral link", "a change of ")
    claimed = [edge for edge in absent if edge.claimed]
    unknown = [edge for edge in absent if edge.detectable is None]
    open_ones = [edge for edge in absent if not edge.claimed and edge.detectable is not None]
    if absent and len(unknown) == len(absent):
        return [f"no power calculation: nothing is said of the {count_text(len(absent), f'absent {what}')}"]
    texts = []
    if claimed:
        most = max(edge.detectable or 0.0 for edge in claimed)
        are = "is" if len(claimed) == 1 else "are"
        texts.append(
            f"{len(claimed)} of {len(absent)} absent {what}s {are} excluded above {of_change}{most:.2g}"
        )
    if open_ones:
        ranked = sorted(open_ones, key=lambda edge: -(edge.detectable or 0.0))
        told = ", ".join(
            f"{edge.source} → {edge.target} could be up to {of_change}{edge.detectable:.2g}"
            for edge in ranked[:LISTED]
        )
        told += f", and {len(ranked) - LISTED} more" if len(ranked) > LISTED else ""
        are = "is" if len(open_ones) == 1 else "are"
        of = "" if claimed else f" of {len(absent)} absent {what}s"
        texts.append(f"{len(open_ones)}{of} {are} open: {told}")
    if unknown:
        texts.append(f"{len(unknown)} without a power calculation")
    return ["; ".join(texts)] if texts else []


def absent_text(edge: AbsentEdge) -> str:
    """What is said of one absent edge, for a cell of a table."""
    if edge.detectable is None:
        return "no power calculation"
    if edge.claimed:
        return f"excluded above {edge.detectable:.2g}"
    return f"not seen; could be up to {edge.detectable:.2g}"


def _targets_lines(estimate: Estimate) -> list[str]:
    """What each environment intervenes on, a line each; none without a signature."""
    if "signature" not in estimate.diagnostics:
        return []
    signature = estimate.diagnostics["signature"]
    names = [str(name) for name in signature["environment"].values]
    width = max(map(len, names))
    hits = [
        ", ".join(z for z in estimate.order if bool(signature.sel(environment=name, latent=z)))
        for name in names
    ]
    starts = ["targets ", *[" " * 8] * (len(names) - 1)]
    return [f"{start} {name:<{width}}  {hit}" for start, name, hit in zip(starts, names, hits, strict=True)]


def p_text(p_value: float) -> str:
    """A p-value for reading: three decimals, ``< 1e-12`` for what is smaller, an em dash for none."""
    if math.isnan(p_value):
        return "—"
    if p_value < 1e-12:
        return "< 1e-12"
    return f"{p_value:.3f}" if p_value >= 1e-3 else f"{p_value:.0e}"


def number_text(value: float | None) -> str:
    """Three decimals, four close to 1; an em dash for what does not apply."""
    if value is None or not math.isfinite(value):
        return "—"
    return f"{value:.4f}" if 0.99 < value < 1 else f"{value:.3f}"


def count_text(number: int, thing: str) -> str:
    """``one edge``, ``two edges``: small numbers as words."""
    words = (
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    )  # fmt: skip
    return f"{words[number] if number < len(words) else number} {thing}{'' if number == 1 else 's'}"


def edges_text(edges: Sequence[tuple[str, str]]) -> str:
    """``z1 → z2, z1 → z3``, or ``none``."""
    return ", ".join(f"{source} → {target}" for source, target in edges) or "none"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def aligned(rows: list[list[str]]) -> list[str]:
    """Lines of a table, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
