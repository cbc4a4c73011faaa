"""The command ``export``: on stdout, into a file, and what it refuses."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture
def run(call, spec, fixed_estimator):
    """A run folder, whose graph is a -> b."""
    fixed_estimator()
    assert call("run", spec, "--out", "done").status == 0
    return "done"


def test_export_prints_dot_and_writes_by_suffix(call, run, tmp_path):
    printed = call("export", run)
    assert (printed.status, printed.err) == (0, "")
    assert printed.out.startswith("digraph recovered {")
    assert call("export", f"{run}/result.nc", "--format", "lavaan").out.count(" ~ ") == 1
    told = call("export", run, "--out", "graph/dag.csv")
    assert (told.status, told.out) == (0, "graph/dag.csv is written: 3 nodes, 1 edges.\n")
    table = pd.read_csv(tmp_path / "graph" / "dag.csv", index_col=0)
    assert table.values.sum() == 1


def test_what_export_refuses(call, run):
    assert call("export", run, "--out", "dag.gml").status == 0
    again = call("export", run, "--out", "dag.gml")
    assert again.status == 2
    assert again.err.startswith("dag.gml: the file exists.")
    assert call("export", run, "--out", "dag.gml", "--force").status == 0
    unknown = call("export", run, "--out", "dag.pdf")
    assert unknown.status == 2
    assert unknown.err.startswith(
        "dag.pdf: cannot tell the format of a graph from '.pdf'. Remedy: Name it: networkx,"
    )
    assert call("export", run, "--format", "pdf").status == 2
    assert call("export", "nowhere").err.startswith("nowhere: there is no such result.")


def test_a_picture_goes_into_a_file(call, run, tmp_path):
    told = call("export", run, "--out", "dag.png")
    assert (told.status, told.out) == (0, "dag.png is written: 3 nodes, 1 edges.\n")
    assert (tmp_path / "dag.png").read_bytes().startswith(b"\x89PNG")
    refused = call("export", run, "--format", "png")
    assert refused.status == 2
    assert refused.err.startswith(
        "A png is no text. Remedy: Name a file that it is written into, e.g. --out dag.png."
    )


def test_latents_without_a_graph_end_with_status_4(call, spec):
    assert call("run", spec, "--set", "estimator.kind=pca", "--out", "pca").status in (0, 4)
    told = call("export", "pca")
    assert told.status == 4
    assert told.err.startswith("this result has no graph: its estimator gives latents alone.")
