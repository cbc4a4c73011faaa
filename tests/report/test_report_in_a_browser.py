"""The report as a browser shows it: on a phone, at a desk, on paper. Skipped without Chromium on PATH."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.result import Result

_spec = importlib.util.spec_from_file_location("crlspec_browser", Path(__file__).with_name("browser.py"))
assert _spec is not None
assert _spec.loader is not None
browser = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browser)

pytestmark = pytest.mark.skipif(browser.executable() is None, reason="no Chromium is on PATH")

TEXTS = """(() => {
  const texts = [...document.querySelectorAll('%s svg text')].map(e => e.getBoundingClientRect());
  const hit = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
                     && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  let overlaps = 0;
  texts.forEach((a, i) => texts.slice(i + 1).forEach(b => overlaps += hit(a, b)));
  return {count: texts.length, overlaps: overlaps, smallest: Math.min(...texts.map(r => r.height))};
})()"""

BROKEN = """(() => {
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), broken = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.parentElement.closest('svg, pre, details:not([open])')) continue;
    for (const word of node.data.matchAll(/[\\p{L}\\p{N}_.]{2,24}/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) broken.push(word[0]);
    }
  }
  return broken;
})()"""
"""Words that begin in one line and end in another."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def large(toy) -> Result:
    """Twelve latents with long names, and twice as many edges."""
    rng = np.random.default_rng(3)
    model = toy.ToyModel(np.triu(rng.random((12, 12)) < 0.35, 1) * 0.8, observed_count=20)
    estimate = toy.toy_estimate(model)
    names = {z: f"latent_of_{z}" for z in model.latents}
    renamed = estimate.renamed(names, {name: name for name in model.environments})
    return Result.from_estimate(renamed, model.sample(300), observational="obs")


@pytest.fixture(scope="module")
def pages(result, model, toy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hit = {environment: [z, "z1"] for z, environment in result.environment_of.items()}
    signed = dataclasses.replace(result, estimate=toy.with_signature(result.estimate, hit))
    made = {
        "truth": (result, model),
        "own": (result, None),
        "signature": (signed, model),
        "large": (large(toy), None),
    }
    return {name: one.report(folder / f"{name}.html", truth) for name, (one, truth) in made.items()}


@pytest.mark.parametrize("name", ["truth", "own", "signature", "large"])
def test_nothing_overflows_nothing_is_fetched_and_nothing_complains(tab, pages, name):
    for width in (390, 800, 1280):
        tab.open(pages[name], width)
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.complaints == []
        assert all(url.startswith(("file:", "data:")) for url in tab.requests)
        scrolling = (
            "[...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
        )
        scrolling += "getComputedStyle(e).overflowX !== 'visible').map(e => e.tagName + '.' + e.className)"
        assert tab.ask(scrolling) == []
        assert tab.ask(BROKEN) == []
    assert tab.pdf().startswith(b"%PDF")


def test_texts_of_pictures_can_be_read_on_a_phone_and_do_not_overlap(tab, pages):
    for name in ("truth", "own", "signature"):
        tab.open(pages[name], 390)
        for section in ("#graph", "#scores", "#spectra"):
            found = tab.ask(TEXTS % section)
            assert found["count"] > 4, (name, section)
            assert found["overlaps"] == 0, (name, section)
            assert found["smallest"] > 7.5, (name, section)


def test_dark_paper_is_dark(tab, pages):
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.open(pages["truth"], 390)
    light = tab.ask(ground)
    tab.open(pages["truth"], 390, dark=True)
    assert tab.ask(ground) != light


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "code"), [(10_000, "ok"), (500, "undecided")])
def test_a_run_can_be_read_on_a_phone_and_at_a_desk(tab, tmp_path, samples, code):
    spec = crlspec.load("linear/hard-5", sets=[f"samples={samples}"])
    model = crlspec.compile(spec, seed=0)
    result = crlspec.solve(spec, model.sample(seed=0), seed=0, model=model)
    assert result.status.code == code
    page = result.report(tmp_path / "report.html", model)
    for width in (400, 1280):
        tab.open(page, width)
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.ask(BROKEN) == []
        told = tab.ask("document.querySelector('#graph .note').innerText")
        assert told.startswith("The data do not decide all of this graph") == (code == "undecided")
