"""Colours of the pictures: safe for colour-blind readers, exchangeable for a page's theme."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["LIGHT", "THEMED", "Palette", "svg"]


@dataclass(frozen=True)
class Palette:
    """One colour per meaning. Blue and orange stay apart in every common kind of colour blindness."""

    ink: str = "#1b1f24"
    muted: str = "#5f6872"
    rule: str = "#d5d9de"
    paper: str = "#ffffff"
    accent: str = "#0067a5"
    alert: str = "#c04f00"


LIGHT = Palette()
THEMED = Palette(*(f"#0{k}0{k}0{k}" for k in range(1, 7)))
"""Marks that :func:`svg` exchanges for CSS variables, so that a picture follows light and dark."""


def svg(figure: Figure, name: str, alt: str) -> str:
    """A figure drawn with THEMED as an inline SVG element: text as text, sized by the page, with an alt text.

    ``name`` keeps the element's ids apart from those of other pictures in the same page.
    """
    buffer = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about glyphs that only the page's fonts have
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for one in fields(Palette):
        text = text.replace(getattr(THEMED, one.name), f"var(--{one.name})")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", text)
    width, height = (float(value) for value in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    head = (
        f'<svg role="img" aria-label="{escape(alt, quote=True)}" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width:g} {height:g}" '
        f'style="--w:{width * 4 / 3:.0f}px"><title>{escape(alt)}</title>'
    )
    return head + text[text.index(">") + 1 :].strip()
