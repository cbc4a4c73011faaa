"""What is known of the graph against tests of edges that know nothing: closed forms, level and power."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.checks.known import Statement
from crlspec.inference.edges.classifier import calibrated, detectable_shares, edges_by_classifier
from crlspec.inference.edges.known import FreeTests, edge_statements, ruled_out
from crlspec.inference.edges.leave_one_out import order_of
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.numerics.graphs import adjacency_of, transitive_closure
from crlspec.progress import silent
from tests.inference.edges.mixed_latents import CHAIN, PAIRS, latents

NAMES, LIMITS = ("a", "b", "c"), GscaleThresholds()
Pairs = Sequence[tuple[str, str]]


def knowledge(
    edges: Pairs = (), absent: Pairs = (), order: str = "", names: Sequence[str] = NAMES
) -> Knowledge:
    there = adjacency_of(names, edges)
    direct = there | adjacency_of(names, pairwise(order))
    return Knowledge(tuple(names), there, adjacency_of(names, absent), direct, transitive_closure(direct))


def free_tests(p_values: dict[str, float], weaker: dict[str, float] | None = None, n: int = 3) -> FreeTests:
    """``{"ab": p}`` is that of a → b; 1 elsewhere."""
    found, less = np.ones((n, n)), np.ones((n, n))
    for matrix, values in ((found, p_values), (less, weaker or {})):
        for (cause, effect), p in values.items():
            matrix["abcd".index(effect), "abcd".index(cause)] = p
    return FreeTests(found, found, np.full((n, n), 0.03), less, 0.002)


def said(statements: list[Statement]) -> dict[str, float]:
    return {one.saying: one.p_value for one in statements}


def test_an_order_is_contradicted_by_the_best_path_against_it() -> None:
    """c → a → b at p = 1e-5 and 1e-7, c → b at .2: the path's largest, times two pairs that a cut may have."""
    (one,) = edge_statements(knowledge(order="bc"), free_tests({"ca": 1e-5, "ab": 1e-7, "cb": 0.2}), 0.01)
    assert one.saying == "that 'b' comes before 'c'" and one.p_value == pytest.approx(2e-5)
    assert one.told == "The data show the path 'c' → 'a' → 'b'" and one.latents == ("c", "a", "b")
    (one,) = edge_statements(knowledge(order="bc"), free_tests({"ca": 1e-5, "ab": 1e-7, "cb": 1e-9}), 0.01)
    assert one.told == "The data show the edge 'c' → 'b'" and one.p_value == pytest.approx(2e-9)


def test_of_four_latents_a_cut_has_four_pairs_at_most() -> None:
    four = knowledge(order="dc", names="abcd")
    (one,) = edge_statements(four, free_tests({"ca": 1e-5, "ab": 1e-6, "bd": 1e-4}, n=4), 0.01)
    assert one.p_value == pytest.approx(4e-4) and one.latents == ("c", "a", "b", "d")
    (none,) = edge_statements(four, free_tests({"ca": 1e-5, "ab": 1e-6}, n=4), 0.01)
    assert none.p_value == 1


def test_edges_are_held_against_tests_of_their_own() -> None:
    known = knowledge(edges=[("c", "a"), ("c", "b")], absent=[("a", "b")])
    found = edge_statements(
        known, free_tests({"ca": 1e-6, "ab": 1e-4, "cb": 0.3}, {"ca": 1e-9, "cb": 1e-5}), alpha=0.01
    )
    assert said(found[:2]) == {"that there is an edge 'c' → 'a'": 1.0, "that there is an edge 'c' → 'b'": 1.0}
    assert said(found[2:]) == {
        "that there is no edge 'a' → 'b'": 1e-4,
        "that there is an edge 'c' → 'a'": 1.0,  # what is seen is never too weak
        "that there is an edge 'c' → 'b'": 1e-5,
    }
    assert found[2].told == "Left free, that edge has strength 0.03"
    assert found[4].told == "It has strength 0.03, and surely less than the 0.002 from which an edge counts"


def test_what_is_known_rules_edges_out() -> None:
    assert {(NAMES[j], NAMES[i]) for i, j in np.argwhere(ruled_out(knowledge(absent=[("a", "b")], order="cb")))} == {
        ("a", "b"), ("b", "c"),
    }  # fmt: skip
    closed = ruled_out(knowledge(edges=[("a", "b")], order="bc"))
    assert closed[0, 2], "a → b and b before c leave no c → a"


