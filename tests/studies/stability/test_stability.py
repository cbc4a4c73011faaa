"""Stability: rows drawn as said, latents matched, frequencies counted, failures kept, kills survived."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import crlspec
from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.errors import DataError, EstimationError, OutputExists, SettingMismatch
from crlspec.numerics.rates import wilson
from crlspec.studies.stability import stability as module
from crlspec.studies.stability.bootstrap import FIELDS, Study, _columns, resampled
from crlspec.studies.stability.stability_tables import Stability, frame

SPEC = """
crlspec: 1
name: two
latents: [a, b]
scm: {graph: [a -> b], mechanism: {kind: linear, weight: [1.4, 1.5]}, noise: {kind: normal, variance: 1}}
mixing: {kind: linear, observed: 3}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.2}}}
samples: 3000
scores: {kind: gaussian}
estimator: {kind: lscale-i, refine: none}
"""


@pytest.fixture(scope="module")
def spec():
    return crlspec.loads(SPEC)


@pytest.fixture(scope="module")
def data(spec):
    return crlspec.compile(spec, seed=1).sample(seed=1)


@pytest.fixture(scope="module")
def found(spec, data):
    return crlspec.stability(spec, data, bootstraps=4, seed=2)


def row(number, **values):
    return {key: "" for key in FIELDS} | {"bootstrap": number, "status": "ok", "seconds": 1.0} | values


@pytest.fixture
def written(make):
    """Four bootstraps written down: one failed, one undecided."""
    rows = [
        row(2, order="0 1 2", edges="0>1 1>2", correlations="1 0.9 0.8", differences="0.1 0.2 0.3"),
        row(0, order="0 1 2", edges="0>1", correlations="1 0.7 0.8", differences="0.3 0.2 0.3"),
        row(3, status="failed", message="no convergence"),
        row(
            1,
            status="undecided",
            order="1 0 2",
            edges="1>0",
            correlations="1 0.8 0.5",
            differences="0.2 0.2 0.3",
        ),
    ]
    return Stability(
        make(["a -> b"], nodes=["a", "b", "c"]), frame(rows, range(4), ("a", "b", "c")), "bootstrap"
    )


def test_rows_are_drawn_within_environments():
    rng = np.random.default_rng(0)
    samples = {"obs": np.arange(100.0)[:, None], "do": np.arange(200.0, 251.0)[:, None]}
    again, half = resampled(samples, "bootstrap", rng), resampled(samples, "half", rng)
    for name, x in samples.items():
        assert len(again[name]) == len(x)
        assert len(half[name]) == len(np.unique(half[name])) == len(x) // 2
        assert set(again[name].ravel()) <= set(x.ravel())
        assert len(np.unique(again[name])) < len(x)


def test_frequencies_keep_failures_in_the_denominator(written):
    edges = written.edges.set_index(["source", "target"])
    assert edges.loc[("a", "b"), "count"] == 2
    assert edges.loc[("a", "b"), ["frequency", "low", "high"]].tolist() == [0.5, *wilson(2, 4)]
    assert edges["in_result"].to_dict() == {("a", "b"): True, ("b", "c"): False, ("b", "a"): False}
    assert written.orders["order"].tolist() == [("a", "b", "c"), ("b", "a", "c")]
    assert written.orders["count"].tolist() == [2, 1]
    assert written.failed == 1


def test_latents_are_those_of_bootstraps_that_have_some(written):
    latents = written.latents.set_index("latent")
    assert latents.loc["b", "correlation"] == pytest.approx(0.8)
    assert latents.loc["b", ["low", "high"]].tolist() == pytest.approx(
        np.quantile([0.9, 0.7, 0.8], [0.025, 0.975])
    )
    assert latents.loc["a", "difference"] == pytest.approx(0.2)


def test_the_labelled_form(written):
    dataset = written.dataset()
    assert float(dataset["edge_frequency"].sel(source="a", target="b")) == 0.5
    assert float(dataset["precedence"].sel(source="a", target="b")) == 0.5
    assert float(dataset["precedence"].sel(source="b", target="a")) == 0.25
    assert np.isnan(dataset["correlation"].sel(bootstrap=3)).all()
    assert dataset["correlation"].sel(bootstrap=1, latent="c") == 0.5
    assert dataset["status"].values.tolist() == ["ok", "undecided", "ok", "failed"]


def test_what_is_printed(written):
    text = str(written)
    assert text.startswith("4 bootstraps, rows drawn with replacement within environments: 2 ok, ")
    assert "\n  a -> b  0.50 (0.15 to 0.85) *\n" in text
    assert text.endswith("failed   1: no convergence")


def test_nothing_but_failures_is_told(make):
    rows = [row(k, status="failed", message="no") for k in range(2)]
    lost = Stability(make(["a -> b"]), frame(rows, range(2), ("a", "b")), "half")
    assert lost.failed == 2
    assert lost.edges["frequency"].tolist() == [0.0]
    assert lost.latents["correlation"].isna().all()
    assert lost.orders.empty
    assert "failed   2: no" in str(lost)


def test_a_clear_result_is_stable(found):
    assert (found.failed, len(found.runs)) == (0, 4)
    assert found.edges[["source", "target", "count", "in_result"]].values.tolist() == [["a", "b", 4, True]]
    assert found.latents["low"].min() > 0.97
    assert found.result.names == ("a", "b")


def test_the_result_is_that_of_solve_and_the_bootstraps_those_of_the_seed(spec, data, found):
    np.testing.assert_allclose(found.result.mixing, crlspec.solve(spec, data, seed=2).mixing)
    again = crlspec.stability(spec, data, bootstraps=2, seed=2)
    pd.testing.assert_frame_equal(
        again.runs.drop(columns="seconds"), found.runs.head(2).drop(columns="seconds")
    )
    other = crlspec.stability(spec, data, bootstraps=1, seed=3)
    assert other.runs["correlations"][0] != found.runs["correlations"][0]


def test_a_result_asks_for_itself(spec, data, found):
    stable = crlspec.stability(found.result, data, bootstraps=1, seed=2, resample="bootstrap")
    assert stable.result is found.result
    assert stable.resample == "bootstrap"
    assert found.resample == "half"
    bare = dataclasses.replace(found.result, provenance={})
    with pytest.raises(QuestionError, match="does not know the spec"):
        crlspec.stability(bare, data)


def test_what_was_stopped_goes_on(spec, data, found, tmp_path, monkeypatch):
    done = []

    def killed(study, number):
        if number == 2:
            raise KeyboardInterrupt
        done.append(number)
        return module_bootstrap(study, number)

    module_bootstrap = module.bootstrap
    monkeypatch.setattr(module, "bootstrap", killed)
    with pytest.raises(KeyboardInterrupt):
        crlspec.stability(spec, data, bootstraps=4, seed=2, out=tmp_path)
    text = (tmp_path / "bootstraps.csv").read_text()
    (tmp_path / "bootstraps.csv").write_text(text + "3,cut off in its mid")
    monkeypatch.setattr(module, "bootstrap", lambda *task: done.append(task[1]) or module_bootstrap(*task))
    whole = crlspec.stability(spec, data, bootstraps=4, seed=2, out=tmp_path)
    assert done == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(whole.runs.drop(columns="seconds"), found.runs.drop(columns="seconds"))
    with pytest.raises(OutputExists, match="holds bootstraps of another spec, other data, or another seed"):
        crlspec.stability(spec, data, bootstraps=4, seed=5, out=tmp_path)


def test_a_bootstrap_that_fails_is_a_row(spec, data, monkeypatch):
    import crlspec.solving

    solve, calls = crlspec.solving.solve, []

    def fails(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise EstimationError("the order is not decided.")
        return solve(*args, **kwargs)

    monkeypatch.setattr(crlspec.solving, "solve", fails)
    found = crlspec.stability(spec, data, bootstraps=3)
    assert found.runs["status"].tolist() == ["failed", "ok", "ok"]
    assert found.runs["message"][0] == "the order is not decided."
    assert found.edges["frequency"].tolist() == [2 / 3]


def test_latents_without_names_are_matched_by_correlation(make):
    result = make(["a -> b"], nodes=["a", "b", "c"])
    shared = np.array([[0.1, -0.9, 0.2], [0.2, 0.1, 0.8], [0.95, 0.3, 0.1]])
    study = Study(None, {}, (), "obs", np.zeros((1, 3)), np.zeros((1, 3)), result.names, False, "half", 0, "")
    assert _columns(study, result, shared).tolist() == [1, 2, 0]
    assert _columns(dataclasses.replace(study, named=True), result, shared).tolist() == [0, 1, 2]
    assert _columns(
        dataclasses.replace(study, named=True, latents=("a", "b")), result, shared[:2]
    ).tolist() == [1, 2]


@pytest.mark.slow
def test_two_processes_give_what_one_gives(spec, data, found):
    side_by_side = crlspec.stability(spec, data, bootstraps=2, seed=2, jobs=2)
    assert side_by_side.runs["edges"].tolist() == found.runs["edges"].head(2).tolist()


def test_calls_that_do_not_fit(spec, data):
    with pytest.raises(DataError, match="no data are given, and the spec reads none"):
        crlspec.stability(spec)
    with pytest.raises(QuestionError, match="resample='thirds' is no way to draw"):
        crlspec.stability(spec, data, resample="thirds")
    with pytest.raises(QuestionError, match="0 bootstraps say nothing"):
        crlspec.stability(spec, data, bootstraps=0)
    with pytest.raises(QuestionError, match="--set gives several"):
        crlspec.stability(spec, data, sets=["estimator.alpha=0.01,0.05"])
    with pytest.raises(SettingMismatch, match="exact"):
        crlspec.stability(spec, data, sets=["scores.kind=exact"])
    fewer = xr.DataTree.from_dict(
        {name: node.to_dataset().isel(observed=[0, 1]) for name, node in data.items()}
    )
    fewer.attrs = data.attrs
    result = crlspec.solve(spec, data, seed=2)
    with pytest.raises(DataError, match="lack x3"):
        crlspec.stability(crlspec.loads(SPEC.replace("observed: 3", "observed: 2")), fewer, result=result)


def test_components_are_taken_anew_of_every_resample() -> None:
    from tests.data.door import samples

    spec = crlspec.loads(
        "latents: from-environments\ndata: {path: none.csv, observational: control, components: 3}\n"
        "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}"
    )
    data = crlspec.read_data(samples(rows=700, variables=30), observational="control")
    found = crlspec.stability(spec, data, bootstraps=2)
    assert found.failed == 0
    assert found.result.names == ("KO_a", "KO_b", "KO_c")
    assert float(found.latents["correlation"].min()) > 0.9
