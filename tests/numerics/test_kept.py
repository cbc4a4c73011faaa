"""Tables in memory: one pass tells of them what it tells of rows elsewhere, and what was computed is kept."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from crlspec.maps.maps import LinearEncoder
from crlspec.numerics.kept import Kept, Table, kept
from crlspec.numerics.linalg import ColumnSpace, column_means, covariance, projected, recombined
from crlspec.numerics.pooled import Pooled, column_space
from crlspec.numerics.rows import Rows, digest_of, extremes, scan_of
from crlspec.numerics.statistics import shape_moments


def drawn(seed: int = 0, rows: int = 9000, columns: int = 6, latents: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(rows, latents)) @ rng.normal(size=(latents, columns)) + 40)


def elsewhere(x: np.ndarray) -> Rows:
    return Rows(lambda first, last: x[first:last], (len(x), x.shape[1]), 1000)


@pytest.mark.parametrize("x", [drawn(), drawn(1, 7), drawn(2, 400, 300), drawn(3, 1)], ids=len)
def test_one_pass_tells_of_memory_what_it_tells_of_rows_elsewhere(x: np.ndarray) -> None:
    here, there = Table.of(x).scan, elsewhere(x).scan
    assert here.digest == there.digest == digest_of(x)
    for name in ("low", "high", "first", "bad", "worst"):
        assert np.array_equal(getattr(here, name), getattr(there, name)), name
    np.testing.assert_allclose(here.mean, there.mean, rtol=1e-13)
    np.testing.assert_allclose(here.variances, there.variances, rtol=1e-10, atol=1e-24)
    assert (here.scatter is None) == (there.scatter is None) == (x.shape[1] > 256)
    if here.scatter is not None and there.scatter is not None:
        np.testing.assert_allclose(here.scatter, there.scatter, rtol=1e-10, atol=1e-9)
    assert np.array_equal(extremes(x), extremes(Table.of(x)))


def test_cells_that_are_not_finite_are_counted_and_the_first_is_named() -> None:
    x = np.random.default_rng(1).normal(size=(90_000, 3))
    x[85_000, 1], x[86_000, 1], x[3, 2] = np.nan, np.inf, -np.inf
    scan = Table.of(x).scan
    assert scan.bad.tolist() == [0, 2, 1] and scan.worst.tolist() == [-1, 85_000, 3]
    assert scan.scatter is None


def test_of_a_kept_array_an_answer_is_computed_once_and_of_others_each_time() -> None:
    calls: list[int] = []

    @kept
    def total(values: np.ndarray) -> float:
        calls.append(len(values))
        return float(values.sum())

    y = np.arange(6.0).reshape(3, 2)
    held = y.view(Kept)
    assert total(held) == total(held) == total(y) == total(y) == 15
    assert calls == [3, 3, 3]


def test_what_is_taken_of_a_table_or_computed_with_it_is_an_array_as_any_other() -> None:
    x = Table.of(drawn())
    parts: list[object] = [x[:5], x[0], x[:, 1], x + 1, x - x.mean(0), x.mean(0), x @ np.ones(6), x.max()]
    assert not any(isinstance(part, Kept) for part in parts)
    assert np.array_equal(pickle.loads(pickle.dumps(x)), x)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0, 0] = 1.0
    assert not isinstance(LinearEncoder(np.ones((2, 6)), np.zeros(6))(x), Kept)


def test_the_projection_that_was_asked_for_last_is_kept() -> None:
    x = drawn()
    table, rows, other = Table.of(x), np.eye(2, 6), np.eye(3, 6)
    first = projected(table, np.zeros(6), rows)
    assert projected(table, np.zeros(6), rows.copy()) is first
    assert np.array_equal(first, projected(x, np.zeros(6), rows))
    second = projected(table, np.zeros(6), other)
    assert second.shape == (len(x), 3) and projected(table, np.zeros(6), rows) is not first


def test_combinations_of_the_last_projection_are_taken_from_it() -> None:
    x = drawn(columns=6, latents=6)
    table, rng = Table.of(x), np.random.default_rng(3)
    basis, weights, centre = rng.normal(size=(3, 6)), rng.normal(size=(3, 3)), x.mean(0)
    projected(table, centre, basis)
    np.testing.assert_allclose(
        recombined(table, centre + 1, weights @ basis), (x - centre - 1) @ (weights @ basis).T, atol=1e-11
    )
    others = rng.normal(size=(3, 6))
    np.testing.assert_allclose(recombined(table, centre, others), (x - centre) @ others.T, atol=1e-11)


def test_moments_of_samples_are_those_of_numpy() -> None:
    y = drawn(5, 9001, 3, 3)
    np.testing.assert_allclose(covariance(y), np.cov(y.T), rtol=1e-10)
    np.testing.assert_allclose(covariance(y[:, :1]), [[y[:, 0].var(ddof=1)]], rtol=1e-10)
    np.testing.assert_allclose(column_means(y), y.mean(0), rtol=1e-12)
    assert np.array_equal(shape_moments(y.view(Kept)), shape_moments(y))


@pytest.mark.parametrize("where", [Table.of, elsewhere])
def test_column_spaces_of_moments_are_those_of_all_rows(
    where: Callable[[np.ndarray], np.ndarray | Rows],
) -> None:
    given = [drawn(6) * 2, drawn(7), drawn(8)]
    one, other = ColumnSpace.fit(given, 3), column_space([where(x) for x in given], 3)
    assert other is not None
    np.testing.assert_allclose(other.offset, one.offset, rtol=1e-12)
    np.testing.assert_allclose(other.scale, one.scale, rtol=1e-10)
    np.testing.assert_allclose(other.spectrum, one.spectrum, rtol=1e-9, atol=1e-13)
    signs = np.sign((one.whitener * other.whitener).sum(1))[:, None]
    np.testing.assert_allclose(other.whitener * signs, one.whitener, atol=1e-9 * np.abs(one.whitener).max())
    np.testing.assert_allclose(other.whitener @ other.coloring, np.eye(3), atol=1e-12)


def test_the_order_of_the_tables_changes_no_bit() -> None:
    scans = [scan_of(drawn(seed)) for seed in range(4)]
    one, other = Pooled.of(scans), Pooled.of(scans[::-1])
    for name, values in vars(one).items():
        assert np.array_equal(values, getattr(other, name)), name


def test_what_moments_do_not_tell_to_ten_digits_is_not_read_off_them() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(4000, 2)) * [1.0, 1e-6] @ np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    exact = ColumnSpace.fit([x], 2)
    assert column_space([Table.of(x)], 2) is None is column_space([Table.of(x)], 7)
    assert column_space([Table.of(x)], 1) is not None
    weak = LinearEncoder(exact.whitener, exact.offset)
    assert weak.scatter(Table.of(x).scan) is None
    strong = LinearEncoder(exact.whitener[:1], exact.offset)
    scatter = strong.scatter(Table.of(x).scan)
    assert scatter is not None
    np.testing.assert_allclose(scatter / len(x), 1, rtol=1e-10)
