"""The recovered graph in the formats that other programs read; each writer gives the whole text of a file, but for
PNG, which is no text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.disk.write import write_file
from crlspec.downstream.pgmpy_graph import known, refuse_no_graph
from crlspec.errors import CrlspecError

if TYPE_CHECKING:
    import networkx as nx

    from crlspec.results.record import Record

__all__ = [
    "FORMATS",
    "PICTURES",
    "SUFFIXES",
    "ExportError",
    "export",
    "export_text",
    "format_of",
    "to_networkx",
]

SUFFIXES: Mapping[str, str] = {
    ".json": "networkx", ".gml": "gml", ".dot": "dot", ".gv": "dot", ".dagitty": "dagitty", ".lavaan": "lavaan",
    ".lav": "lavaan", ".csv": "csv", ".graphml": "graphml", ".bif": "bif", ".svg": "svg", ".png": "png",
}  # fmt: skip
FORMATS = ("networkx", "gml", "graphml", "dot", "dagitty", "lavaan", "csv", "bif", "svg", "png")
PICTURES = ("svg", "png")
BINS = 3
"""States of a latent in a network of the Bayesian interchange format, which knows no continuous ones."""

RESERVED = frozenset({
    "if", "else", "repeat", "while", "function", "for", "next", "break", "in", "TRUE", "FALSE", "NULL", "Inf", "NaN",
    "NA",
})  # fmt: skip
"""Words of R, which lavaan cannot hold as names."""


class ExportError(CrlspecError):
    """Raised when a graph cannot be written in a format: no such format, or a name that it cannot hold."""

    exit_code = 2


def export(result: Record, path: str | Path, format: str | None = None, force: bool = False) -> Path:
    """Write the graph into a file, whole or not at all; the suffix names the format unless ``format`` does.

    Raises ExportError for a format that is none, or a latent's name that the format cannot hold; OutputExists
    unless ``force``; EstimationError where no graph was estimated.
    """
    path = Path(path)
    kind = format_of(path, format)
    if kind == "png":
        from crlspec.report.graph_picture import graph_png

        refuse_no_graph(result)
        return write_file(path, graph_png(result), force)
    return write_file(path, export_text(result, kind), force)


def format_of(path: Path, asked: str | None) -> str:
    """The format asked for, or else the one of the suffix."""
    if asked is not None:
        return asked
    if path.suffix.lower() not in SUFFIXES:
        raise ExportError(
            f"{path}: cannot tell the format of a graph from '{path.suffix}'.",
            remedy=f"Name it: {', '.join(FORMATS)}; or end in {', '.join(SUFFIXES)}.",
        )
    return SUFFIXES[path.suffix.lower()]


def export_text(result: Record, format: str) -> str:
    """The graph as the text of a file of that format."""
    refuse_no_graph(result)
    if format == "png":
        raise ExportError(
            "A png is no text.", remedy="Name a file that it is written into, e.g. --out dag.png."
        )
    if format not in WRITERS:
        raise ExportError(f"there is no format {format!r}.", remedy=f"Choose one of {', '.join(FORMATS)}.")
    if broken := [name for name in result.names if not name or not name.isprintable()]:
        raise ExportError(
            f"{broken[0]!r} cannot be the name of a node in a text file.",
            remedy="Rename the latent in the spec.",
        )
    return WRITERS[format](result)


def to_networkx(result: Record) -> nx.DiGraph:
    """The graph as a networkx DiGraph, isolated nodes kept; edges carry ``strength`` and ``p_value`` where known,
    nodes their ``environments`` as text."""
    import networkx as nx

    refuse_no_graph(result)
    graph = nx.DiGraph()
    for name in result.names:
        graph.add_node(name, environments=", ".join(result.targeted_by(name)))
    for edge in result.edges:
        graph.add_edge(*edge.pair, **known(edge))
    return graph


def _node_link(result: Record) -> str:
    """The node-link JSON of ``networkx.node_link_graph(…, edges="edges")``."""
    import networkx as nx

    return (
        json.dumps(nx.node_link_data(to_networkx(result), edges="edges"), indent=2, ensure_ascii=False) + "\n"
    )


def _gml(result: Record) -> str:
    """GML, as ``networkx.read_gml`` and igraph read it; what is not ASCII goes as character references."""
    import networkx as nx

    return "\n".join(nx.generate_gml(to_networkx(result))) + "\n"


def _dot(result: Record) -> str:
    return result.dag_dot()


def _dagitty(result: Record) -> str:
    """DAGitty's text, every node and edge a line; names in double quotes where they are no plain words."""
    names = {name: _dagitty_name(name) for name in result.names}
    lines = [*names.values(), *(f"{names[edge.source]} -> {names[edge.target]}" for edge in result.edges)]
    return "\n".join(["dag {", *lines, "}"]) + "\n"


