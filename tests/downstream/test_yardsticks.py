"""Yardsticks: what is asked of simpler ways, on the rows that judge the result, and what follows from it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch

import crlspec
from crlspec.data import Problem
from crlspec.downstream import yardsticks as downstream
from crlspec.downstream.ceiling import prepared
from crlspec.downstream.yardsticks import _environments, yardsticks
from crlspec.errors import DataError
from crlspec.inference.encoders.image_code import fit_code
from crlspec.inference.estimate import Estimate, Status
from crlspec.maps.maps import Network, NetworkEncoder
from crlspec.numerics import supervised
from crlspec.numerics.supervised import Observations, fit_supervised, log_loss, squared_error
from crlspec.report.yardsticks import yardsticks as section
from crlspec.results.yardsticks import Yardstick, Yardsticks
from crlspec.spec.setting import Setting
from tests.inference import blobs
from tests.results import toy


@pytest.fixture(scope="module")
def model():
    return toy.toy_model()


@pytest.fixture(scope="module")
def result(model):
    return crlspec.Result.from_estimate(
        toy.toy_estimate(model), model.sample(300, seed=1), observational="obs"
    )


@pytest.fixture(scope="module")
def measured(model, result):
    return result.yardsticks(model, samples=300, labels=(10,))


def test_all_ways_are_judged_on_the_rows_of_the_ceiling(model, result, measured):
    assert measured.ceiling == result.ceiling(model, samples=300, labels=(10,))
    assert [(one.name, one.labels) for one in measured.rows] == [
        ("this result", 0),
        ("principal components", 0),
        ("log ratios alone", 0),
        ("supervised network", 10),
        ("supervised network", measured.ceiling.reached.labels),
    ]
    assert measured.rows[0].correlation == measured.ceiling.own.correlation
    assert measured.mean(measured.rows[0]) == pytest.approx(1.0)


def test_principal_components_are_matched_at_their_best(model, measured):
    found = prepared(model.sample(300, seed=0), 0)
    truth, codes = found.labelled.z[found.split.judged], found.split.columns[found.split.judged][:, :4]
    table = np.abs(np.corrcoef(truth.T, codes.T))[:4, 4:]
    best = max(sum(table[i, k] for i, k in enumerate(p)) for p in permutations(range(4)))
    assert sum(measured.unlabelled[0].correlation) == pytest.approx(best, rel=1e-5)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_through_json(model, result, measured, tmp_path):
    assert result.yardsticks(model, samples=300, labels=(10,)) == measured
    assert Yardsticks.from_values(json.loads(measured.json())) == measured
    text = measured.save(tmp_path / "yardsticks.json").read_text()
    assert Yardsticks.from_values(json.loads(text)) == measured


def test_a_result_keeps_them_and_the_report_shows_them(result, measured, tmp_path):
    with pytest.raises(DataError, match="this result keeps no yardsticks"):
        result.yardsticks()
    assert section(result) == ""
    kept = result.with_yardsticks(measured)
    again = crlspec.open_result(kept.save(tmp_path / "result.nc"))
    assert again.yardsticks() == measured
    assert again.ceiling() == measured.ceiling
    page = section(again)
    assert "<b>this result</b>" in page and "log ratios alone" in page and "<svg" in page


def test_what_follows_is_said_in_words(measured):
    assert measured.sentences() == (
        "No supervised network that was tried, with up to 1440 labels, is better than the result.",
    )
    above = Yardstick("autoencoder, no contrast", 0, (1.0,) * 4, (1.0,) * 4)
    low = replace(measured.ceiling.own, correlation=(0.1,) * 4)
    worse = Yardsticks(replace(measured.ceiling, own=low), (above, *measured.unlabelled))
    assert worse.sentences() == (
        "The result is no better than autoencoder, no contrast and than principal components and than log ratios "
        "alone.",
        "A supervised network is better than the result from 10 labels on, of those tried.",
    )
    assert str(worse).startswith("yardsticks  on 60 rows of 'obs' that none was given\n  yardstick")


def test_the_environments_of_a_log_ratio(model, result):
    found = prepared(model.sample(60, seed=0), 0)
    told = _environments(model, result, found)
    assert told is not None
    assert [model.environments[a].targets for a, _ in told] == [(name,) for name in model.latents]
    assert {b for _, b in told} == {"obs"}
    assert _environments(None, result, found) is None  # nobody says who is targeted
    names = tuple(model.latents)
    pairs = tuple((f"{name}1", f"{name}2") for name in names)
    flat = tuple(name for pair in pairs for name in pair)
    setting = Setting("general", "coupled", "hard", names, "obs", flat, None, pairs)
    places = {name: (0, 1) for name in ("obs", *flat)}
    paired = replace(found, labelled=replace(found.labelled, environments=places))
    known = replace(result, assumed=json.loads(json.dumps(setting.as_values())))
    assert _environments(None, known, paired) == pairs


def test_a_classifier_gives_the_log_ratio():
    """Two normals a unit apart to either side: the log ratio is 2x."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(1, 1, 3000), rng.normal(-1, 1, 3000)])[:, None].astype(np.float32)
    classes = np.repeat(np.eye(2), 3000, axis=0)
    fitted = fit_supervised(
        Observations((), x), classes, np.arange(6000), torch.Generator().manual_seed(0), loss=log_loss
    )
    at = np.linspace(-2, 2, 9)[:, None].astype(np.float32)
    logits = fitted(Observations((), at), np.arange(9))
    np.testing.assert_allclose(logits[:, 0] - logits[:, 1], 2 * at[:, 0], atol=0.6)


def test_losses_are_what_they_say():
    found, wanted = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert float(squared_error(found, wanted)) == pytest.approx(5 / 4)
    own = np.log(1 + np.e), np.log(2)
    assert float(log_loss(found, wanted)) == pytest.approx(np.mean(own))


def test_images_go_through_an_autoencoder(monkeypatch):
    """Short trainings: what is asked of them, not how good they are."""
    monkeypatch.setattr(downstream, "STEPS", 20)
    monkeypatch.setattr(supervised, "LEAST_STEPS", 20)
    monkeypatch.setattr(supervised, "PASSES", 1)
    data = blobs.tree(80)
    problem = Problem.from_data(data, blobs.SETTING)
    code = fit_code(problem.images, 4, 0)
    problem = problem.coded(code.names, code)
    encoder = NetworkEncoder(Network(np.eye(2, 4), np.zeros(2)), np.eye(4), np.zeros(4))
    estimate = Estimate(
        ("a", "b"), {"a": "a1", "b": "b1"}, encoder, None, ("a", "b"), (), (), "exact", Status("ok", "By hand."),
        code=code,
    )  # fmt: skip
    single = crlspec.Result.from_estimate(estimate, problem, setting=problem.setting)
    found = yardsticks(data, result=single, labels=())
    assert [one.name for one in found.rows] == [
        "this result", "autoencoder, no contrast", "log ratios alone", "supervised network",
    ]  # fmt: skip
    assert found.ceiling.network == "convolutional"
    assert all(0 <= value <= 1 for one in found.rows for value in one.correlation)
