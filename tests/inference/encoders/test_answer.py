"""What GSCALE-I says of its own answer: each check on both sides of its bound."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.check import Check
from crlspec.inference.encoders.answer import check_pairs, checks_of, status_of
from crlspec.inference.encoders.pairing import Pairing
from crlspec.inference.thresholds import GscaleThresholds

AGREED, FAR = np.full(3, 0.98), np.array([9.0, 20.0, 30.0])
PAIRING = Pairing(((0, 1), (2, 3)), np.zeros((4, 4)), 5.0)


def said(
    name: str,
    contrasts: np.ndarray = FAR,
    agreement: np.ndarray = AGREED,
    margin: float = 5.0,
    excess: float = 1.0,
) -> Check:
    pairing = Pairing(PAIRING.pairs, PAIRING.costs, margin)
    (found,) = [
        check
        for check in checks_of(pairing, contrasts, agreement, GscaleThresholds(), excess)
        if check.name == name
    ]
    return found


PASSED = {
    "contrast": "The two environments of every latent are told apart, by 9 standard errors or more.",
    "pairing": "No other pairing of the environments explains the data nearly as well.",
    "agreement": "Two restarts found the same latents.",
    "residual-mixing": "Effects that the causal order excludes are no larger than sampling error allows.",
}


@pytest.mark.parametrize("name", PASSED)
def test_a_sound_answer_passes(name: str) -> None:
    assert (said(name).consequence, said(name).message) == ("passed", PASSED[name])


def test_latents_whose_environments_hardly_differ_are_counted() -> None:
    check = said("contrast", contrasts=np.array([1.5, 20.0, 3.0]))
    assert check.consequence == "undecided"
    assert check.message == (
        "The two environments of 2 of 3 latents hardly differ (1.5 standard errors in the worst, 6 are needed). "
        "Such a latent is not recovered."
    )


def test_another_pairing_that_explains_as_much_leaves_it_undecided() -> None:
    check = said("pairing", margin=1.25)
    assert check.consequence == "undecided"
    assert check.message == (
        "Another pairing of the environments explains the data nearly as well (margin 1.2, 3 is needed)."
    )


def test_restarts_that_disagree_leave_it_undecided() -> None:
    check = said("agreement", agreement=np.array([0.99, 0.4, 0.98]))
    assert check.consequence == "undecided"
    assert check.message == (
        "No two restarts found the same latents (rank correlation 0.40 in the worst one, 0.97 is needed). "
        "The training may have ended in a poor optimum. Latents and edges may be wrong."
    )
    alone = said("agreement", agreement=np.full(3, np.nan))
    assert (
        alone.message == "There is one restart alone, which cannot show whether it ended in a poor optimum."
    )


def test_latents_that_are_still_mixed_are_a_note() -> None:
    check = said("residual-mixing", excess=3.1)
    assert check.consequence == "note"
    assert check.message == (
        "Dependences that the causal order excludes are 3.1 times larger than sampling error, so the latents are "
        "not fully separated. Edge tests were rescaled by this factor."
    )


def test_pairs_that_the_data_refute_are_named_with_those_that_they_show() -> None:
    names = ("a1", "b1", "a2", "b2")
    check = check_pairs(((0, 1), (2, 3)), Pairing(((0, 2), (1, 3)), PAIRING.costs, 5.0), names)
    assert (check.consequence, check.environments) == ("refuted", names)
    assert check.message == (
        "The declared pairs of environments 'a1', 'b1', 'a2' and 'b2' do not each differ in one latent. "
        "The data pair 'a1' with 'a2' and 'b1' with 'b2' (margin 5.0)."
    )
    for found in (PAIRING, Pairing(((0, 2), (1, 3)), PAIRING.costs, 1.0)):  # the same, or not clear
        passed = check_pairs(((0, 1), (2, 3)), found, names)
        assert passed.consequence == "passed"
        assert passed.message == "The data do not object to the declared pairs of environments."


def test_where_nothing_objects_it_is_said_how_far_edges_are_to_be_trusted() -> None:
    agree = "Restarts agree on the latents (rank correlation 0.980 in the worst one). "
    assert status_of((), AGREED, None).message == f"{agree}Edges were tested as if these latents were exact."
    assert (
        status_of((), AGREED, 1.0).message
        == f"{agree}Edge tests allow for small smooth errors of the latents."
    )
    assert status_of((), None, None).message == "Order, latents and edges were decided by the data."
