"""Planning by simulation: the laws of rates, the same answer twice, and stand-ins for one's own data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crlspec
from crlspec.errors import SettingMismatch, SpecError
from crlspec.studies.power.plan import RATES, Plan
from crlspec.studies.power.stand_in import stand_in
from tests.cli.conftest import OWN, SPEC
from tests.reference.generator import generate, write_csv_folder

FEW, MANY, SEEDS = 60, 4000, 6


@pytest.fixture(scope="module")
def easy() -> Plan:
    """Three latents in a chain, with hardly any samples and with plenty."""
    return crlspec.plan(crlspec.loads(SPEC), [MANY, FEW], seeds=SEEDS)


def test_rates_are_rates_and_intervals_hold_them(easy: Plan) -> None:
    assert easy.rates.index.tolist() == [FEW, MANY]
    assert (easy.rates["runs"] == SEEDS).all()
    for key in RATES:
        rate, low, high = (easy.rates[name] for name in (key, f"{key}_low", f"{key}_high"))
        assert ((low >= 0) & (low <= rate) & (rate <= high) & (high <= 1) & (low < high)).all()


def test_more_samples_recover_no_less(easy: Plan) -> None:
    few, many = easy.rates.loc[FEW], easy.rates.loc[MANY]
    for key in (*RATES, "mcc"):
        assert many[key] >= few[key]
    assert many["graph_right"] > few["graph_right"]
    assert many["score_error"] < few["score_error"]
    assert 0.3 < easy.exponent < 0.8


def test_the_bound_lies_on_or_above_every_error_and_falls_as_it_should(easy: Plan) -> None:
    assert (easy.rates["bound"] >= easy.rates["score_error_high"] * (1 - 1e-9)).all()
    assert easy.rates["bound"][FEW] / easy.rates["bound"][MANY] == pytest.approx((MANY / FEW) ** 0.25)


def test_the_same_seeds_give_the_same_plan(easy: Plan) -> None:
    again = crlspec.plan(crlspec.loads(SPEC), [FEW, MANY], seeds=SEEDS)
    pd.testing.assert_frame_equal(easy.rates, again.rates)
    pd.testing.assert_frame_equal(easy.edges, again.edges)
    other = crlspec.plan(crlspec.loads(SPEC), [FEW], seeds=SEEDS, first=50)
    assert other.rates["score_error"][FEW] != easy.rates["score_error"][FEW]


def test_every_true_edge_is_asked_for_once_a_run(easy: Plan) -> None:
    assert len(easy.edges) == 2 * 2 * SEEDS
    assert set(zip(easy.edges["parent"], easy.edges["child"], strict=True)) == {("a", "b"), ("b", "c")}
    assert easy.fixed and (easy.edges["strength"] > 0).all()
    per_edge = easy.edges.groupby("samples")["found"].mean()
    assert per_edge[MANY] >= per_edge[FEW]


def test_it_is_told_in_words(easy: Plan) -> None:
    text = str(easy)
    assert f"| {MANY:,} |" in text and "| a -> b |" in text and "N^(-0.25)" in text
    assert "nan" not in text


def test_enough_goes_by_the_lower_end_of_the_interval(easy: Plan) -> None:
    assert easy.enough(0.999) is None
    rates = easy.rates.assign(graph_right_low=[0.1, 0.9])
    assert Plan(easy.spec, True, rates, easy.runs, easy.edges, 0.5, True).enough(0.8) == MANY


def test_error_needed_parts_right_runs_from_wrong_ones(easy: Plan) -> None:
    runs = pd.DataFrame(
        {"score_error": [0.1, 0.2, 0.3, 0.4, np.nan], "graph_right": [1.0, 1.0, 0.0, 0.0, 0.0]}
    )
    plan = Plan(easy.spec, True, easy.rates, runs, easy.edges, 0.5, True)
    assert plan.error_needed(0.8) == pytest.approx(0.2)


def test_a_soft_spec_promises_the_closure() -> None:
    plan = crlspec.plan("linear/soft-5", [300], seeds=1, sets=["scores.kind=gaussian"])
    assert plan.wanted == "closure_right" and not plan.exact
    assert "graph right" not in str(plan)


def test_without_numbers_the_spec_has_its_own() -> None:
    assert crlspec.plan(crlspec.loads(SPEC), seeds=1).rates.index.tolist() == [4000]


@pytest.mark.parametrize("samples", [[], [0], [-5], [1.5], [True], ["10"]])
def test_numbers_of_samples_that_are_none_are_refused(samples: list[int]) -> None:
    with pytest.raises(SpecError, match=r"numbers of samples.*whole numbers of 1 or more"):
        crlspec.plan(crlspec.loads(SPEC), samples, seeds=1)


def test_alternatives_are_refused() -> None:
    with pytest.raises(SpecError, match="2 alternatives"):
        crlspec.plan(crlspec.loads(SPEC), [100], sets=["mixing.observed=5,6"])


def test_runs_that_fail_are_not_recovered() -> None:
    plan = crlspec.plan(crlspec.loads(SPEC), [1], seeds=2)
    assert plan.rates["failed"][1] == 2 and plan.rates["graph_right"][1] == 0
    assert "nan" not in str(plan)


def test_own_data_are_planned_for_by_a_stand_in(tmp_path: Path) -> None:
    write_csv_folder(generate(11, latents=3, observed=6, samples=700), tmp_path / "data")
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    plan = crlspec.plan(tmp_path / "own.yaml", seeds=2)
    assert plan.spec.data is None and plan.spec.mixing is not None
    assert plan.spec.mixing.observed == 6 and len(plan.spec.latents) == 3
    assert len(plan.rates) == 1 and "guessed: a random graph of density 0.5" in str(plan)
    assert crlspec.plan(tmp_path / "own.yaml", [500], seeds=1).rates.index.tolist() == [500]


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("design", ["single-node", "multi-node"])
def test_a_stand_in_keeps_each_environments_number_of_samples(tmp_path: Path, kind: str, design: str) -> None:
    (tmp_path / "own.yaml").write_text(
        OWN.replace("kind: hard", f"kind: {kind}").replace("single-node", design), encoding="utf-8"
    )
    found = stand_in(crlspec.load(tmp_path / "own.yaml"), 6, {"obs": 500, "a": 400, "b": 300, "c": 200})
    model = crlspec.compile(found, seed=0)
    sizes = [model.sample(seed=0)[name].sizes["sample"] for name in model.environments]
    assert sizes == [500, 400, 300, 200]
    assert {model.environments[name].kind for name in list(model.environments)[1:]} == {kind}


def test_where_there_is_no_stand_in_the_remedy_says_what_to_write(tmp_path: Path) -> None:
    write_csv_folder(generate(11, latents=3, observed=6, samples=50), tmp_path / "data")
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("latents: 3", "latents: auto"), encoding="utf-8")
    with pytest.raises(SettingMismatch, match="latents=5"):
        crlspec.plan(path, [100], seeds=1)
    noisy = OWN.replace("  mixing: linear", "  mixing: linear\n  observation_noise: isotropic")
    path.write_text(noisy, encoding="utf-8")
    with pytest.raises(SettingMismatch, match="scm:, mixing: and interventions:"):
        crlspec.plan(path, [100], seeds=1)


def test_a_stand_in_would_forget_what_is_known_of_the_graph_and_is_refused() -> None:
    text = OWN.replace(
        "  mixing: linear", "  mixing: linear\n  known: {targets: {a: [z1], b: [z2]}, order: [z1, z2]}"
    )
    with pytest.raises(SettingMismatch, match="a stand-in draws its graph at random"):
        stand_in(crlspec.loads(text), 6, {"obs": 50, "a": 50, "b": 50, "c": 50})
