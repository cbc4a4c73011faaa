"""What is said of order, latents and edges of a fit, on sound data and on too few."""

from __future__ import annotations

import re

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.inference.check import Check
from crlspec.inference.likelihood.decided import Asked, decide_flexible, settled
from crlspec.inference.lscale import LScaleI
from crlspec.inference.thresholds import LinearThresholds
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.setting import Setting

CHAIN = ((0.0, 0.0, 0.0), (1.2, 0.0, 0.0), (0.0, -1.1, 0.0))
ALL = ((0.0, 0.0, 0.0), (1.2, 0.0, 0.0), (0.9, -1.1, 0.0))


def said(name: str, arrows: tuple[tuple[float, ...], ...] = CHAIN, rows: int = 5000) -> Check:
    """Of linear-Gaussian latents z1, z2, … with a hard intervention on each, solved by LSCALE-I."""
    weights, rng = np.array(arrows), np.random.default_rng(3)
    n = len(weights)
    mixing, samples = rng.normal(size=(n + 3, n)), {}
    for e in range(-1, n):
        noise = rng.normal(size=(rows, n)) * np.where(np.arange(n) == e, 2.0, 1.0)
        kept = np.where((np.arange(n) == e)[:, None], 0.0, weights)
        samples["obs" if e < 0 else f"e{e + 1}"] = noise @ np.linalg.inv(np.eye(n) - kept).T @ mixing.T
    latents, observed = tuple(f"z{k + 1}" for k in range(n)), tuple(f"x{k + 1}" for k in range(n + 3))
    environments = tuple(f"e{k + 1}" for k in range(n))
    targets = {f"e{k + 1}": (f"z{k + 1}",) for k in range(n)}
    setting = Setting("linear", "single-node", "hard", latents, "obs", environments, targets)
    estimate = LScaleI().solve(Problem(setting, observed, samples), GaussianScores(), 0, silent)
    (check,) = [one for one in estimate.checks if one.name == name]
    return check


def test_a_clear_order_passes_by_its_lead_over_the_nearest() -> None:
    check = said("order")
    assert check.consequence == "passed"
    assert re.fullmatch(
        r"Every order that reverses an edge fits worse. The nearest has '(z2|z3)' first, worse by "
        r"[\d.]+ ± [\d.]+ nats.",
        check.message,
    )


def test_without_edges_no_order_is_claimed() -> None:
    check = said("order", ((0.0, 0.0), (0.0, 0.0)))
    assert check.consequence == "passed"
    assert check.message == "No edge was found, so no order is claimed."


def test_few_samples_do_not_decide_the_order() -> None:
    check = said("order", ((0.0, 0.0), (1.0, 0.0)), rows=100)
    assert (check.consequence, check.latents) == ("undecided", ("z1", "z2"))
    assert re.fullmatch(
        r"The order of 'z1' and 'z2' is not decided. The reversed order fits worse by [\d.]+ ± [\d.]+ nats only "
        r"\(p = [\d.e-]+\).",
        check.message,
    )


def test_latents_are_separated_up_to_the_errors_of_the_unmixing() -> None:
    clear = said("latents")
    assert clear.consequence == "passed"
    assert re.fullmatch(
        r"'z\d' may contain up to [\d.]+ % of 'z\d' \(two standard errors\). All latents count as separated.",
        clear.message,
    )
    blurred = said("latents", rows=60)
    assert blurred.consequence == "undecided" and blurred.figure > blurred.bound
    assert blurred.message.endswith(" (two standard errors). This is too much to call them separated.")
    alone = said("latents", ((0.0,),))
    assert alone.consequence == "passed"
    assert alone.message == "There is one latent alone, so no other is mixed into it."


def test_absent_edges_are_known_up_to_what_would_have_been_seen() -> None:
    clear = said("edges")
    assert (clear.consequence, clear.latents) == ("passed", ("z1", "z3"))
    assert re.fullmatch(
        r"An edge 'z1' → 'z3' of strength [\d.]+ would have been missed one time in five. "
        r"All other absent edges are known better.",
        clear.message,
    )
    faint = said("edges", rows=60)
    assert faint.consequence == "undecided" and faint.figure > faint.bound
    assert faint.message.endswith(" would have been missed one time in five. So its absence says little.")
    none = said("edges", ALL)
    assert none.consequence == "passed"
    assert none.message == "Every pair has an edge, so none is claimed to be absent."


def test_an_optimum_that_was_not_reached_leaves_it_undecided() -> None:
    assert settled(True).message == "Every optimiser came to its optimum."
    check = settled(False)
    assert check.consequence == "undecided"
    assert check.message == "An optimiser stopped before its optimum, so the answer may be off."


def flexible(name: str, rivals: dict[tuple[int, ...], float], count: float = 4000) -> Check:
    """a → b found, order a, b."""
    rng = np.random.default_rng(0)
    asked = Asked(("a", "b"), ("obs", "ea", "eb"), np.array([5000, 5000, count]), 0.01, LinearThresholds())
    p_values, targeted = np.array([[1, 1], [1e-9, 1]]), np.array([[False, True, False], [False, False, True]])
    z = [rng.normal(size=(100, 2)) for _ in range(3)]
    checks = decide_flexible(asked, (0, 1), rivals, p_values, True, z, targeted)
    return next(check for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("rivals", "consequence", "message"),
    [
        ({}, "passed", "No order that fits nearly as well reverses an edge."),
        (
            {(1, 0): 8.0},
            "passed",
            "The nearest order that reverses an edge has 'b' first. It fits worse by 8.0 standard errors.",
        ),
        (
            {(1, 0): 1.0},
            "undecided",
            "The order of 'a' and 'b' is not decided. The reversed order fits worse by 1.0 standard errors only "
            "(p = 0.32).",
        ),
    ],
)
def test_orders_of_smooth_mechanisms_are_held_against_their_rivals(
    rivals: dict[tuple[int, ...], float], consequence: str, message: str
) -> None:
    check = flexible("order", rivals)
    assert (check.consequence, check.message) == (consequence, message)


def test_smooth_mechanisms_ask_for_samples() -> None:
    few, enough = flexible("samples", {}, 300), flexible("samples", {})
    assert (few.consequence, few.environments) == ("undecided", ("eb",))
    assert few.message == "Environment 'eb' has 300 samples, too few to fit smooth mechanisms."
    assert few.remedy == "Give 1000 samples or more in every environment."
    assert enough.consequence == "passed"
    assert (
        enough.message == "The smallest environment, 'eb', has 4000 samples, enough to fit smooth mechanisms."
    )