def _dagitty_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.]+", name):
        return name
    if re.search(r"[\"'\[\]{}\\]", name):
        raise ExportError(
            f"DAGitty cannot hold the name {name!r}: quotes, brackets and backslashes have no escape there.",
            remedy="Rename the latent, or choose gml or csv.",
        )
    return f'"{name}"'


def _lavaan(result: Record) -> str:
    """lavaan's model syntax: a regression for each node with parents, a variance for each without."""
    for name in result.names:
        if not re.fullmatch(r"[A-Za-z](\w|\.)*", name, re.ASCII) or name in RESERVED:
            raise ExportError(
                f"lavaan cannot hold the name {name!r}: there are no quotes in its model syntax.",
                remedy="Rename the latent to letters, digits, '.' and '_', or choose gml or csv.",
            )
    parents: dict[str, list[str]] = {name: [] for name in result.names}
    for edge in result.edges:
        parents[edge.target].append(edge.source)
    return "".join(
        f"{name} ~ {' + '.join(found)}\n" if found else f"{name} ~~ {name}\n"
        for name, found in parents.items()
    )


def _csv(result: Record) -> str:
    """The adjacency matrix: a row per source, a column per target, 1 for an edge."""
    pairs = {edge.pair for edge in result.edges}
    rows: list[Sequence[object]] = [["from", *result.names]]
    rows += [[a, *(int((a, b) in pairs) for b in result.names)] for a in result.names]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _graphml(result: Record) -> str:
    """GraphML, as ``networkx.read_graphml``, igraph, Gephi, Cytoscape and yEd read it."""
    import networkx as nx

    return "\n".join(nx.generate_graphml(to_networkx(result))) + "\n"


def _bif(result: Record) -> str:
    """The Bayesian interchange format: the discrete network of three bins a latent, ``s0`` (lowest) to ``s2``."""
    from crlspec.downstream.pgmpy_discrete import discrete_network

    for name in result.names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ExportError(
                f"BIF cannot hold the name {name!r}: names are letters, digits and '_' there.",
                remedy="Rename the latent, or choose gml or csv.",
            )
    network = discrete_network(result, BINS)
    states = ", ".join(f"s{k}" for k in range(BINS))
    lines = ["network recovered {", "}"]
    for name in result.names:
        lines += [f"variable {name} {{", f"  type discrete [ {BINS} ] {{ {states} }};", "}"]
    for name in result.names:
        cpd = network.get_cpds(name)
        parents, table = cpd.variables[1:], cpd.get_values().T.tolist()
        lines.append(f"probability ( {name}{' | ' + ', '.join(parents) if parents else ''} ) {{")
        for row, given in zip(table, product(range(BINS), repeat=len(parents)), strict=True):
            head = f"({', '.join(f's{k}' for k in given)})" if parents else "table"
            lines.append(f"  {head} {', '.join(repr(float(value)) for value in row)};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _svg(result: Record) -> str:
    from crlspec.report.graph_picture import graph_svg

    return graph_svg(result)


WRITERS: Mapping[str, Callable[[Record], str]] = {
    "networkx": _node_link, "gml": _gml, "dot": _dot, "dagitty": _dagitty, "lavaan": _lavaan, "csv": _csv,
    "graphml": _graphml, "bif": _bif, "svg": _svg,
}  # fmt: skip
