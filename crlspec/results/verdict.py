"""The outcome of a run in one sentence, for the head of the report and the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crlspec.results.texts import count_text, number_text

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["verdict"]


def verdict(result: Record, metrics: Mapping[str, Any] | None = None) -> str:
    """What was recovered, from what, how surely; with ``metrics`` (as :meth:`Result.metrics` gives them), how near to
    the truth."""
    found, source = _found(result), _source(result)
    text = {
        "ok": f"{found} were recovered from {source}",
        "undecided": f"the data do not decide everything. So far {source} show {found}",
        "refuted": f"the data contradict an assumption. Do not rely on the {found} recovered from {source}",
    }[result.status.code]
    if result.identified and not result.identified.get("covered", True):
        text += ", in a setting that no known theorem covers"
    if metrics is not None:
        text += f"; against the truth, {_against(result, metrics)}"
    return f"{text[0].upper()}{text[1:]}."


def _found(result: Record) -> str:
    promised = result.identified
    text = promised.get("latents_text")
    how = f" ({text})" if promised.get("covered") and text else ""
    latents = f"{count_text(len(result.names), 'latent')}{how}"
    if result.graph == "not estimated":
        return f"{latents} without a graph"
    if result.graph == "exact":
        edges = f"of {count_text(len(result.edges), 'edge')}" if result.edges else "without edges"
        return f"{latents} and a graph {edges}"
    return f"{latents} and {count_text(len(result.edges), 'ancestral link')}"


def _source(result: Record) -> str:
    observed = count_text(len(result.observed), "observed variable")
    if (code := result.estimate.code) is not None:
        beside = len(result.observed) - len(code.names)
        observed = "images" + (f" and {count_text(beside, 'observed variable')}" if beside else "")
    return f"{observed} in {count_text(len(result.latents.children), 'environment')}"


def _against(result: Record, metrics: Mapping[str, Any]) -> str:
    if result.graph == "not estimated":
        return f"their mean correlation is {number_text(metrics['mcc'])}"
    if result.graph == "exact":
        latents, wrong, thing = (
            f"the mean correlation is {number_text(metrics['mcc'])}",
            metrics["shd"],
            "edge",
        )
    else:
        latents = f"R² up to that mixing is {number_text(metrics['r2'])}"
        wrong, thing = metrics["shd_closure"], "ancestral link"
    return f"{latents} and {count_text(int(wrong), thing)} {'is' if wrong == 1 else 'are'} wrong"
