"""Colours of the pictures: safe for colour-blind readers, exchangeable for a page's theme."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["DARK", "LIGHT", "THEMED", "Palette", "palette_of"]


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
THEMED = Palette(*(f"var(--{one.name})" for one in fields(Palette)))
"""The CSS variables of a page, with which a picture follows light and dark."""


def palette_of(ground: Any) -> Palette:
    """The colours that show on a ground, given as matplotlib takes colours."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(ground)
    return LIGHT if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else DARK
