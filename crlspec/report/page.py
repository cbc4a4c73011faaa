"""Small builders of the HTML of report.html; its dress is in :mod:`crlspec.report.style`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from crlspec.report.style import STYLE

__all__ = ["cards", "contents", "details", "facts", "figure", "key", "page", "section", "table"]


LONG = re.compile(r"[^\s<>]{25}")
"""A word that may be broken, so that the table keeps to the page."""
TAG = re.compile(r"<[^>]*>")
TITLE = re.compile(r'<section id="([\w-]+)">\n<h2>(.*?)</h2>')


def page(title: str, body: Iterable[str]) -> str:
    """A whole document that needs nothing from outside; ``body`` is HTML, ``title`` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n'
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def section(name: str, title: str, note: str, *parts: str) -> str:
    """A titled block, to be linked to as ``#name``; ``note`` is text, the parts are HTML."""
    told = f'<p class="note">{escape(note)}</p>' if note else ""
    body = "\n".join(part for part in (f"<h2>{escape(title)}</h2>", told, *parts) if part)
    return f'<section id="{name}">\n{body}\n</section>'


def contents(parts: Iterable[str]) -> str:
    """Links to the sections among the parts, in their order."""
    found = [match for part in parts for match in TITLE.findall(part)]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in found)
    return f'<nav class="contents" aria-label="Contents">{links}</nav>' if found else ""


def figure(picture: str, caption: str = "", *, titled: bool = False) -> str:
    """An SVG with its caption (HTML) below, or ``titled`` by it above."""
    told = f"<figcaption>{caption}</figcaption>" if caption else ""
    kind = "titled" if titled else "untitled"
    return f'<figure class="{kind}">{picture}{told}</figure>'


def key(marks: Iterable[tuple[str, str, str]]) -> str:
    """A legend: (element ``i`` for a line or ``u`` for a box, its class, what it means)."""
    items = (f'<li><{tag} class="{kind}"></{tag}>{escape(text)}</li>' for tag, kind, text in marks)
    return f'<ul class="key">{"".join(items)}</ul>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), kind: str = ""
) -> str:
    """A table of HTML cells; the columns in ``numbers`` stand to the right, the first one never breaks.

    kind  ``narrow``, or ``stack`` for many columns: on a phone each row is then a block of named values
    """

    def place(k: int) -> str:
        return "num" if k in numbers else "keep" if k == 0 else ""

    def cell(k: int, content: str) -> str:
        kind = f"{place(k)}{' long' * bool(LONG.search(TAG.sub(' ', content)))}".strip()
        return f'<td class="{kind}" data-head="{escape(head[k], quote=True)}">{content}</td>'

    top = "".join(f'<th scope="col" class="{place(k)}">{escape(text)}</th>' for k, text in enumerate(head))
    lines = ("".join(cell(k, content) for k, content in enumerate(row)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="{kind}"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, both HTML, as a table without a head."""
    lines = "\n".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts"><tbody>\n{lines}\n</tbody></table>'


def cards(values: Iterable[tuple[str, str, str]]) -> str:
    """Key figures: (name, value, what it means), all text."""
    items = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(meaning)}</small></dd></div>"
        for name, value, meaning in values
    )
    return '<dl class="cards">' + "".join(items) + "</dl>"


def details(summary: str, content: str) -> str:
    """Content (HTML) that opens on demand, and always on paper."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"
