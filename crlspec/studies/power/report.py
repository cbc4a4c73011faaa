"""A plan in words: recovery against samples, what each number of samples shows, and the bound's rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from crlspec.numerics.rates import seeds_needed, wilson

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.studies.power.plan import Plan

__all__ = ["report"]

POWER = 0.8
BINS = 4
ENDS = ("failed", "undecided", "refuted")


def report(plan: Plan) -> str:
    """Plain text with Markdown tables."""
    seeds = plan.runs["seed"].nunique()
    head = (
        f"By simulation of {plan.spec.name}: {seeds} models drawn from the spec, the same for every number of "
        "samples, labels shuffled; Wilson intervals at 95 %."
    )
    if plan.guessed:
        head += f"\nThe data show no model by themselves, so the model is guessed: {plan.guessed}."
    parts = [head, "", *_rates(plan), "", *_words(plan)]
    return "\n".join([*parts, "", *_edges(plan)]) if len(plan.edges) else "\n".join(parts)


def _rates(plan: Plan) -> list[str]:
    shown = {"order_right": "order right", "graph_right": "graph right", "closure_right": "closure right"}
    if not plan.exact:
        del shown["graph_right"]
    lines = []
    for samples, row in plan.rates.iterrows():
        cells = [
            _samples(samples),
            *(_rate(row[key], row[f"{key}_low"], row[f"{key}_high"]) for key in shown),
        ]
        cells += [" ± ".join(_number(row[key], 3) for key in ("mcc", "mcc_se") if _number(row[key], 3))]
        cells += [_number(row["false_edges"], 2)]
        cells += [_number(row[key], 3) for key in ("score_error", "score_error_high", "bound")]
        lines.append([*cells, *(str(int(row[key])) for key in ENDS)])
    heads = ["samples", *shown.values(), "MCC", "false edges", "score error", "its 95 %", "bound", *ENDS]
    return _table(heads, lines)


def _words(plan: Plan) -> list[str]:
    graph = "graph" if plan.exact else "transitive closure of the graph, which is what the theory promises,"
    enough = plan.enough(POWER)
    seeds = plan.runs["seed"].nunique()
    tried = f"{_samples(enough)} samples an environment are"
    if enough is None:
        tried = "of the numbers tried, none is"
    if enough is None and seeds < (needed := seeds_needed(POWER)):
        tried = f"{seeds} seed{'s' * (seeds > 1)} cannot show {POWER:.0%}: use {needed} or more (--seeds {needed})"
    lines = [
        f"Enough for the {graph} to be right in {POWER:.0%} of such models (lower end of the interval): {tried}.",
        "Score error: ‖d̂ − d‖ / ‖d‖. Bound: C · log(1/δ) · N^(-1/4) at δ = 0.05 (Acartürk, Varıcı, Shanmugam & "
        "Tajer, NeurIPS 2024), C is fitted to the simulated errors, so only the rate of the bound is informative.",
    ]
    error = plan.error_needed(POWER)
    if not math.isnan(error):
        lines.insert(1, f"The score error that this needs, read off all runs: {error:.3f} or less.")
    if not math.isnan(plan.exponent):
        lines.append(
            f"Here the score error falls as N^(-{plan.exponent:.2f}); the bound's falls as N^(-0.25)."
        )
    return lines


def _edges(plan: Plan) -> list[str]:
    needed = plan.smallest_found(POWER)
    lines = [
        "Strength of an edge: how far the child moves with the parent alone, in deviations of the child's noise.",
        *(
            f"With {_samples(n)} samples an edge is found with power {POWER} from strength {strength:.2f} on."
            if not math.isnan(strength)
            else f"With {_samples(n)} samples no edge tried is found with power {POWER}, whatever its strength."
            for n, strength in needed.items()
        ),
        "",
    ]
    return [*lines, *(_named(plan) if plan.fixed else _binned(plan))]


def _named(plan: Plan) -> list[str]:
    rows = []
    for (parent, child), mine in plan.edges.groupby(["parent", "child"], sort=False):
        rows.append([f"{parent} -> {child}", f"{mine['strength'].mean():.2f}", *_found(mine, plan)])
    return _table(["edge", "strength", *(f"found with {_samples(n)}" for n in plan.rates.index)], rows)


def _binned(plan: Plan) -> list[str]:
    import pandas as pd

    known = plan.edges.dropna(subset=["strength"])
    parts = pd.qcut(known["strength"], BINS, duplicates="drop")
    rows = []
    for part, mine in known.groupby(parts, observed=True):
        bounds = f"{mine['strength'].min():.2f} – {mine['strength'].max():.2f}"
        rows.append([bounds, str(len(mine) // len(plan.rates)), *_found(mine, plan)])
        assert part is not None
    return _table(["edge strength", "edges", *(f"found with {_samples(n)}" for n in plan.rates.index)], rows)


def _found(mine: pd.DataFrame, plan: Plan) -> list[str]:
    cells = []
    for n in plan.rates.index:
        hits = mine[mine["samples"] == n]["found"]
        cells.append(_rate(hits.mean(), *wilson(int(hits.sum()), len(hits))) if len(hits) else "")
    return cells


def _rate(rate: float, low: float, high: float) -> str:
    return f"{rate:.2f} [{low:.2f}, {high:.2f}]"


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _samples(samples: Any) -> str:
    return f"{samples:,}" if isinstance(samples, int) else str(samples)


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
