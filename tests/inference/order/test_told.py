"""What is known of the signature leaves the rows it should, and the search keeps it."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.errors import DataError
from crlspec.inference.order.signature import peel_sinks
from crlspec.inference.order.told import ENUMERATED, Allowed, Told
from tests.inference.order.test_signature import population


def columns(told: Told, rows: np.ndarray) -> set[bytes]:
    return {row[told.environments].tobytes() for row in rows}


def of_some(signature: np.ndarray, *environments: int) -> Told:
    told = Told.all(signature)
    for k in range(signature.shape[1]):
        told = told if k in environments else told.without(k)
    return told


def test_nothing_known_allows_every_row_and_everything_known_its_own() -> None:
    assert len(Allowed.anything(5).rows()) == 2**5 - 1
    rows = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(Allowed.these(rows).rows(), rows)
    assert Told.nothing(3, 4).allowed([]).rows().tolist() == Allowed.anything(4).rows().tolist()


def test_rows_left_are_those_of_the_latents_left() -> None:
    told = of_some(np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=bool), 0)
    assert told.classes() == [[0, 1], [2]]
    first = np.array([True, False, False])
    assert columns(told, told.allowed([]).rows()) == {b"\x00", b"\x01"}
    assert columns(told, told.allowed([first]).rows()) == {b"\x00", b"\x01"}
    assert columns(told, told.allowed([first, first]).rows()) == {b"\x00"}
    assert told.latents([first, ~first, first]) == (0, 2, 1)


def test_a_signature_keeps_what_is_known_if_its_latents_can_be_named_so() -> None:
    told = of_some(np.array([[1, 0], [0, 1], [0, 0]], dtype=bool), 0)
    assert told.keeps(np.array([[0, 1], [0, 1], [1, 1]], dtype=bool))
    assert not told.keeps(np.array([[1, 1], [0, 1], [1, 1]], dtype=bool))


def test_blocks_hold_all_that_is_known_and_each_free_environment() -> None:
    told = of_some(np.random.default_rng(0).random((5, 40)) < 0.5, 3, 17)
    allowed = told.allowed([])
    blocks = list(allowed.blocks())
    assert not allowed.few and all({3, 17} <= set(one.tolist()) for one in blocks)
    assert set(np.concatenate(blocks).tolist()) == set(range(40))
    assert all(len(allowed.rows(one)) <= 2**ENUMERATED for one in blocks)
    near = allowed.near(allowed.patterns)
    assert columns(told, near) <= columns(told, allowed.patterns)


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("environments", [(0,), (1, 2), (0, 1, 2, 3)])
def test_the_search_keeps_targets_of_some_environments(hard: bool, environments: tuple[int, ...]) -> None:
    sinks, signature, _ = population(3, 3, 4, hard)
    told = of_some(signature, *environments)
    found = peel_sinks(sinks, 3, width=2, told=told)[0]
    assert {row.tobytes() for row in found.signature} == {row.tobytes() for row in signature}
    wrong = signature.copy()
    wrong[:, 0] = [True, False, False] if signature[:, 0].sum() > 1 else [True, True, False]
    kept = peel_sinks(sinks, 3, width=2, told=of_some(wrong, 0))[0]
    assert sorted(kept.signature[:, 0]) == sorted(wrong[:, 0])


def test_known_targets_without_full_rank_are_refused() -> None:
    sinks, _, _ = population(3, 3, 4, True)
    told = Told(np.ones((3, 4), dtype=bool), np.array([True, True, True, False]))
    with pytest.raises(DataError, match="No signature of full rank was found that keeps the targets said"):
        peel_sinks(sinks, 3, told=told)
