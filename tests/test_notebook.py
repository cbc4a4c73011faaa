"""What values show of themselves in a notebook: whole, escaped, without anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

import crlspec
from crlspec.notebook import MOST, card, grid
from crlspec.studies.power.plan import Plan
from crlspec.studies.stability.bootstrap import FIELDS
from crlspec.studies.stability.stability_tables import Stability, frame
from tests.downstream.conftest import made

ALLOWED = {"div", "span", "b", "table", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Collects text and tags; every tag that is opened must be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def text_of(html: str) -> str:
    """The text of a block, a space between its parts; asserts that it is whole and holds nothing that loads."""
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    assert reader.tags <= ALLOWED
    assert reader.names <= {"style", "scope"}
    colours = set(re.findall(r"(?<!border-left:4px solid )#[0-9a-f]{3,6}", html))
    assert not colours, "text and ground take the colours of the page, light or dark"
    assert "url(" not in html
    return " ".join(reader.words)


def test_a_card_escapes_all_that_it_is_told():
    html = card("<i>", "a & b", [("<u>", '"x"'), ("left out", "")], "<script>alert(1)</script>", "bad")
    assert text_of(html) == '<i>   a & b <script>alert(1)</script> <u> "x"'
    assert html.startswith('<div style="border-left:4px solid #d9772b;')


def test_a_long_table_says_how_much_it_leaves_out():
    assert grid(["a"], []) == ""
    told = text_of(grid(["a"], [[str(k)] for k in range(MOST + 3)]))
    assert told.endswith(f"{MOST - 1} and 3 more")


def test_spec_and_verdict():
    spec = crlspec.load("linear/hard-5")
    assert repr(spec) == (
        "<Spec 'linear-hard-5': 5 latents, linear mixing, single-node interventions, hard, estimator lscale-i>"
    )
    told = text_of(spec._repr_html_())
    assert told.startswith(
        "Spec   linear-hard-5 latents 5: z1, z2, z3, z4, z5 model random graph, linear mechanisms,"
    )
    assert told.endswith("scores gaussian estimator lscale-i")
    verdict = crlspec.identifiability(spec)
    assert repr(verdict) == "<Verdict: covered, latents 'scaling', graph 'exact', estimator lscale-i>"
    assert text_of(verdict._repr_html_()).startswith("Verdict   covered by the theory theorem ")


@pytest.mark.parametrize("name", crlspec.spec.load.shipped())
def test_every_shipped_spec_fits_into_a_line_and_a_block(name):
    spec = crlspec.load(name)
    assert len(repr(spec)) < 200 and "\n" not in repr(spec)
    assert spec.name in text_of(spec._repr_html_())
    assert len(spec._repr_html_()) < 8000


def test_a_spec_that_says_less():
    text = (
        "crlspec: 1\nlatents: from-environments\ndata: {path: d, observational: obs}\n"
        "assume: {mixing: linear, interventions: {design: single-node, kind: soft}}\n"
    )
    spec = crlspec.loads(text)
    assert repr(spec).startswith(
        "<Spec 'spec': latents from environments, linear mixing, single-node interventions, "
    )
    assert " data d " in text_of(spec._repr_html_())


def test_a_model():
    model = crlspec.compile(crlspec.load("linear/hard-5"), seed=0)
    count = len(model.graph.edges)
    assert repr(model) == (
        f"<Model 'linear-hard-5': 5 latents, {count} edges, 25 observed, {len(model.environments)} environments, cpu>"
    )
    told = text_of(model._repr_html_())
    assert "observed 25, LinearMap numbers float64 on cpu environment targets kind obs" in told


def test_a_result():
    result = made(["a -> <b>"], nodes=["a", "<b>"])
    assert repr(result) == "<Result: 2 latents, 1 edges (exact), 2 observed, 3 environments, ok>"
    told = text_of(result._repr_html_())
    assert told.startswith("Result   result: ok Two latents and a graph of one edge were recovered from two ")
    assert told.endswith("latent environments variables that move most with it a do_a <b> do_<b> "
                         "edge strength p-value a → <b> 0.5 < 1e-12")  # fmt: skip


def test_a_stability():
    empty = {key: "" for key in FIELDS} | {"seconds": 1.0}
    good = {"status": "ok", "order": "0 1", "edges": "0>1", "correlations": "1 0.9", "differences": "0.1 0.2"}
    rows = [{**empty, "bootstrap": 0, **good}, {**empty, "bootstrap": 1, "status": "failed", "message": "no"}]
    found = Stability(made(["a -> b"]), frame(rows, range(2), ("a", "b")), "half")
    assert repr(found) == "<Stability: 2 bootstraps of 2 latents, 1 failed>"
    told = text_of(found._repr_html_())
    assert told.startswith("Stability   2 bootstraps, 1 failed rows drawn half of them each latent ")
    assert told.endswith("edge frequency 95 % in the result a → b 0.50 0.09 to 0.91 yes")


def test_a_plan():
    rates = pd.DataFrame(
        {
            "graph_right": [0.5, 1.0],
            "graph_right_low": [0.3, 0.83],
            "graph_right_high": [0.7, 1.0],
            "mcc": [0.9, 0.99],
        },
        index=[100, 1000],
    )
    plan = Plan(
        crlspec.load("linear/hard-5"), True, rates, pd.DataFrame(index=range(40)), pd.DataFrame(), 0.5, False
    )
    assert repr(plan) == "<Plan of 'linear-hard-5': 2 numbers of samples, 40 runs>"
    assert text_of(plan._repr_html_()) == (
        "Plan   linear-hard-5 enough for a rate of .8 1000 samples graph right (95 %) MCC "
        "100 0.50 (0.30 to 0.70) 0.900 1000 1.00 (0.83 to 1.00) 0.990"
    )
