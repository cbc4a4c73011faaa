"""Every format gives the graph back through its reader, or says which name it cannot hold."""

from __future__ import annotations

import json
import re

import networkx as nx
import pandas as pd
import pytest

from crlspec.downstream.exports import FORMATS, PICTURES, SUFFIXES, WRITERS, ExportError
from crlspec.errors import EstimationError, OutputExists

EDGES = ["a -> b", "b -> c", "a -> c"]


@pytest.fixture(scope="module")
def result(make):
    return make(EDGES, nodes=["a", "b", "c", "alone"])


@pytest.fixture(scope="module")
def odd(make):
    """Names that need quoting somewhere."""
    return make(["light level -> dose-2", "dose-2 -> größe"], nodes=["light level", "dose-2", "größe", "7"])


def graph_of(nodes, edges):
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return graph


def unquoted(text):
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\") if text.startswith('"') else text


def read_dot(text):
    """The part of DOT that is written: quoted nodes and edges, a line each."""
    name = r'"(?:[^"\\]|\\.)*"'
    nodes = re.findall(rf"^  ({name});$", text, flags=re.MULTILINE)
    edges = re.findall(rf"^  ({name}) -> ({name})", text, flags=re.MULTILINE)
    return graph_of(map(unquoted, nodes), [(unquoted(a), unquoted(b)) for a, b in edges])


def read_lavaan(text):
    graph = nx.DiGraph()
    for line in text.splitlines():
        if "~~" in line:
            left, right = line.split(" ~~ ")
            assert left == right
            graph.add_node(left)
        else:
            target, sources = line.split(" ~ ")
            graph.add_edges_from((source, target) for source in sources.split(" + "))
    return graph


def read_csv(path):
    table = pd.read_csv(path, index_col=0, dtype={"from": str})
    assert list(table.columns) == list(table.index)
    return graph_of(table.columns, [(a, b) for a in table.index for b in table.columns if table.loc[a, b]])


def read_dagitty(text):
    from pgmpy.base import DAG

    return DAG.from_dagitty(text)


def read_bif(text):
    from pgmpy.readwrite import BIFReader

    return BIFReader(string=text).get_model()


READERS = {
    "networkx": lambda path: nx.node_link_graph(json.loads(path.read_text()), edges="edges"),
    "gml": nx.read_gml,
    "dot": lambda path: read_dot(path.read_text()),
    "dagitty": lambda path: read_dagitty(path.read_text()),
    "lavaan": lambda path: read_lavaan(path.read_text()),
    "csv": read_csv,
    "graphml": nx.read_graphml,
    "bif": lambda path: read_bif(path.read_text()),
}


def same(one, other):
    return set(one.nodes) == set(other.nodes) and set(one.edges) == set(other.edges)


def test_there_is_a_writer_and_a_reader_for_every_format():
    assert set(FORMATS) == set(SUFFIXES.values())
    assert set(FORMATS) - {"png"} == set(WRITERS)
    assert set(FORMATS) - set(PICTURES) == set(READERS)


@pytest.mark.parametrize("suffix", [suffix for suffix, kind in SUFFIXES.items() if kind not in PICTURES])
def test_round_trip(result, tmp_path, suffix):
    path = result.export(tmp_path / f"dag{suffix}")
    assert same(READERS[SUFFIXES[suffix]](path), result.networkx())


@pytest.mark.parametrize("format", ["networkx", "gml", "graphml", "dot", "csv"])
def test_round_trip_of_odd_names(odd, tmp_path, format):
    assert same(READERS[format](odd.export(tmp_path / "graph", format)), odd.networkx())


def test_dagitty_quotes_what_is_no_word(make, tmp_path):
    spaced = make(["light level -> dose"], nodes=["light level", "dose", "x.1"])
    path = spaced.export(tmp_path / "dag.dagitty")
    assert path.read_text() == 'dag {\n"light level"\ndose\nx.1\n"light level" -> dose\n}\n'
    assert same(read_dagitty(path.read_text()), spaced.networkx())


def test_pgmpy_reads_the_regressions_of_lavaan(result, tmp_path, caplog):
    from pgmpy.base import DAG

    read = DAG.from_lavaan(filename=result.export(tmp_path / "dag.lavaan"))
    assert set(read.edges) == set(result.networkx().edges)


def test_strengths_and_p_values_travel(result, tmp_path):
    for name in ("dag.json", "dag.gml", "dag.graphml"):
        graph = READERS[SUFFIXES[name[3:]]](result.export(tmp_path / name))
        assert graph.edges["a", "b"] == {"strength": 0.5, "p_value": 1e-20}
        assert graph.nodes["a"] == {"environments": "do_a"}
    assert result.dag.edges["a", "b"].items() >= {"strength": 0.5, "p_value": 1e-20}.items()
    assert result.dag.nodes["a"]["environments"] == ("do_a",)
    assert result.dag.edges["a", "b"] == {
        "weight": 0.5, "strength": 0.5, "p_value": 1e-20, "environments": ("do_a",)
    }  # fmt: skip


def test_bif_holds_the_tables_of_the_discrete_network(result, tmp_path):
    read = read_bif(result.export(tmp_path / "dag.bif").read_text())
    written = result.bayesian_network(discretize=3)
    for name in result.names:
        one, other = read.get_cpds(name), written.get_cpds(name)
        order = [one.variables.index(parent) for parent in other.variables]
        assert one.values.transpose(order) == pytest.approx(other.values, abs=1e-12)
        assert list(one.state_names[name]) == ["s0", "s1", "s2"]
    assert read.check_model()


def test_pictures_show_every_latent_and_are_the_same_each_time(odd, tmp_path):
    svg = odd.export(tmp_path / "dag.svg").read_text()
    assert svg.startswith("<?xml")
    assert all(f">{name}</text>" in svg for name in ("light level", "dose-2", "größe", "7"))
    assert svg == odd.export(tmp_path / "again.svg").read_text()
    png = odd.export(tmp_path / "dag.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n")
    assert png == odd.export(tmp_path / "again.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        (
            "dose-2",
            "lavaan",
            "lavaan cannot hold the name 'dose-2': there are no quotes in its model syntax.",
        ),
        ("if", "lavaan", "lavaan cannot hold the name 'if': there are no quotes in its model syntax."),
        (
            'the "dose"',
            "dagitty",
            "DAGitty cannot hold the name 'the \"dose\"': quotes, brackets and backslashes have no escape there.",
        ),
        ("dose-2", "bif", "BIF cannot hold the name 'dose-2': names are letters, digits and '_' there."),
        ("two\nlines", "dot", "'two\\nlines' cannot be the name of a node in a text file."),
    ],
)
def test_a_name_that_a_format_cannot_hold_is_refused(make, tmp_path, name, format, message):
    with pytest.raises(ExportError) as caught:
        make([f"a -> {name}"]).export(tmp_path / "file", format)
    assert caught.value.message == message
    assert caught.value.remedy
    assert not list(tmp_path.iterdir())


def test_calls_that_do_not_fit(result, make, tmp_path):
    with pytest.raises(ExportError, match=r"cannot tell the format of a graph from '\.pdf'"):
        result.export(tmp_path / "dag.pdf")
    with pytest.raises(ExportError, match="there is no format 'pdf'"):
        result.export(tmp_path / "dag.pdf", "pdf")
    path = result.export(tmp_path / "dag.gml")
    with pytest.raises(OutputExists):
        result.export(path)
    assert result.export(path, force=True) == path
    with pytest.raises(EstimationError, match="this result has no graph"):
        make([], nodes=["a", "b"], graph="not estimated").export(tmp_path / "dag.csv")
