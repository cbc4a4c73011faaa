"""What a sweep found: a row per setting with means, standard errors and failures, as a table and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from crlspec.spec.table import DEFAULT_COLUMNS
from crlspec.studies.sweep.one_run import NUMBERS

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.studies.sweep.cases import Case

__all__ = ["markdown", "summary"]

TITLES: Mapping[str, tuple[str, int, bool]] = {
    "mcc": ("MCC", 4, True),
    "mcc_spearman": ("MCC (ranks)", 4, True),
    "r2": ("R²", 4, True),
    "shd": ("SHD", 2, True),
    "shd_closure": ("closure SHD", 2, True),
    "edge_precision": ("precision", 2, True),
    "edge_recall": ("recall", 2, True),
    "mixing_error": ("mixing error", 3, True),
    "score_error": ("score error", 3, True),
    "score_mse": ("score MSE", 4, True),
    "order_right": ("order right", 2, True),
    "graph_right": ("graph right", 2, True),
    "closure_right": ("closure right", 2, True),
    "signature_accuracy": ("signature accuracy", 3, True),
    "signature_exact": ("signature exact", 2, True),
    "true_edges": ("edges", 1, False),
    "true_closure": ("in closure", 1, False),
    "cpu_seconds": ("CPU s", 1, True),
    "seconds": ("s", 1, True),
}
"""Column → heading, digits, whether the standard error is shown."""


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per setting, in the order of their first rows, and for each number mean, sd, standard error and count.

    rows  as :func:`crlspec.sweep` returns them

    Columns: ``runs``, ``failed`` (no result), ``undecided`` and ``refuted`` (results of that status, which
    are in the means), then ``<number>``, ``<number>_sd``, ``<number>_se`` and ``<number>_count``. Failed runs are in
    no mean. The standard error is sd / √count, and missing for a single run.
    """
    import pandas as pd

    lines = []
    for setting, mine in rows.groupby("setting", sort=False):
        good = mine[mine["status"] != "failed"]
        line: dict[str, object] = {"setting": setting, **endings(mine)}
        for key in (key for key in NUMBERS if key in rows):
            values = good[key].dropna()
            sd = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            line |= {
                key: float(values.mean()) if len(values) else math.nan,
                f"{key}_sd": sd,
                f"{key}_se": sd / math.sqrt(len(values)) if len(values) else math.nan,
                f"{key}_count": len(values),
            }
        lines.append(line)
    return pd.DataFrame(lines).set_index("setting") if lines else pd.DataFrame()


def endings(rows: pd.DataFrame) -> dict[str, int]:
    """How many runs there are, and how many of them failed, were undecided or refuted."""
    found = {code: int((rows["status"] == code).sum()) for code in ("failed", "undecided", "refuted")}
    return {"runs": len(rows), **found}


def markdown(rows: pd.DataFrame, columns: Sequence[str] = DEFAULT_COLUMNS, cases: Sequence[Case] = ()) -> str:
    """The summary as a Markdown table, means ± standard errors; a column in which no setting has a value is left
    out. ``cases`` give the numbers to print beside, each after its column."""
    found = summary(rows)
    if found.empty:
        return "No run has ended yet."
    beside = _beside(found, columns, cases)
    shown = [key for key in columns if found[key].notna().any()]
    head, lines = ["setting", "runs", "failed", "undecided", "refuted"], []
    for key in shown:
        head += [TITLES[key][0], *(f"{title} {TITLES[key][0]}" for title in beside.get(key, {}))]
    for setting, line in found.iterrows():
        cells = [str(setting).replace("|", "\\|"), *(str(int(line[key])) for key in head[1:5])]
        for key in shown:
            cells.append(_cell(line, key))
            for numbers in beside.get(key, {}).values():
                number = numbers.get(str(setting), math.nan)
                cells.append("" if math.isnan(number) else f"{number:.{TITLES[key][1]}f}")
        lines.append(cells)
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def _cell(line: pd.Series, key: str) -> str:
    _, digits, with_error = TITLES[key]
    mean, error = line[key], line[f"{key}_se"]
    if math.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" + (f" ± {error:.{digits}f}" if with_error and not math.isnan(error) else "")


def _beside(
    found: pd.DataFrame, columns: Sequence[str], cases: Sequence[Case]
) -> dict[str, dict[str, dict[str, float]]]:
    """Column → title → setting → number: what the cases bring along, and what their curves say."""
    numbers: dict[str, dict[str, dict[str, float]]] = {}
    for case in cases:
        for title, values in case.beside.items():
            for key, value in values.items():
                numbers.setdefault(key, {}).setdefault(title, {})[case.name] = value
        if case.curve is not None and case.name in found.index:
            curve, name = case.curve
            value = _on_curve(curve.points[name], float(found.loc[case.name, curve.x]))
            numbers.setdefault(curve.y, {}).setdefault(curve.title, {})[case.name] = value
    return {key: numbers[key] for key in columns if key in numbers}


def _on_curve(points: Sequence[tuple[float, float]], x: float) -> float:
    """y at x, linear in log x between points; NaN outside of them."""
    if math.isnan(x) or not points[0][0] <= x <= points[-1][0]:
        return math.nan
    for (left, low), (right, high) in pairwise(points):
        if x <= right:
            share = math.log(x / left) / math.log(right / left)
            return low + share * (high - low)
    return points[-1][1]
