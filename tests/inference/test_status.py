"""What a status says: of its own scores, of checks, of what no theorem covers, and of what comes on top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crlspec.inference.check import Check, sentence
from crlspec.inference.estimate import Edge, Estimate, LinearEncoder, Status
from crlspec.inference.status import (
    NO_NOISE,
    as_check,
    beyond_theory,
    relative_to_hardness,
    roots_on_trust,
    status_of,
    status_of_checks,
    with_heteroscedasticity,
    without_calibration,
)
from crlspec.inference.step import Step
from crlspec.scores.base import ScoreEstimate
from crlspec.testing import LinearGaussianToy

SETTING = LinearGaussianToy().problem.setting
FINE = Status("ok", "Order, latents and edges were decided by the data.")


def estimate(*shared: float) -> ScoreEstimate:
    """Two fits of each environment, with so much of their values in common, and noise of size one."""
    rng = np.random.default_rng(0)
    common = np.array(shared)[:, None, None] * rng.normal(size=(len(shared), 500, 2))
    return ScoreEstimate.from_replicates(common + rng.normal(size=(2, *common.shape)))


def test_scores_that_are_mostly_noise_leave_it_undecided() -> None:
    assert status_of(estimate(3.0, 2.0), 0.2) == FINE
    status = status_of(estimate(3.0, 0.0, 2.0), 0.2)
    assert status.code == "undecided"
    assert status.message == (
        "In 1 of 3 environments two fits on halves of the data disagree on the score differences. "
        "These are mostly noise, so order and latents may be wrong."
    )
    assert status_of(replace(estimate(0.0), exact=True), 0.2) == FINE


def test_the_worst_check_is_the_status_and_the_others_are_named() -> None:
    def check(name: str, consequence: str) -> Check:
        return Check(name, consequence, 1.0, 2.0, f"{name} says so", f"Mend {name}.")  # type: ignore[arg-type]

    assert status_of_checks([check("a", "passed"), check("b", "note")]) == FINE
    found = [check("a", "passed"), check("b", "undecided"), check("c", "refuted"), check("b", "undecided")]
    assert status_of_checks(found) == Status(
        "refuted", "c says so. Other checks object as well: b.", "Mend c."
    )


def test_an_estimator_without_a_theorem_is_undecided_at_best() -> None:
    check = beyond_theory("roots-first", SETTING)
    assert (check.name, check.consequence) == ("theory", "undecided")
    assert check.message == (
        "No theorem covers the estimator roots-first in this setting. Its answer may be wrong whatever the data say."
    )


@pytest.mark.parametrize(("function", "told"), [("linear", "are"), ("unknown", "may be")])
def test_hardness_is_taken_on_trust(function: str, told: str) -> None:
    (check,) = relative_to_hardness(replace(SETTING, function=function))  # type: ignore[arg-type]
    assert check.consequence == "note"
    assert check.message == (
        f"The latents {told} linear functions of their parents, so no data can show that interventions are hard. "
        "They are taken as hard, and latents and effects are relative to that."
    )


@pytest.mark.parametrize("design", ["single-node", "multi-node"])
def test_hardness_is_taken_on_trust_behind_linear_mixings_of_any_design(design: str) -> None:
    assert relative_to_hardness(replace(SETTING, design=design))  # type: ignore[arg-type]
    assert not relative_to_hardness(replace(SETTING, design=design, kind="soft"))  # type: ignore[arg-type]


def closure(*pairs: tuple[str, str]) -> Estimate:
    """Three latents, and which is an ancestor of which."""
    edges = tuple(Edge(a, b, 1.0, 0.0) for a, b in pairs)
    encoder = LinearEncoder(np.eye(3), np.zeros(3))
    names = ("z1", "z2", "z3")
    return Estimate(
        names,
        {name: name for name in names},
        encoder,
        np.eye(3),
        names,
        edges,
        edges,
        "transitive closure",
        FINE,
    )


def test_several_roots_are_taken_on_trust_where_interventions_are_soft() -> None:
    soft = replace(SETTING, kind="soft")
    (check,) = roots_on_trust(soft, closure(("z1", "z3")))
    assert check.consequence == "note"
    assert check.latents == ("z1", "z2")
    assert check.message == (
        "The latents 'z1' and 'z2' have no ancestors in this graph. A latent whose interventions only shift or "
        "rescale it looks the same. If one of these is such a latent, its ancestors are missing."
    )
    assert not roots_on_trust(soft, closure(("z1", "z2"), ("z1", "z3")))


def test_no_ancestors_at_all_say_nothing_where_interventions_are_soft() -> None:
    soft = replace(SETTING, kind="soft")
    (check,) = roots_on_trust(soft, closure())
    assert check.consequence == "undecided"
    assert check.message == (
        "No latent has an ancestor in this graph. It looks the same where interventions only shift or rescale their "
        "targets, whatever the edges."
    )
    assert check.remedy == "Use interventions that change how a latent depends on its parents, or hard ones."
    assert not roots_on_trust(SETTING, closure())
    assert not roots_on_trust(replace(soft, function="nonlinear"), closure())
    assert not roots_on_trust(soft, replace(closure(), graph="not estimated"))


def test_noise_whose_size_varies_leaves_it_undecided() -> None:
    step = Step("x", (0,), np.eye(1), np.zeros((1, 1)), np.ones((1, 1)), 0.0, "", heteroscedasticity=0.012)
    assert with_heteroscedasticity(FINE, step, 0.02) is FINE
    status = with_heteroscedasticity(FINE, step, 0.003)
    assert status.code == "undecided"
    assert status.message == (
        "The noise of a recovered latent varies in size with other latents. They explain 1.2% of the variance of its "
        "square. The likelihood assumes noise of one size, so its latents may be wrong."
    )


def test_p_values_that_are_not_calibrated_are_said_to_be_so() -> None:
    status = without_calibration(Status("ok", "All is well"))
    assert status.code == "ok"
    assert status.message == (
        "All is well. The p-values of the edges are not calibrated, since they leave out the error of the latents. "
        "Far more absent edges than a share alpha are found."
    )


def test_a_status_is_a_check_too() -> None:
    assert as_check(FINE).consequence == "passed"
    assert as_check(FINE).message == FINE.message
    assert as_check(FINE, "scores", NO_NOISE).message == "The score differences are not mostly noise."
    check = as_check(Status("refuted", "It is wrong.", "Mend it."), "scores")
    assert (check.name, check.consequence, check.message, check.remedy) == (
        "scores",
        "refuted",
        "It is wrong.",
        "Mend it.",
    )


def test_a_sentence_ends_once() -> None:
    assert [sentence(text) for text in ("so", "so.", "so?")] == ["so.", "so.", "so?"]
