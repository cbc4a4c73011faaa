"""The style sheet of report.html: light and dark, desk and phone, screen and paper."""

from __future__ import annotations

__all__ = ["STYLE"]

COLOURS = """
:root { color-scheme: light dark;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, "Noto Serif", "DejaVu Serif", serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", monospace;
  --ink: #1b1f24; --muted: #56606a; --rule: #dde1e6; --paper: #ffffff; --ground: #f5f6f7;
  --accent: #0067a5; --alert: #b54a00; --good: #00694d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --muted: #a9b1bb; --rule: #3a4149;
  --paper: #1a1d21; --ground: #121417; --accent: #6cb8f0; --alert: #f0a04b; --good: #4cc9a0; } }
"""

TEXT = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 var(--sans); }
main { max-width: 62rem; margin: 0 auto; padding: clamp(1.1rem, 4vw, 3rem) clamp(.8rem, 4vw, 2.5rem) 4rem; }
.over { font-size: .78rem; letter-spacing: .09em; text-transform: uppercase; color: var(--muted); margin: 0; }
h1 { font: 600 clamp(1.7rem, 5vw, 2.5rem)/1.15 var(--serif); margin: .25rem 0 1rem; overflow-wrap: anywhere; }
h2 { font: 600 1.32rem/1.25 var(--serif); margin: 0 0 .35rem; }
h3 { font: 600 1rem/1.35 var(--sans); margin: 1.4rem 0 .35rem; }
.lead { font: clamp(1.12rem, 2.6vw, 1.3rem)/1.45 var(--serif); max-width: 46rem; margin: 0 0 1.3rem; }
.note { color: var(--muted); max-width: 46rem; margin: 0 0 1rem; font-size: .94rem; }
.good { color: var(--good); } .bad { color: var(--alert); }
ul.plain { margin: .2rem 0 .6rem; padding-left: 1.1rem; max-width: 46rem; }
code, pre { font-family: var(--mono); }
pre { font-size: .82rem; line-height: 1.5; background: var(--ground); border: 1px solid var(--rule);
  border-radius: 8px; padding: .8rem 1rem; margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; font-size: .92rem; padding: .35rem 0; }
details { margin-top: .8rem; }
footer { color: var(--muted); font-size: .84rem; margin-top: 1.6rem; }
"""

BLOCKS = """
section { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px; margin: 1.1rem 0 0;
  padding: clamp(1rem, 3vw, 1.7rem); }
.made { color: var(--muted); font-size: .84rem; margin: .6rem 0 0; max-width: 46rem; overflow-wrap: anywhere; }
.contents { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 1.2rem 0 0; font-size: .88rem; }
.contents a { color: var(--accent); text-decoration: none; } .contents a:hover { text-decoration: underline; }
.status { border-left: 5px solid var(--tone); background: var(--paper); padding: .75rem 1rem; margin: 0;
  border-radius: 0 8px 8px 0; max-width: 46rem; }
.status p { margin: .15rem 0 0; } .status b { color: var(--tone); }
.ok { --tone: var(--good); } .undecided, .refuted { --tone: var(--alert); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.5rem, 46%), 1fr)); gap: .7rem;
  margin: 1.3rem 0 0; padding: 0; }
.cards div { background: var(--paper); border: 1px solid var(--rule); border-radius: 10px;
  padding: .7rem .9rem; }
.cards dt { font-size: .78rem; color: var(--muted); }
.cards dd { margin: 0; font: 600 1.38rem/1.3 var(--serif); font-variant-numeric: tabular-nums; }
.cards small { display: block; font: .76rem/1.35 var(--sans); color: var(--muted); }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: 1.4rem;
  align-items: start; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(9.3rem, 46%), 1fr)); gap: .9rem; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1.4rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .86rem; color: var(--muted); margin: .35rem 0 0; }
figcaption b { color: var(--ink); font-weight: 600; }
.titled { display: flex; flex-direction: column; } .titled figcaption { order: -1; margin: 0 0 .5rem;
  font-size: .94rem; }
