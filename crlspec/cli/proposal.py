"""A spec for data that were looked at, as ``crlspec new FILE --data PATH`` writes it: what was found and guessed, and
what a person must decide."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crlspec.data.look import Look

__all__ = ["proposal"]

WIDE = 40
"""Variables from which principal components are proposed."""
ROWS = 5
"""Rows for each variable below which they are, too."""
CUT = re.compile(r"(^|[\W_])(ko|knock.?out|crispr\w*|do|clamp\w*|fixed|set)([\W_]|$)", re.IGNORECASE)
ENDS = re.compile(r"[\s_.-]*(a|b|1|2|lo|hi|low|high|up|down|plus|minus|weak|strong)$", re.IGNORECASE)
PLAIN = re.compile(r"[A-Za-z_][\w. -]*$")


def proposal(look: Look, name: str, file: str, path: str) -> str:
    """The text of a spec: comments that begin with DECIDE ask for a word of the reader."""
    changed = look.changed
    pairs = _pairs(changed)
    several = any("+" in one for one in changed)
    design = "multi-node" if several else "coupled" if pairs else "single-node"
    count = len(pairs) if design == "coupled" else len(changed)
    lines = [
        f"# A spec for {path}, proposed by a look at the data. Lines with DECIDE need a word of yours.",
        f"#   crlspec check {file}     what these assumptions buy, and whether the data fit",
        f"#   crlspec run {file}       recover latents and graph",
        "crlspec: 1",
        f"name: {name}",
        *_latents(design, count),
        *_data(look, path, count),
        *_assume(look, design, pairs),
    ]
    return "\n".join(lines) + "\n"


def _latents(design: str, count: int) -> list[str]:
    if design == "multi-node":
        return [
            f"latents: {count}{' ' * 36}# DECIDE: how many causes the environments act on; at most {count}"
        ]
    what = "pair of environments" if design == "coupled" else "environment with an intervention"
    return [f"latents: from-environments{' ' * 18}# {count}: one for each {what}, and called after it"]


def _data(look: Look, path: str, count: int) -> list[str]:
    lines = ["data:", f"  path: {_text(path)}"]
    if look.key is not None:
        others = ", ".join(f"{name} ({levels} values)" for name, levels in list(look.others.items())[:5])
        lines.append(f"  environment: {_text(look.key)}" + (f"    # or: {others}" if others else ""))
    first = look.observational or next(iter(look.environments))
    lines.append(
        f"  observational: {_text(first)}"
        + (
            ""
            if look.observational
            else "    # DECIDE: which environment has no intervention? None is called a control"
        )
    )
    sizes = [f"{name} {rows}" for name, rows in look.environments.items()]
    lines += [
        f"  # {line}" for line in _wrapped(f"rows: {', '.join(sizes[:40])}{', …' if len(sizes) > 40 else ''}")
    ]
    if look.drop:
        reasons = "; ".join(f"{column}: {why}" for column, why in list(look.drop.items())[:8])
        lines += [
            f"  variables: {{drop: [{', '.join(map(_text, look.drop))}]}}",
            *(f"  # {t}" for t in _wrapped(reasons)),
        ]
    if look.missing:
        lines.append(
            f"  missing: drop-rows    # DECIDE: {look.missing} rows miss a cell, and would be left out"
        )
    if look.layers:
        lines.append(
            f"  # layer: {look.layers[0]}    # X is read; there are also {', '.join(look.layers[:6])}"
        )
    if look.counts:
        lines.append(
            "  transform: [log1p]    # DECIDE: the values are counts; mixing is then that of their logarithms"
        )
    if not look.images and (len(look.variables) > WIDE or look.fewest < ROWS * len(look.variables)):
        told = f"{len(look.variables)} variables, {look.fewest} rows in the smallest environment"
        lines += [
            f"  components: {min(count, len(look.variables))}    # {told}: principal components in their place",
            "  # as many as latents. More of them let the data test the linear mixing; what they leave out is lost.",
        ]
    return lines


def _assume(look: Look, design: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    cut = bool(look.changed) and all(CUT.search(name) for name in look.changed)
    kind = "hard" if cut else "soft"
    mixing = "general" if look.images else "linear"
    acts = {
        "single-node": "each environment acts on one latent of its own",
        "coupled": "two environments act on each latent",
        "multi-node": "environments may act on several latents at once",
    }[design]
    told = {
        "linear": "what is measured are linear mixtures of the latents; general: any smooth function",
        "general": "what is measured are smooth functions of the latents",
    }[mixing]
    lines = [
        "assume:",
        f"  mixing: {mixing}    # DECIDE: {told}",
        "  interventions:",
        f"    design: {design}    # guessed from {len(look.changed)} environments: {acts}",
    ]
    if design == "coupled":
        lines.append(f"    pairs: [{', '.join(f'[{_text(a)}, {_text(b)}]' for a, b in pairs)}]")
    return [
        *lines,
        f"    kind: {kind}    # DECIDE: hard cuts a latent off from its causes (a knock-out); soft only changes it",
        "    targets: concealed    # which latent each environment acts on is not known",
    ]


def _pairs(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Names that come in twos, alike but for an ending; empty unless all do."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(ENDS.sub("", name), []).append(name)
    if len(names) < 2 or any(len(group) != 2 or not stem for stem, group in groups.items()):
        return ()
    return tuple((first, second) for first, second in groups.values())


def _text(value: str) -> str:
    """A word of YAML, in quotes where it needs them."""
    plain = PLAIN.match(value) and value.lower() not in ("null", "true", "false") and value == value.strip()
    return (
        value
        if plain or ("/" in value and re.fullmatch(r"[\w./-]+", value))
        else json.dumps(value, ensure_ascii=False)
    )


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 100)
