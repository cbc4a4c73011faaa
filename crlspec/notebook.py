"""How values show themselves in a notebook: a small block of HTML that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["card", "grid"]

TONES = {"plain": "#7a8794", "good": "#1f9d74", "bad": "#d9772b"}
"""Colours of the bar at the left: middle tones, which show on light and on dark paper."""

MOST = 20
"""Rows of a table that are shown; how many more there are is said below."""

BOX = "border-left:4px solid {};padding:.2em 0 .2em .8em;margin:.3em 0;max-width:60em;line-height:1.45;color:inherit"
TABLE = "border-collapse:collapse;margin:.4em 0 0;background:none;color:inherit;font-size:.93em"
CELL = "text-align:left;vertical-align:top;padding:.1em 1.2em .1em 0;background:none;color:inherit;border:0"
QUIET = "opacity:.72"


def card(
    kind: str,
    title: str,
    rows: Iterable[tuple[str, str]] = (),
    text: str = "",
    tone: str = "plain",
    parts: Iterable[str] = (),
) -> str:
    """A titled block of names and values. All arguments are text, and escaped, but for ``parts``, which are HTML.

    kind   what it is: ``Spec``, ``Result`` …
    text   a sentence below the title; line breaks in it stay
    tone   of the bar at the left: plain, good or bad
    """
    told = f'<div style="white-space:pre-line">{escape(text)}</div>' if text else ""
    lines = "".join(
        f'<tr style="background:none"><td style="{CELL};{QUIET}">{escape(name)}</td>'
        f'<td style="{CELL}">{escape(value)}</td></tr>'
        for name, value in rows
        if value
    )
    table = f'<table style="{TABLE}"><tbody>{lines}</tbody></table>' if lines else ""
    head = f'<div><span style="{QUIET}">{escape(kind)}</span> <b>{escape(title)}</b></div>'
    return f'<div style="{BOX.format(TONES[tone])}">{head}{told}{table}{"".join(parts)}</div>'


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text with a head, cut after so many rows; empty without rows."""
    if not rows:
        return ""
    top = "".join(
        f'<th scope="col" style="{CELL};{QUIET};font-weight:normal">{escape(name)}</th>' for name in head
    )
    lines = "".join(
        '<tr style="background:none">'
        + "".join(f'<td style="{CELL}">{escape(one)}</td>' for one in row)
        + "</tr>"
        for row in rows[:MOST]
    )
    more = f'<div style="{QUIET}">and {len(rows) - MOST} more</div>' if len(rows) > MOST else ""
    return f'<table style="{TABLE}"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>{more}'
