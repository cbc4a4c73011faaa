"""The dress of report.html: one style sheet for light, dark, phone and paper, and small HTML builders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["beside", "cards", "details", "figure", "page", "section", "table"]

STYLE = """
:root { color-scheme: light dark; --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  sans-serif;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", monospace;
  --ink: #1b1f24; --muted: #5b646e; --rule: #dde1e6; --paper: #ffffff; --ground: #f6f7f8;
  --accent: #0067a5; --alert: #b54a00; --good: #00694d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --muted: #a3abb5; --rule: #373d45; --paper:
  #1a1d21;
  --ground: #121417; --accent: #6cb8f0; --alert: #f0a04b; --good: #4cc9a0; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 var(--sans); }
main { max-width: 62rem; margin: 0 auto; padding: clamp(1.1rem, 4vw, 3.2rem) clamp(1rem, 4vw, 2.5rem)
  4rem; }
.over { font-size: .78rem; letter-spacing: .09em; text-transform: uppercase; color: var(--muted); margin:
  0; }
h1 { font: 600 clamp(1.7rem, 5vw, 2.5rem)/1.15 var(--serif); margin: .25rem 0 1rem; overflow-wrap:
  anywhere; }
h2 { font: 600 1.32rem/1.25 var(--serif); margin: 0 0 .3rem; }
.lead { font: 1.16rem/1.5 var(--serif); max-width: 42rem; margin: 0 0 1.2rem; }
.note { color: var(--muted); max-width: 52rem; margin: 0 0 1rem; font-size: .94rem; }
section { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; margin: 1.1rem 0 0;
  padding: clamp(1rem, 3vw, 1.7rem); }
.status { border-left: 5px solid var(--tone); background: var(--paper); padding: .75rem 1rem; margin: 0;
  border-radius: 0 8px 8px 0; max-width: 46rem; }
.status p { margin: .15rem 0 0; } .status b { color: var(--tone); }
.ok { --tone: var(--good); } .undecided, .refuted { --tone: var(--alert); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.6rem, 1fr)); gap: .7rem;
  margin: 1.3rem 0 0; padding: 0; }
.cards div { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; padding: .7rem
  .9rem; }
.cards dt { font-size: .78rem; color: var(--muted); } .cards dd { margin: 0; font: 600 1.38rem/1.3
  var(--serif);
  font-variant-numeric: tabular-nums; }
.cards small { display: block; font: .76rem/1.35 var(--sans); color: var(--muted); }
.beside { display: grid; grid-template-columns: minmax(0, auto) minmax(min(14rem, 100%), 1fr); gap: 1rem
  2rem;
  align-items: center; } @media (max-width: 44rem) { .beside { grid-template-columns: minmax(0, 1fr); } }
.beside p { font-size: .92rem; color: var(--muted); margin: 0; max-width: 30rem; }
.beside .wide svg { width: var(--w); max-width: 100%; margin: 0; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap:
  1.2rem; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(9.4rem, 46%), 1fr)); gap:
  .9rem; }
figure { margin: 0; min-width: 0; } figcaption { font-size: .86rem; color: var(--muted); margin-top:
  .35rem; }
.side figcaption { text-align: center; margin: 0 0 .6rem; font-size: .95rem; } .side figure { display: flex;
  flex-direction: column-reverse; justify-content: flex-end; }
figcaption b { color: var(--ink); font-weight: 600; }
figure .wide { overflow-x: auto; } svg { display: block; width: 100%; height: auto; max-width: var(--w);
  margin: 0 auto; } .left svg { margin: 0; } .beside .wide svg { min-width: min(var(--w), 19rem); }
.scroll { overflow-x: auto; margin: 0 -.2rem; padding: 0 .2rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--muted); border-bottom: 1px solid
  var(--rule);
  padding: .35rem .9rem .35rem 0; white-space: nowrap; }
td { padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
.aside { font-size: .82rem; color: var(--muted); white-space: normal; min-width: 8rem; max-width: 13rem; }
.roomy { min-width: 10rem; }
.narrow { max-width: 40rem; } tr:last-child td { border-bottom: 0; } .num { text-align: right;
  white-space: nowrap; } .keep { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--alert); }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0; margin: .9rem 0 0;
  font-size: .84rem; color: var(--muted); }
.key i { display: inline-block; width: 1.9rem; border-top: 2px solid var(--accent); vertical-align: middle;
  margin-right: .4rem; } .key .plain { border-color: var(--ink); } .key .extra { border-top: 2px dashed
  var(--alert); }
.key .reversed { border-color: var(--alert); } .key .missed { border-top: 2px dotted var(--muted); }
summary { cursor: pointer; font-weight: 600; font-size: .92rem; padding: .35rem 0; }
details { margin-top: .8rem; } pre { font: .82rem/1.5 var(--mono); background: var(--ground); overflow-x:
  auto;
  border: 1px solid var(--rule); border-radius: 8px; padding: .8rem 1rem; margin: .4rem 0 0; }
ul.plain { margin: .2rem 0 .6rem; padding-left: 1.1rem; }
footer { color: var(--muted); font-size: .84rem; margin-top: 1.6rem; }
@media print { :root { --ink: #000; --muted: #444; --rule: #ccc; --paper: #fff; --ground: #fff; --accent:
  #0067a5;
  --alert: #b54a00; --good: #00694d; color-scheme: light; } body { font-size: 10.5pt; } main { padding: 0; }
  section, .cards div { break-inside: avoid; border-radius: 0; } section { padding: .6rem 0;
  border-width: 1px 0 0; }
  details::details-content { content-visibility: visible; display: block; } pre { white-space: pre-wrap; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole document that needs nothing from outside; ``body`` is HTML, ``title`` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, note: str, *parts: str) -> str:
    """A titled block; ``note`` is text, the parts are HTML."""
    told = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{told}\n" + "\n".join(parts) + "\n</section>"


def figure(picture: str, caption: str = "", kind: str = "") -> str:
    """An SVG with its caption (HTML)."""
    told = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="{kind}"><div class="wide">{picture}</div>{told}</figure>'


def beside(picture: str, text: str) -> str:
    """An SVG with a text (HTML) next to it, or under it on a narrow screen."""
    return f'<figure class="beside"><div class="wide">{picture}</div><p>{text}</p></figure>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = (), width: str = ""
) -> str:
    """A table of HTML cells; the columns in ``numbers`` stand to the right, the first one never breaks.

    A head of empty texts is left out; ``width`` may be ``narrow``.
    """

    def kind(k: int) -> str:
        return ' class="num"' if k in numbers else ' class="keep"' if k == 0 else ""

    top = "".join(f'<th scope="col"{kind(k)}>{escape(text)}</th>' for k, text in enumerate(head))
    lines = ("".join(f"<td{kind(k)}>{cell}</td>" for k, cell in enumerate(row)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    over = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return f'<div class="scroll {width}"><table>{over}<tbody>\n{body}\n</tbody></table></div>'


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
