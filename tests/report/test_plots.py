"""``result.plot``: what the report draws, on axes of one's own, by the same functions."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from crlspec.errors import DataError, EstimationError
from crlspec.report.palette import DARK, LIGHT, THEMED, palette_of
from crlspec.report.report import render
from crlspec.report.svg import svg
from crlspec.results.loadings import with_loadings
from tests.downstream.conftest import made

KINDS = ["graph", "latents", "scores", "loadings", "training"]


@pytest.fixture(scope="module")
def full(result, model):
    """With loadings too."""
    return with_loadings(result, model.sample(300, seed=1))


@pytest.fixture(autouse=True)
def agg():
    from matplotlib import pyplot

    with mpl.rc_context({"backend": "agg"}):
        yield
    pyplot.close("all")


@pytest.mark.parametrize("kind", KINDS)
def test_each_draws_on_the_axes_it_is_given(full, kind):
    ax = Figure().subplots()
    assert getattr(full.plot, kind)(ax=ax) is ax
    assert ax.patches or ax.lines
    ax.figure.canvas.draw()


@pytest.mark.parametrize("kind", KINDS)
def test_without_axes_pyplot_makes_the_figure_that_a_notebook_shows(full, kind):
    from matplotlib import pyplot

    ax = getattr(full.plot, kind)()
    assert isinstance(ax, Axes)
    assert pyplot.gcf() is ax.figure


def texts(ax):
    return {text.get_text() for text in ax.texts}


def test_the_graph_has_a_node_for_each_latent_and_an_arrow_for_each_edge(full):
    ax = full.plot.graph(ax=Figure().subplots())
    assert set(full.names) <= texts(ax)
    arrows = [one for one in ax.patches if type(one).__name__ == "FancyArrowPatch"]
    assert len(arrows) == len(full.edges)


def test_things_shrink_with_the_axes(full):
    def size(ax):
        return next(text.get_fontsize() for text in ax.texts if text.get_text() == "z1")

    assert size(full.plot.graph()) == 10
    assert 1 < size(full.plot.graph(ax=Figure(figsize=(1.2, 1.0)).subplots())) < 5


def test_densities_are_densities_and_stand_apart(full):
    alone = full.plot.latents("z2", ax=Figure().subplots())
    filled, outline = (one.get_data() for one in alone.patches)
    for data in (filled, outline):
        share = float((data.values * np.diff(data.edges)).sum())
        assert 0.98 < share <= 1.0 + 1e-9  # all but what lies beyond the quantiles .002 and .998
    every = full.plot.latents(ax=Figure().subplots())
    assert [label.get_text() for label in every.get_yticklabels()] == list(full.names)
    bases = [one.get_data().baseline for one in every.patches]
    assert bases == [3, 3, 2, 2, 1, 1, 0, 0]
    assert all(one.get_data().values.max() < one.get_data().baseline + 1 for one in every.patches)


def test_loadings_are_written_with_their_signs(full):
    ax = full.plot.loadings(ax=Figure().subplots())
    assert [label.get_text() for label in ax.get_xticklabels()] == list(full.names)
    found = full.diagnostics["loadings"].sel(variable="x1", latent="z1").item()
    assert f"{found:+.2f}".replace("-", "−") in texts(ax)
    signs = {to_hex(one.get_facecolor()) for one in ax.patches}
    assert signs == {LIGHT.accent, LIGHT.alert}


def test_training_is_of_the_stage_that_is_asked_for(full):
    first = full.plot.training(ax=Figure().subplots())
    assert first.get_ylabel() == "log loss"
    other = full.plot.training("edges", ax=Figure().subplots())
    assert other.get_ylabel() == "mean squared error"
    with pytest.raises(DataError) as caught:
        full.plot.training("latents")
    assert str(caught.value) == "the stage 'latents' trained nothing. Remedy: Choose one of scores, edges."


def test_colours_follow_the_ground():
    assert palette_of("white") is LIGHT
    assert palette_of("#121417") is DARK
    result = made(["a -> b"])
    dark = Figure(facecolor="black").subplots()
    dark.set_facecolor("black")
    node = result.plot.graph(ax=dark).patches[0]
    assert to_hex(node.get_edgecolor()) == DARK.ink


def test_what_is_not_there_is_said():
    bare = made([], nodes=["a", "b"], graph="not estimated")
    told = {}
    for kind in KINDS:
        try:
            getattr(bare.plot, kind)(ax=Figure().subplots())
        except EstimationError as error:
            told[kind] = error.message
    assert told == {
        "graph": "this result has no graph: its estimator gives latents alone.",
        "scores": "this result has no score differences: its estimator used none.",
        "loadings": "this result has no loadings: images are observed, or it was not made by solve.",
        "training": "nothing was trained for this result, or its losses were not recorded.",
    }
    with pytest.raises(DataError, match="there is no latent 'c'"):
        bare.plot.latents("c")


def test_the_report_holds_the_same_pictures(full):
    """Graph, scores and loadings of the page are those of the functions behind ``plot``, stroke by stroke."""
    from crlspec.report.carriers import loading_map
    from crlspec.report.evidence import score_map
    from crlspec.report.graph_picture import picture
    from crlspec.report.score_facts import score_facts

    page = render(full, full.goodness_of_fit)
    drawn = {
        "dag": picture(full, THEMED),
        "scores": score_map(score_facts(full), THEMED),
        "loadings": loading_map(full, THEMED),
    }
    for name, axes in drawn.items():
        body = svg(axes, name, "").split("</title>")[1]
        assert body in page or body.split("</desc>")[-1] in page, name
