"""The report: complete in itself, true to the result, safe with any name; the layout of its graphs."""

from __future__ import annotations

import dataclasses
import html.parser
import re

import matplotlib
import numpy as np
import pytest

from crlspec.errors import OutputExists
from crlspec.results import pictures
from crlspec.results.facts import stage_facts, truth_facts
from crlspec.results.layout import bend, positions
from crlspec.results.palette import THEMED, svg
from crlspec.results.report import render
from crlspec.results.result import Result

VOID = {"meta", "br", "path", "use", "image", "rect", "circle", "line", "col"}


class Checker(html.parser.HTMLParser):
    """Collects ids, links and pictures, and sees that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def _note(self, tag, attrs):
        known = dict(attrs)
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known[key] for key in ("src", "href", "xlink:href") if key in known]
        if tag == "svg":
            self.labels.append(known["aria-label"])


def _checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert all(link.startswith(("#", "data:")) for link in checker.links)
    assert not re.search(r"@import|url\((?!#)", text)
    assert all(checker.labels)
    return checker


def test_report_beside_the_truth(result, model):
    text = render(result, model)
    checker = _checked(text)
    assert len(checker.labels) == 2 + 1 + 4 + 1  # graphs, score map, latents, spectrum
    assert "Recovered graph: z1 → z2, z1 → z3, z2 → z3." in checker.labels
    for words in ("Four latents and three edges", "MCC", "✓ true", "likelihood", "@article{toy}", "decided"):
        assert words in text
    assert "toy &lt;b&gt;&amp;" in text
    assert "<b>&" not in text
    assert not any(mark in text for mark in vars(THEMED).values())
    assert text == render(result, model)


def test_report_without_a_truth_and_with_a_remedy(result, toy):
    status = toy.Status("undecided", "Two orders fit.", "Sample more of z2.")
    estimate = dataclasses.replace(result.estimate, status=status)
    text = render(dataclasses.replace(result, estimate=estimate))
    _checked(text)
    assert "MCC" not in text
    for words in ("? undecided", "Two orders fit.", "What would help: Sample more of z2.", "did not decide"):
        assert words in text


def test_report_of_a_bare_result(toy, model):
    bare = dataclasses.replace(toy.toy_estimate(model), edges=(), tested=(), stages=(), diagnostics={})
    result = Result.from_estimate(bare, model.sample(50), observational="obs")
    assert "No edge was found." in render(result)
    _checked(render(result, model))


def test_report_of_one_latent_and_hostile_names(toy):
    model = toy.ToyModel(np.zeros((1, 1)))
    hostile = '<script>$x^{&"'
    estimate = toy.toy_estimate(model).renamed({"z1": hostile}, {name: name for name in model.environments})
    text = render(Result.from_estimate(estimate, model.sample(50), observational="obs"), model)
    _checked(text)
    assert "<script>" not in text


def test_writing_is_refused_over_an_old_report(result, tmp_path):
    path = result.report(tmp_path / "report.html")
    with pytest.raises(OutputExists):
        result.report(path)
    assert result.report(path, force=True).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_pictures_leave_matplotlibs_settings_alone(result, model):
    before = dict(matplotlib.rcParams)
    render(result, model)
    assert dict(matplotlib.rcParams) == before


def test_an_svg_follows_the_pages_colours():
    places = {"a": (0.0, 0.0), "b": (1.0, 1.0)}
    text = svg(pictures.graph(places, {("a", "b"): "plain"}, None, THEMED), "one", "a to b")
    assert "var(--ink)" in text
    assert 'aria-label="a to b"' in text
    assert 'id="one-' in text


def test_stages_tell_what_changed(result, model):
    facts = stage_facts(result, truth_facts(result, model))
    assert [fact.shd for fact in facts] == [3, 1, 0]
    assert facts[0].agreement is None
    assert facts[2].agreement == pytest.approx(1)
    assert facts[2].mcc == pytest.approx(1)
    assert facts[2].dropped == (("z1", "z4"),)


def test_layout_points_down_and_keeps_nodes_apart():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 12):
        nodes = [f"n{i}" for i in range(n)]
        edges = [(nodes[i], nodes[j]) for i in range(n) for j in range(i + 1, n) if rng.random() < 0.4]
        places = positions(nodes, edges)
        assert all(places[a][1] < places[b][1] for a, b in edges)
        spots = np.array(list(places.values()))
        distance = np.linalg.norm(spots[:, None] - spots[None], axis=2) + 9 * np.eye(n)
        assert distance.min() > 0.8


def test_an_edge_bends_around_a_node_in_its_way():
    assert bend((0, 0), (0, -2), []) == 0
    assert bend((0, 0), (0, -2), [(1.0, -1.0)]) == 0
    assert bend((0, 0), (0, -2), [(0.0, -1.0)]) != 0
