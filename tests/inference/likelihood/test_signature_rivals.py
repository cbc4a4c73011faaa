"""Is the signature the only one? Each answer on exact moments of two latents that are seen directly."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.check import Check
from crlspec.inference.likelihood.decided import Asked
from crlspec.inference.likelihood.gaussian import fit_order
from crlspec.inference.likelihood.signature_rivals import Rivals, check_signature
from crlspec.inference.thresholds import UmniThresholds

ALONE = [(1, 1, True), (4, 1, True), (1, 4, False)]
"""Variances of z1 and of the noise of z2, and whether z1 causes z2: in the control, in e, in f."""


def checked(
    weight: float,
    environments: list[tuple[float, float, bool]],
    signature: list[list[int]],
    count: float = 1e4,
) -> Check:
    """z2 = weight · z1 + noise, where its mechanism is kept."""
    moments = np.stack([np.eye(3)] * 3)
    for second, (first, noise, kept) in zip(moments, environments, strict=True):
        spread = np.array([[1.0, 0.0], [weight * kept, 1.0]])
        second[1:, 1:] = spread @ np.diag([first, noise]) @ spread.T
    asked = Asked(("z1", "z2"), ("obs", "e", "f"), np.full(3, count), 0.01, UmniThresholds())
    given = np.array(signature, dtype=bool)
    best = fit_order((0, 1), np.eye(2), moments, asked.counts, given)
    return check_signature(best, moments, given, asked, Rivals(np.ones(2, dtype=bool), UmniThresholds()))


def test_a_target_that_explains_nothing_is_not_decided() -> None:
    check = checked(1.0, ALONE, [[1, 1], [0, 1]])
    assert (check.consequence, check.environments, check.latents) == ("undecided", ("f",), ("z1",))
    assert check.message == (
        "Whether environment 'f' targets 'z1' is not decided. A model without this target explains the data as well."
    )


def test_environments_that_share_their_targets_lose_rank() -> None:
    """Both target both latents, and the signature that is given leaves one of the four out."""
    check = checked(0.3, [(1, 1, True), (4, 3, False), (0.25, 1.06, False)], [[1, 1], [1, 0]])
    assert (check.consequence, check.environments) == ("undecided", ("e", "f"))
    assert check.message == (
        "That environments 'e' and 'f' have the same targets explains the data as well. "
        "In that case the signature lacks full rank, and latents and graph are wrong."
    )
    assert check.remedy == "Give an environment with other targets, declare the targets, or leave 'f' out."


def test_environments_that_clearly_share_their_targets_are_refuted() -> None:
    check = checked(1.0, [(1, 1, True), (4, 3, False), (0.25, 2, False)], [[1, 1], [1, 0]])
    assert (check.consequence, check.environments) == ("refuted", ("e", "f"))
    assert check.message == (
        "Environments 'e' and 'f' have the same targets. A model that says so is better by 816 nats, after the price "
        "of its targets. So the signature lacks full rank, and nothing tells latents and graph."
    )
    assert check.remedy == "Give an environment with other targets in place of 'e' or 'f'."


def test_more_targets_that_explain_as_much_are_a_note() -> None:
    check = checked(1.0, ALONE, [[1, 0], [0, 1]])
    assert (check.consequence, check.environments) == ("note", ("e", "f"))
    assert check.message == (
        "That environments 'e' and 'f' have the same targets explains the data as well, with more targets. "
        "That the signature has full rank is an assumption."
    )


@pytest.mark.parametrize("weight", [0.02, 0.03])
def test_a_signature_without_a_rival_passes(weight: float) -> None:
    environments = [(1, 1, True), (4, 3, False), (0.25, 1.02, False)]
    check = checked(weight, environments, [[1, 1], [1, 0]], count=3e4)
    assert check.consequence == "passed"
    assert (
        check.message
        == "No signature with one target fewer, or without full rank, explains the data as well."
    )
