"""The report: complete in itself, true to the result, safe with any name; a section wherever its data are."""

from __future__ import annotations

import dataclasses
import html.parser
import re

import matplotlib
import numpy as np
import pytest

from crlspec.errors import OutputExists
from crlspec.report import evidence, pictures, report, sections
from crlspec.report.facts import direct, doubtful, stage_facts, truth_facts
from crlspec.report.layout import Layout, bend, curve, label_places, layout
from crlspec.report.palette import THEMED
from crlspec.report.pictures import Line
from crlspec.report.score_facts import score_facts
from crlspec.report.svg import svg
from crlspec.report.training import trainings
from crlspec.result import Result
from crlspec.results.evaluate import EVALUATION
from crlspec.results.verdict import verdict

VOID = {"meta", "link", "br", "path", "use", "image", "rect", "circle", "line", "col"}


def render(result, model=None) -> str:
    """The page of a result."""
    return report.render(result, result.goodness_of_fit, model)


class Checker(html.parser.HTMLParser):
    """Collects ids, links, sections and titles of pictures, and sees that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.told: list[str] = []
        self.titles: dict[str, str] = {}
        self.sections: list[str] = []
        self.title = ""

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        known = dict(attrs)
        self.title = known.get("id", "") if tag == "title" else ""
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known[key] for key in ("src", "href", "xlink:href") if key in known]
        self.sections += [known["id"]] if tag == "section" else []
        if tag == "svg":
            self.told += [known["aria-labelledby"], known.get("aria-describedby", known["aria-labelledby"])]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.title:
            self.titles[self.title] = data
            self.title = ""


def _checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert all(link.startswith(("#", "data:")) for link in checker.links)
    assert not re.search(r"@import|@font-face|url\((?!#)|<script|src=\"http", text)
    assert set(checker.told) <= set(checker.ids)
    return checker


def test_report_beside_the_truth(result, model):
    text = render(result, model)
    checker = _checked(text)
    pictures_of = {name.removesuffix("-title") for name in checker.titles}
    assert pictures_of == {
        "dag", "truth", "latent0", "latent1", "latent2", "latent3", "scores", "expected", "spectrum",
        "score-spectra", "training0", "training1",
    }  # fmt: skip
    assert checker.titles["dag-title"] == "Recovered graph: z1 → z2, z1 → z3, z2 → z3."
    for words in ("MCC", "✓ true", "likelihood", "@article{toy}", "decided", "crlspec replay"):
        assert words in text
    assert verdict(result, {**result.metrics(model), "mcc": 0.99996}) == (
        "Four latents (up to scaling) and a graph of three edges were recovered from seven observed variables in "
        "five environments; against the truth, the mean correlation is 1.0000 and no edges are wrong."
    )
    assert "toy &lt;b&gt;&amp;" in text
    assert "<b>&" not in text
    assert text == render(result, model)


ALWAYS = {"latents", "fit", "provenance"}
NEEDED = {
    "scores": (evidence.scores, ("score_differences",)),
    "spectra": (evidence.spectra, ("spectrum",)),
    "training": (evidence.training, ("training_scores", "training_edges", "training_edges_2")),
    "targets": (lambda result: sections.signature(result, None), ("signature", "signature_strength")),
}


def test_a_section_is_there_exactly_where_its_data_are(result, toy):
    hit = {environment: [z] for z, environment in result.environment_of.items()}
    whole = toy.with_signature(result.estimate, hit)
    text = render(dataclasses.replace(result, estimate=whole))
    assert set(_checked(text).sections) == {
        *ALWAYS,
        *NEEDED,
        "carriers",
        "graph",
        "edges",
        "stages",
        "theory",
    }
    for part, keys in NEEDED.values():
        left = {key: array for key, array in whole.diagnostics.items() if key not in keys}
        assert part(dataclasses.replace(result, estimate=dataclasses.replace(whole, diagnostics=left))) == ""
    latents_alone = dataclasses.replace(
        whole, edges=(), tested=(), stages=(), graph="not estimated", diagnostics={}, environment_of={}
    )
    bare = render(dataclasses.replace(result, estimate=latents_alone, identified={}))
    assert set(_checked(bare).sections) == ALWAYS


def test_report_without_a_truth_and_with_a_remedy(result, toy):
    status = toy.Status("undecided", "Two orders fit.", "Sample more of z2.")
    undecided = dataclasses.replace(result, estimate=dataclasses.replace(result.estimate, status=status))
    text = render(undecided)
    _checked(text)
    assert "MCC" not in text
    for words in ("? undecided", "Two orders fit.", "What would help: Sample more of z2."):
        assert words in text
    assert verdict(undecided).startswith(
        "The data do not decide everything. So far seven observed variables in five environments show four latents ("
    )
    status = toy.Status("refuted", "The mixing is not linear.")
    refuted = dataclasses.replace(result, estimate=dataclasses.replace(result.estimate, status=status))
    assert verdict(refuted).startswith("The data contradict an assumption. Do not rely on the four latents")


def test_verdict_of_a_closure_and_of_an_uncovered_setting(result, toy):
    soft = toy.toy_model("soft")
    estimate = dataclasses.replace(toy.toy_estimate(soft), graph="transitive closure")
    found = Result.from_estimate(estimate, soft.sample(50), observational="obs", verdict={"covered": False})
    assert verdict(found) == (
        "Four latents and three ancestral links were recovered from seven observed variables in five environments, "
        "in a setting that no known theorem covers."
    )
    assert "and no ancestral links are wrong." in verdict(found, found.metrics(soft))
    assert direct(found) == {("z1", "z2"), ("z2", "z3")}
    assert "so it is direct" in render(found, soft)


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


def test_an_svg_follows_the_pages_colours_and_tells_what_it_shows():
    places = Layout({"a": (0.0, 0.0), "b": (1.0, 1.0)}, {})
    text = svg(pictures.graph(places, {("a", "b"): Line()}, THEMED), "one", "a to b", "an arrow")
    assert "var(--ink)" in text
    assert '<title id="one-title">a to b</title><desc id="one-desc">an arrow</desc>' in text


def test_doubtful_pairs_are_those_within_a_factor_of_ten_of_alpha(result):
    edges = [
        dataclasses.replace(edge, p_value=p)
        for edge, p in zip(result.tested, (1e-9, 9e-4, 2e-3, 0.09, 0.11, 0.8), strict=True)
    ]
    estimate = dataclasses.replace(
        result.estimate, tested=tuple(edges), edges=tuple(e for e in edges if e.p_value < 0.01)
    )
    unknown = dataclasses.replace(result, estimate=estimate)
    known = dataclasses.replace(unknown, provenance={**result.provenance, "alpha": 0.01})
    assert doubtful(unknown) == ()
    assert doubtful(known) == (edges[2].pair, edges[3].pair)
    assert "nearly found" in render(known)
    assert "alpha = 0.01. Then about 1 of a hundred pairs" in render(known)


def test_open_edges_are_dashed_and_told(result, toy):
    dashed = re.compile(r"<path[^>]*stroke-dasharray: 3\.96,1\.98[^>]*var\(--muted\)")
    assert not dashed.search(render(result))
    absent = (toy.AbsentEdge("z1", "z4", 0.2, False), toy.AbsentEdge("z2", "z4", 0.1, True))
    estimate = dataclasses.replace(result.estimate, absent=absent)
    text = render(dataclasses.replace(result, estimate=estimate))
    _checked(text)
    assert len(dashed.findall(text)) == 1
    for words in (
        ">≤ 0.2<",
        "z1 to z4 not seen, could be up to 0.2",
        "not seen; could be up to the strength on it",
        "<p>1 of 3 absent edges is excluded above 0.1; 1 is open: z1 → z4 could be up to 0.2; 1 without a power "
        "calculation.</p>",
        ">not seen; could be up to 0.2</td>",
        ">excluded above 0.1</td>",
        ">no power calculation</td>",
    ):
        assert words in text, words


def test_score_cells_that_contradict_the_graph_are_marked(result):
    facts = score_facts(result)
    assert facts is not None
    assert facts.surplus == facts.lacking == ()
    assert [facts.expected[i, i] for i in range(4)] == [1, 1, 1, 1]
    turned = result.diagnostics["score_differences"].copy()
    turned.loc["hard_z4", "z1"] = turned.loc["hard_z4", "z4"]  # z1 is no cause of z4
    turned.loc["hard_z3", "z2"] = 0  # z2 is a cause of z3
    estimate = dataclasses.replace(
        result.estimate, diagnostics={**result.diagnostics, "score_differences": turned}
    )
    wrong = score_facts(dataclasses.replace(result, estimate=estimate))
    at = {(wrong.environments[i], wrong.latents[j]) for i, j in wrong.surplus}
    assert at == {("hard_z4", "z1")}
    assert [(wrong.environments[i], wrong.latents[j]) for i, j in wrong.lacking] == [("hard_z3", "z2")]
    turned.loc["hard_z3", "z4"] = 0  # nothing elsewhere in the row either: no noise to tell it from
    assert score_facts(dataclasses.replace(result, estimate=estimate)).lacking == ()


def test_fits_of_a_stage_share_a_chart_unless_they_belong_to_environments(result):
    first, second = trainings(result)
    assert (first.stage, [name for name, _, _ in first.lines]) == (
        "scores", ["hard_z1", "hard_z2", "hard_z3", "hard_z4"],
    )  # fmt: skip
    assert (second.stage, [name for name, _, _ in second.lines]) == ("edges", ["1: half 1", "2: half 2"])


def test_goodness_of_fit_has_a_row_for_every_mechanism(result):
    text = evidence.fit(result.goodness_of_fit)
    _checked(text)
    table = result.goodness_of_fit()
    assert text.count("<tr>") == 1 + len(table) == 9
    for words in ("linear in z1, z2", "elsewhere", "hard_z3", "✓ not refuted", "None is refuted."):
        assert words in text


def test_where_no_mechanism_can_be_fitted_the_report_says_why(result):
    bare = dataclasses.replace(
        result, estimate=dataclasses.replace(result.estimate, graph="not estimated", edges=())
    )
    text = evidence.fit(bare.goodness_of_fit)
    _checked(text)
    assert "No mechanisms were fitted. Got a result whose graph is not estimated" in text
    assert "<table>" not in text


def test_the_metrics_of_a_report_are_those_that_run_prints(result, model):
    seeded = dataclasses.replace(result, provenance={**result.provenance, "seeds": {"solve": 7}})
    told, printed = truth_facts(seeded, model).evaluation, result.evaluate(model, seed=7 + EVALUATION)
    assert float(told["mcc"]) == float(printed["mcc"])
    assert float(told["r2"]) == float(printed["r2"])


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
        laid = layout(nodes, edges)
        assert all(laid.places[a][1] < laid.places[b][1] for a, b in edges)
        spots = np.array(list(laid.places.values()))
        distance = np.linalg.norm(spots[:, None] - spots[None], axis=2) + 9 * np.eye(n)
        assert distance.min() > 0.99


def test_an_edge_that_passes_layers_meets_no_node():
    rng = np.random.default_rng(1)
    nodes = [f"n{i}" for i in range(12)]
    edges = [(nodes[i], nodes[j]) for i in range(12) for j in range(i + 1, 12) if rng.random() < 0.35]
    laid = layout(nodes, edges)
    assert any(laid.passes.values())
    for source, target in edges:
        route = laid.route(source, target)
        np.testing.assert_allclose(route[[0, -1]], [laid.places[source], laid.places[target]])
        np.testing.assert_allclose(laid.route(target, source), route[::-1])
        others = np.array([place for name, place in laid.places.items() if name not in (source, target)])
        assert np.linalg.norm(route[:, None] - others[None], axis=2).min() > 0.3


def test_an_edge_bends_around_a_node_in_its_way():
    assert bend((0, 0), (0, -2), []) == 0
    assert bend((0, 0), (0, -2), [(1.0, -1.0)]) == 0
    assert bend((0, 0), (0, -2), [(0.0, -1.0)]) != 0


def test_labels_of_edges_that_cross_keep_clear_of_each_other():
    crossing = [curve((0, 0), (2, -2), 0.0), curve((2, 0), (0, -2), 0.0)]
    first, second = label_places(crossing, [(0, 0), (2, 0), (0, -2), (2, -2)])
    assert np.hypot(first[0] - second[0], first[1] - second[1]) > 0.4
