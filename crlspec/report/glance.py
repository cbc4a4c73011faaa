"""A result at a glance, for notebooks: verdict, status, latents and edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crlspec.notebook import card, grid
from crlspec.results.account import method_line, targets_text
from crlspec.results.texts import p_text
from crlspec.results.verdict import verdict

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["result_card"]

CARRIED = 3
"""Variables told of a latent."""


def result_card(result: Record) -> str:
    """HTML: what ``str(result)`` says, as tables; nothing is loaded from elsewhere."""
    code = result.status.code
    rows = [("status", str(result.status.message)), ("remedy", result.status.remedy or "")]
    rows += [("method", method_line(result))]
    latents = [
        [name, targets_text(result.targeted_by(name)), ", ".join(map(str, result.loadings(name, CARRIED)))]
        for name in result.names
    ]
    edges = [
        [
            f"{edge.source} → {edge.target}",
            f"{edge.strength:.3g}" if math.isfinite(edge.strength) else "—",
            p_text(edge.p_value),
        ]
        for edge in result.edges
    ]
    parts = [
        grid(["latent", "environments", "variables that move most with it"], latents),
        grid(["edge" if result.graph == "exact" else "ancestor", "strength", "p-value"], edges),
    ]
    title = f"{result.provenance.get('name') or 'result'}: {code}"
    tone = "good" if code == "ok" else "bad"
    return card("Result", title, rows, verdict(result), tone, parts)
