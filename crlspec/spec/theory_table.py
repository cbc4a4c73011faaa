"""The table of the theory as a page of Markdown: what each kind of setting promises, as the verdict says it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from crlspec.spec.identifiability import identifiability
from crlspec.spec.setting import Setting
from crlspec.spec.verdict import Verdict

__all__ = ["theory_page"]

LATENTS = ("z1", "z2", "z3")
WHAT: dict[str, tuple[str, ...]] = {
    "mixing": ("linear", "general"),
    "design": ("single-node", "coupled", "uncoupled", "multi-node"),
    "kind": ("hard", "soft"),
}
KNOWN: tuple[dict[str, Any], ...] = (
    {},
    {"function": "nonlinear"},
    {"noise": "gaussian", "function": "linear"},
    {"changes": "shift"},
)
SAID = {
    "function": "`function: nonlinear`",
    "noise": "`noise: gaussian, function: linear`",
    "changes": "`changes: shift` or `scale`",
}
HEAD = """\
# What the theory promises

`crlspec check FILE` says which row fits a file. This table is made from the same verdicts, for three latents with as
many environments as the design asks for. With fewer environments some latents are left out, and the verdict names
them. A row that promises nothing has no theorem. An estimator may still be tried there
(`assume: {beyond_theory: true}`), and the result is `undecided` at best.

| mixing | design | kind | if you also say | latents are recovered | graph | estimator | theorem, or what is missing |
|---|---|---|---|---|---|---|---|
"""
TAIL = """
Scale, sign and origin of a latent cannot be known from such data by any method. Results use mean 0 and variance 1 in
the observational environment.

Papers: Varıcı, Acartürk, Shanmugam, Kumar & Tajer, JMLR 2025 (arXiv:2402.00849); Varıcı, Acartürk, Shanmugam & Tajer,
NeurIPS 2024 (arXiv:2406.05937) and AISTATS 2024 (arXiv:2310.15450); Buchholz et al., NeurIPS 2023 (arXiv:2306.02235).
For samples that are finite: Acartürk, Varıcı, Shanmugam & Tajer, NeurIPS 2024, and
[how many samples](../how-to/how-many-samples.md).
"""


def theory_page() -> str:
    """The page, a row for each combination whose promise differs from that without the further words."""
    rows = []
    for mixing, design, kind in product(*WHAT.values()):
        plain = _verdict(mixing, design, kind, {})
        rows.append(_row(mixing, design, kind, "", plain))
        for known in KNOWN[1:]:
            found = _verdict(mixing, design, kind, known)
            if _promise(found) != _promise(plain) and not (kind == "hard" and "changes" in known):
                rows.append(_row(mixing, design, kind, SAID[next(iter(known))], found))
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _verdict(mixing: Any, design: Any, kind: Any, known: dict[str, Any]) -> Verdict:
    count = 2 * len(LATENTS) if design in ("coupled", "uncoupled") else len(LATENTS)
    names = tuple(f"e{k}" for k in range(1, count + 1))
    pairs = tuple(zip(names[::2], names[1::2], strict=True)) if design == "coupled" else None
    return identifiability(Setting(mixing, design, kind, LATENTS, "obs", names, pairs=pairs, **known))


def _promise(verdict: Verdict) -> tuple[object, ...]:
    return verdict.covered, verdict.latents, verdict.graph, verdict.estimator


def _row(mixing: str, design: str, kind: str, said: str, verdict: Verdict) -> str:
    return "| " + " | ".join(_cells(mixing, design, kind, said, verdict)) + " |"


def _cells(mixing: str, design: str, kind: str, said: str, verdict: Verdict) -> Iterator[str]:
    yield from ("glm or general" if mixing == "general" else mixing, design, kind, said)
    if not verdict.covered:
        yield from ("nothing", "nothing", "", "; ".join(one.text for one in verdict.missing))
        return
    yield from (
        verdict.latents_text,
        verdict.graph_text,
        f"`{verdict.estimator}`",
        f"{verdict.theorem} ({verdict.paper})",
    )
