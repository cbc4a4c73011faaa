"""What to measure next: what new rows show in closed form, what is proposed, and what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.cli.parser import main
from crlspec.downstream.proposals.candidates import Candidate, candidates
from crlspec.downstream.proposals.gaussian_latents import GaussianLatents, drawn
from crlspec.downstream.proposals.propose import Rate, propose
from crlspec.downstream.proposals.trial import Trial, distance
from crlspec.errors import EstimationError, SettingMismatch
from crlspec.inference.check import Check
from crlspec.inference.estimate import Status
from crlspec.result import Result

SPEC = """
latents: [a, b]
data: {path: made-here, observational: obs}
assume: {mixing: linear, interventions: {design: single-node, kind: KIND, targets: {do_a: [a], do_b: [b]}}}
"""


def solved(samples: int, weight: float, seed: int = 3, kind: str = "hard") -> Result:
    """a → b of one weight behind a mixing; interventions halve the noise, and cut b off or change its weight."""
    rng, mixing = np.random.default_rng(seed), np.array([[1.0, 0.4], [-0.6, 1.0], [0.3, 0.8]])
    data = {}
    for name in ("obs", "do_a", "do_b"):
        a = rng.normal(0, 0.5 if name == "do_a" else 1, samples)
        w = weight if name != "do_b" else 0.0 if kind == "hard" else 0.3 * weight
        b = w * a + rng.normal(0, 0.5 if name == "do_b" else 1, samples)
        data[name] = np.stack([a, b], 1) @ mixing.T
    tree = crlspec.data.from_arrays(data, observed=["x1", "x2", "x3"], observational="obs")
    return crlspec.solve(crlspec.loads(SPEC.replace("KIND", kind)), tree, seed=0)


@pytest.fixture(scope="module")
def undecided() -> Result:
    return solved(60, 0.6)


def test_drawn_rows_have_the_moments_exactly_where_that_is_asked() -> None:
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    rows = drawn(mean, covariance, 10, np.random.default_rng(0), exact=True)
    np.testing.assert_allclose(rows.mean(0), mean, atol=1e-12)
    np.testing.assert_allclose(np.cov(rows.T, ddof=0), covariance, atol=1e-12)
    assert drawn(mean, covariance, 10, np.random.default_rng(0)).shape == (10, 2)


def test_moments_of_an_environment_are_those_of_the_closed_form() -> None:
    model = GaussianLatents(
        ("a", "b"), (0, 1), np.array([[0, 0], [0.8, 0]]), np.array([1.0, 0.5]), np.array([2.0, 1.0])
    )
    mean, covariance = model.moments({})
    np.testing.assert_allclose(mean, [1.0, 1.3])
    np.testing.assert_allclose(covariance, [[2.0, 1.6], [1.6, 2.28]])
    mean, covariance = model.moments({"b": (3.0, 4.0)})
    np.testing.assert_allclose(mean, [1.0, 3.0])
    np.testing.assert_allclose(covariance, [[2.0, 0.0], [0.0, 4.0]])


def test_the_model_is_fitted_from_the_environments_that_leave_a_latent_alone() -> None:
    true = GaussianLatents(
        ("a", "b"), (0, 1), np.array([[0, 0], [0.8, 0]]), np.array([1.0, 0.5]), np.array([2.0, 1.0])
    )
    rng, hit = np.random.default_rng(1), {"obs": {}, "do_b": {"b": (3.0, 4.0)}}
    samples = {name: drawn(*true.moments(hit[name]), 50, rng, exact=True) for name in hit}
    found = GaussianLatents.fit(samples, {"do_b": ("b",)}, ("a", "b"), ("a", "b"))
    np.testing.assert_allclose(found.weights, true.weights, atol=1e-9)
    np.testing.assert_allclose(found.intercepts, true.intercepts, atol=1e-9)
    np.testing.assert_allclose(found.variances, true.variances, atol=1e-9)


def test_soft_designs_are_offered_rows_alone() -> None:
    assert candidates(["obs", "e"], ["a"], hard=False) == [Candidate("obs"), Candidate("e")]
    assert [str(one) for one in candidates(["obs"], ["a"], hard=True)] == [
        "more rows of obs",
        "a further environment: hard on a, standard deviation 0.5",
        "a further environment: hard on a, standard deviation 2",
    ]


def test_what_is_proposed_first_decides_in_expectation(undecided: Result) -> None:
    assert undecided.status.code == "undecided"
    found = propose(undecided, 200, draws=2, tried=1, seed=1)
    assert found.open and len(found.proposals) == 3 + 4
    best = found.best
    assert best.decided is not None and best.decided.draws == 2 and best.rows == 200
    trial, rng = Trial.of(undecided), np.random.default_rng(1)
    far = distance(trial.solved(best.candidate, 200, rng, exact=True))
    last = distance(trial.solved(found.proposals[-1].candidate, 200, np.random.default_rng(1), exact=True))
    assert far <= last
    assert best.enough is not None
    assert trial.solved(best.candidate, 200, np.random.default_rng(2)) is not None
    again = [trial.rows(best.candidate, 5, np.random.default_rng(2)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_it_is_told_in_words_and_in_json(undecided: Result) -> None:
    found = propose(undecided, 200, draws=2, tried=1, enough=False)
    text = str(found)
    assert text.startswith(
        f"undecided: open are {', '.join(found.open)}. New rows are simulated from the fitted model"
    )
    assert f"Measure {found.best.candidate}, 200 rows." in text and "decides (95 %)" in text
    values = json.loads(json.dumps(found.as_values(), allow_nan=False))
    assert values["proposals"][0]["decided"]["draws"] == 2 and values["why"] is None
    assert values["proposals"][-1]["decided"] is None
    assert repr(found) == "<Next: 7 proposals, undecided>"


def test_rates_carry_their_interval() -> None:
    assert str(Rate(9, 10)) == "0.90 [0.60, 0.98]"


def test_a_decided_result_needs_nothing(undecided: Result) -> None:
    ok = replace(undecided, estimate=replace(undecided.estimate, status=Status("ok", "Fine."), checks=()))
    found = ok.next()
    assert str(found) == "ok: The result is decided: nothing further is needed."
    with pytest.raises(EstimationError, match="nothing is proposed"):
        _ = found.best


def test_a_refuted_result_and_one_that_rows_do_not_settle_are_told_apart(undecided: Result) -> None:
    bad = Status("refuted", "The control is another one.")
    refuted = replace(undecided, estimate=replace(undecided.estimate, status=bad))
    assert str(refuted.next()) == (
        "refuted: The data contradict the design, which more data do not mend. The control is another one."
    )
    theory = Check("theory", "undecided", np.nan, np.nan, "No theorem covers this.", "See crlspec check.")
    beyond = replace(undecided, estimate=replace(undecided.estimate, checks=(theory,)))
    assert str(beyond.next()) == (
        "undecided: The check 'theory' objects, which is not simulated here. No theorem covers this. "
        "See crlspec check."
    )


def test_results_of_other_latents_are_refused(undecided: Result) -> None:
    other = replace(undecided, provenance={**undecided.provenance, "method": "gscale-i"})
    with pytest.raises(
        SettingMismatch, match="whose further rows cannot be drawn from what was fitted"
    ) as caught:
        other.next()
    assert "crlspec check SPEC --power" in str(caught.value)
    with pytest.raises(ValueError, match="rows and draws must be 1 or more, got 0 and 20"):
        undecided.next(0)


def test_the_command_prints_it(undecided: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undecided.save(tmp_path / "result.nc")
    assert main(["next", str(tmp_path / "result.nc"), "--rows", "200", "--draws", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "undecided"


@pytest.mark.slow
def test_soft_results_are_offered_rows_and_may_say_how_many_are_enough() -> None:
    found = propose(solved(80, 0.9, kind="soft"), 400, draws=2)
    assert found.status == "ok" or all(one.candidate.environment for one in found.proposals)