.moving { display: block; width: 100%; max-width: 16rem; image-rendering: pixelated; }
.strip { display: block; width: 100%; image-rendering: pixelated; }
svg { display: block; width: 100%; height: auto; max-width: var(--w); }
.key { display: flex; flex-wrap: wrap; gap: .35rem 1.3rem; list-style: none; padding: 0; margin: 1rem 0 0;
  font-size: .86rem; color: var(--muted); }
.key i { display: inline-block; width: 1.9rem; vertical-align: middle; margin-right: .45rem;
  border-top: 2px solid var(--ink); }
.key .true { border-color: var(--accent); } .key .extra, .key .reversed { border-color: var(--alert); }
.key .indirect { border-top-style: dashed; } .key .missed { border-top: 3px dotted var(--alert); }
.key .doubtful { border-top: 3px dotted var(--muted); } .key .open { border-top: 2px dashed var(--muted); }
.key u { display: inline-block; width: 1rem; height: 1rem; vertical-align: -.18rem; margin-right: .45rem;
  border: 1px solid var(--ink); text-decoration: none; }
.key .target { border-width: 3px; } .key .surplus { border: 2px dashed var(--alert); }
"""

TABLES = """
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--muted); vertical-align: bottom;
  border-bottom: 1px solid var(--rule); padding: .35rem .9rem .35rem 0; }
td { padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: break-word; }
.long { overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
th:last-child, td:last-child { padding-right: 0; }
.num { text-align: right; } td.num, .keep { white-space: nowrap; }
.narrow { max-width: 40rem; } .facts td:first-child { color: var(--muted); width: 9.5rem; }
.aside { font-size: .82rem; color: var(--muted); white-space: normal; max-width: 17rem; }
@media (max-width: 48rem) { td { overflow-wrap: anywhere; }
  td.keep { white-space: normal; } span.keep { display: inline-block; white-space: normal; }
  .stack table, .stack tbody, .stack tr, .stack td { display: block; }
  .stack thead { display: none; }
  .stack tr { border-bottom: 1px solid var(--rule); padding: .55rem 0; } .stack tr:last-child { border: 0; }
  .stack td { display: flow-root; border: 0; padding: .12rem 0 .12rem 7.4rem; text-align: left; white-space: normal; }
  .stack td::before { content: attr(data-head); float: left; width: 6.6rem; margin-left: -7.4rem;
    color: var(--muted); font-size: .84rem; }
  .stack td:first-child { padding-left: 0; font-weight: 600; } .stack td:first-child::before { content: none; }
  .stack td:first-child .aside { font-weight: 400; max-width: none; }
  .facts, .facts tbody, .facts tr, .facts td { display: block; }
  .facts td { border: 0; padding: 0; width: auto; } .facts td:first-child { font-size: .84rem; width: auto; }
  .facts tr { border-bottom: 1px solid var(--rule); padding: .45rem 0; } .facts tr:last-child { border: 0; } }
"""

PAPER = """
@page { margin: 16mm 14mm; }
@media print { .contents { display: none; }
  :root { color-scheme: light; --ink: #000; --muted: #444; --rule: #bbb; --paper: #fff;
  --ground: #fff; --accent: #0067a5; --alert: #b54a00; --good: #00694d; }
  body { font-size: 10pt; } main { padding: 0; max-width: none; }
  section { padding: .7rem 0; border-width: 1px 0 0; border-radius: 0; margin: .7rem 0 0; }
  figure, tr, p, .cards div, .status, #graph, #targets, #latents, #scores, #spectra { break-inside: avoid; }
  h1, h2, h3, .note, summary { break-after: avoid; }
  .cards { grid-template-columns: repeat(5, 1fr); } .many { grid-template-columns: repeat(5, 1fr); }
  .side, .curves { grid-template-columns: repeat(2, 1fr); }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  details > summary { list-style: none; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

STYLE = COLOURS + TEXT + BLOCKS + TABLES + PAPER