def test_an_order_keeps_what_is_known_and_one_direction_is_not_doubled() -> None:
    wide = np.array([[0.0, 12.0, 12.0], [400.0, 0.0, 12.0], [12.0, 400.0, 0.0]])
    statistics, freedom = (
        np.stack([np.zeros((3, 3)), wide]),
        np.stack([np.ones((3, 3)), np.full((3, 3), 4.0)]),
    )
    before = np.zeros((3, 3), dtype=bool)
    before[0, 1] = True
    free, told = calibrated(statistics, freedom), calibrated(statistics, freedom, before)
    assert free.order == told.order == (0, 1, 2)
    assert told.p_values[1, 0] == pytest.approx(free.p_values[1, 0] / 2)
    assert told.p_values[2, 1] == free.p_values[2, 1] and free.single[2, 1] == pytest.approx(
        free.p_values[2, 1] / 2
    )
    turned = calibrated(statistics, freedom, before.T)
    assert turned.order.index(1) < turned.order.index(0) and turned.excess > free.excess
    assert order_of(np.array([[0.0, 1.0], [0.0, 0.0]])) == (0, 1)
    assert order_of(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[False, False], [True, False]])) == (1, 0)


def test_shares_that_are_seen_at_their_own_levels() -> None:
    freedom = np.full((3, 3), 9.0)
    levels = np.full((3, 3), 0.01)
    levels[1, 0] = 0.02
    one, each = detectable_shares(freedom, 1.0, 7000, 0.01), detectable_shares(freedom, 1.0, 7000, levels)
    assert each[1, 0] < one[1, 0] and each[2, 1] == one[2, 1]


@pytest.mark.parametrize("share", ["negligible_share", "granted_share"])
def test_a_strength_at_a_bound_is_found_beyond_it_no_more_often_than_the_level_says(share: str) -> None:
    """400 statistics of c → b of just the strength of the bound, in units of an excess of 1.5, which is estimated."""
    freedom, samples, bound, excess = np.full((2, 3, 3), 9.0), 20_000, getattr(LIMITS, share), 1.5
    shift, rng, beyond = samples * bound / (1 - bound) / excess, np.random.default_rng(3), 0
    statistics = np.zeros((2, 3, 3))
    for _ in range(400):
        statistics[1] = excess * rng.chisquare(27) / 3
        statistics[1][[1, 2], [0, 1]] = 4000  # a → b → c, so that the order is plain
        statistics[1][2, 0] = excess * rng.noncentral_chisquare(9, shift)
        free = calibrated(statistics, freedom).free(samples, LIMITS)
        assert free.p_values[1, 0] < 1e-6 and free.weaker[1, 0] > 0.999
        beyond += (free.weaker if share == "negligible_share" else free.p_values)[2, 0] < 0.05
    assert beyond > 0 and stats.binomtest(beyond, 400, 0.05, alternative="greater").pvalue > 0.01


def solved(seed: int, known: Knowledge, edges: set[tuple[int, int]] = CHAIN, count: int = 2000) -> Step:
    return edges_by_classifier(latents(seed, edges, 0.1, count), PAIRS, seed, silent, knowledge=known)[0]


TRUE = knowledge(edges=[("a", "b")], absent=[("c", "b"), ("b", "c")], order="cab")


@pytest.mark.slow
def test_true_statements_on_mixed_latents_are_not_refuted() -> None:
    """Six statements in each of 10 samples, at level 1e-3 for all of one sample."""
    figures = [solved(seed, TRUE).checks[0].figure for seed in range(300, 310)]
    assert min(figures) > 1e-3, figures
    assert stats.binomtest(sum(one < 0.05 for one in figures), 10, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("known", "saying"), [
    (knowledge(edges=[("b", "a")]), "that there is an edge 'b' → 'a'"),
    (knowledge(order="bc"), "that 'b' comes before 'c'"),
    (knowledge(absent=[("a", "b")]), "that there is no edge 'a' → 'b'"),
    (knowledge(edges=[("c", "b")]), "that there is an edge 'c' → 'b'"),
])  # fmt: skip
def test_wrong_statements_on_mixed_latents_are_refuted_by_name(known: Knowledge, saying: str) -> None:
    count = 10_000 if saying.endswith("'c' → 'b'") else 2000
    for seed in range(300, 303):
        check = solved(seed, known, count=count).checks[0]
        assert (check.name, check.consequence) == ("known", "refuted")
        assert check.message.startswith(f"The data contradict {saying}, which is said to be known.")


@pytest.mark.slow
def test_a_wrong_statement_does_not_drag_true_ones_along() -> None:
    check = solved(300, knowledge(absent=[("c", "a"), ("c", "b"), ("b", "c")], edges=[("a", "b")])).checks[0]
    assert check.consequence == "refuted" and "as well" not in check.message
    assert check.latents == ("c", "a")
