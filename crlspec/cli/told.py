"""What a run says: its first line, the table in the end, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.cli import measures

if TYPE_CHECKING:
    from crlspec.result import Result
    from crlspec.spec.schema import Spec

__all__ = ["as_values", "first_line", "table"]


def first_line(spec: Spec, path: Path | None) -> str:
    """What is about to be done, said at once."""
    from crlspec.spec.setting import Setting

    source = f"data of {path}" if path is not None else "samples of the model"
    method = "" if spec.estimator is None else f", estimator {spec.estimator.kind}"
    setting = str(Setting.of(spec))
    if spec.latents_from is not None:
        setting = setting.replace("an unknown number of latents", "a latent for each environment")
    return f"{spec.name}: {setting}{method}, {source}."


def as_values(result: Result, metrics: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """What ``run --json`` prints: status.json, dag.json and metrics.json in one, and where the files are."""
    return {
        "name": result.provenance.get("name"),
        **json.loads(result.status_json()),
        **json.loads(result.dag_json()),
        "graph": result.graph,
        "order": list(result.order),
        "metrics": metrics,
        "digest": result.provenance.get("digest"),
        "folder": str(folder),
    }


def table(result: Result, metrics: dict[str, Any] | None) -> list[str]:
    """What is printed in the end: status, order and edges; with a truth the metrics."""
    from crlspec.results.verdict import verdict

    lines = [verdict(result, metrics), "", *str(result).splitlines(), *measures.lines(result)]
    if metrics is None:
        return lines
    lines += ["", "against the truth"]
    width = max(15, *map(len, metrics))
    for name, value in metrics.items():
        if name == "seconds":
            continue
        shown = (
            "does not apply" if value is None else str(value) if isinstance(value, int) else f"{value:.4f}"
        )
        lines.append(f"  {name:<{width}} {shown}")
    spent = ", ".join(f"{key} {value:.2f}" for key, value in metrics["seconds"].items())
    lines.append(f"  {'seconds':<{width}} {spent}")
    return lines
