"""Colours of the pictures: safe for colour-blind readers, exchangeable for a page's theme."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "THEMED", "Palette", "palette_of", "svg"]


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
DARK = Palette("#e8eaed", "#a9b1bb", "#3a4149", "#1a1d21", "#6cb8f0", "#f0a04b")
THEMED = Palette(*(f"#0{k}0{k}0{k}" for k in range(1, 7)))
"""Marks that :func:`svg` exchanges for CSS variables, so that a picture follows light and dark."""


def palette_of(ground: Any) -> Palette:
    """The colours that show on a ground, given as matplotlib takes colours."""
    red, green, blue = to_rgb(ground)
    return LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else DARK


def svg(drawn: Figure | Axes, name: str, title: str, description: str = "") -> str:
    """A figure, or the only axes of one, drawn with THEMED as an inline SVG element: text as text, sized by the page.

    name         keeps the element's ids apart from those of other pictures in the same page
    title        what the picture is, for readers who do not see it
    description  what it shows, in as many words as that takes
    """
    figure: Any = drawn.figure if isinstance(drawn, Axes) else drawn
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
    told = f'<desc id="{name}-desc">{escape(description)}</desc>' if description else ""
    described = f' aria-describedby="{name}-desc"' if told else ""
    head = (
        f'<svg role="img" aria-labelledby="{name}-title"{described} '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" style="--w:{width * 4 / 3:.0f}px">'
        f'<title id="{name}-title">{escape(title)}</title>{told}'
    )
    return head + text[text.index(">") + 1 :].strip()
