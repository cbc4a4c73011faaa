"""Tables that lie elsewhere: what one pass tells of them, and what is read, is the same however they are chunked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from crlspec.numerics import rows as numerics_rows
from crlspec.numerics.linalg import ColumnSpace, column_means, projected
from crlspec.numerics.rows import RUN, Rows, digest_of, extremes
from crlspec.numerics.statistics import curvature_p_value, explained_by_squares

CHUNKS = (1, 7, 999, 4096, 20_000)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Nine columns of rank nine, far off zero, one of them very small."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.normal(size=(20_000, 9)) @ rng.normal(size=(9, 9)) * np.logspace(0, -9, 9) + 100)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray, int], Rows]:
    """An array as rows in chunks, of which few are read at once."""
    monkeypatch.setattr(numerics_rows, "RUN", 2**15)
    return lambda values, chunk: Rows(lambda first, last: values[first:last], values.shape, chunk)


def test_one_pass_tells_the_same_bit_for_bit_whatever_the_chunks(
    x: np.ndarray, table: Callable[..., Rows]
) -> None:
    first, *others = (table(x, chunk).scan for chunk in CHUNKS)
    for other in others:
        for name, values in vars(first).items():
            assert np.array_equal(getattr(other, name), values), name


def test_one_pass_tells_what_numpy_tells_of_all_rows(x: np.ndarray, table: Callable[..., Rows]) -> None:
    scan = table(x, 1000).scan
    scale = x.std(0)
    np.testing.assert_allclose(
        (scan.mean - x.mean(0)) / scale, 0, atol=1e-4
    )  # of the last column, 1e-9 of its mean
    np.testing.assert_allclose((scan.mean - x.mean(0))[:5], 0, atol=1e-10)
    centred = (x - scan.mean) / scale
    found = scan.covariance / np.outer(scale, scale)
    np.testing.assert_allclose(found, centred.T @ centred / (len(x) - 1), atol=1e-9)
    np.testing.assert_allclose(scan.variances / scale**2, 1, atol=1e-9)
    assert np.array_equal(scan.low, x.min(0)) and np.array_equal(scan.high, x.max(0))
    assert np.array_equal(scan.steps, [np.diff(x, axis=0).min(0), np.diff(x, axis=0).max(0)])
    assert np.array_equal(scan.first, x[:, 0])
    assert scan.digest == hashlib.sha256(x.tobytes()).digest() == digest_of(x)
    assert np.array_equal(extremes(table(x, 3)), extremes(x))


def test_cells_that_are_not_finite_are_counted_and_the_first_is_named(table: Callable[..., Rows]) -> None:
    x = np.random.default_rng(1).normal(size=(9000, 3))
    x[8500, 1], x[8600, 1], x[3, 2] = np.nan, np.inf, -np.inf
    scan = table(x, 100).scan
    assert scan.bad.tolist() == [0, 2, 1]
    assert scan.worst.tolist() == [-1, 8500, 3]


@pytest.mark.parametrize("columns", [300])
def test_of_wide_tables_mean_and_variances_are_told(columns: int, table: Callable[..., Rows]) -> None:
    x = np.random.default_rng(2).normal(3, 2, size=(500, columns))
    scan = table(x, 64).scan
    assert scan.triangle is None
    np.testing.assert_allclose(scan.mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(scan.variances, x.var(0), rtol=1e-10)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_what_is_asked_for_is_what_an_array_gives(
    x: np.ndarray, table: Callable[..., Rows], chunk: int
) -> None:
    rows = table(x, chunk)
    some = np.array([19_999, 5, 4000, 5])
    for key in (
        slice(10, 20),
        slice(None, None, 777),
        some,
        x[:, 0] > 102,
        3,
        (slice(4), 2),
        (some, slice(1, 3)),
    ):
        assert np.array_equal(rows[key], x[key])
    assert np.array_equal(rows[:, 3], x[:, 3])
    assert np.array_equal(np.asarray(rows[:, [4, 1]]), x[:, [4, 1]])
    assert np.array_equal(np.asarray(rows.mapped(np.exp, 9)), np.exp(x))
    assert np.array_equal(np.asarray(rows.taken(np.arange(3, 19_000, 7))), x[3:19_000:7])
    assert np.array_equal(np.concatenate(list(rows.blocks(4096))), x)
    assert {len(part) for part in list(rows.blocks(4096))[:-1]} == {4096}
    assert np.array_equal(rows - np.ones(9), x - 1.0)  # functions of numpy read everything


def test_the_pass_is_made_once_and_tells_how_far_it_is(x: np.ndarray) -> None:
    read: list[int] = []

    def reader(first: int, last: int) -> np.ndarray:
        read.append(last - first)
        return x[first:last]

    rows, told = Rows(reader, (20_000, 9), 5000), list[int]()
    assert rows.scanned(told.append) is rows.scan
    assert sum(read) == sum(told) == 20_000


@pytest.mark.parametrize("columns", [6, 300])
def test_column_spaces_are_those_of_arrays(columns: int, table: Callable[..., Rows]) -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(3, columns))
    given = [
        rng.normal(size=(700, 3)) * k @ mixing + 1e-3 * rng.normal(size=(700, columns)) + 4 for k in (1, 2)
    ]
    rows = [table(x, 100) for x in given]
    one, other = ColumnSpace.fit(given, 3), ColumnSpace.fit(rows, 3)
    np.testing.assert_allclose(other.offset, one.offset, rtol=1e-12)
    np.testing.assert_allclose(other.scale, one.scale, rtol=1e-12)
    np.testing.assert_allclose(other.spectrum[:3], one.spectrum[:3], rtol=1e-7)
    np.testing.assert_allclose(other.spectrum.sum(), columns, rtol=1e-9)
    signs = np.sign((one.whitener * other.whitener).sum(1))[:, None]
    np.testing.assert_allclose(other.whitener * signs, one.whitener, atol=1e-6 * np.abs(one.whitener).max())
    y = projected(given[0], one.offset, one.whitener)
    assert np.array_equal(projected(rows[0], one.offset, one.whitener), y)
    np.testing.assert_allclose(column_means(rows[0]), given[0].mean(0), rtol=1e-12)


def test_regressions_on_products_are_those_of_arrays(x: np.ndarray, table: Callable[..., Rows]) -> None:
    rng = np.random.default_rng(4)
    u = rng.normal(size=(9000, 2))
    y = 0.02 * u[:, :1] ** 2 + rng.normal(size=(9000, 3))
    for test in (explained_by_squares, curvature_p_value):
        found = test(y, u)
        assert 1e-12 < found < 0.5
        assert test(table(y, 123), u) == found


def test_a_table_that_is_made_of_a_wider_one_reads_no_more_of_it_at_once():
    asked = []

    def read(first: int, last: int) -> np.ndarray:
        asked.append(last - first)
        return np.ones((last - first, 2**14))

    wide = Rows(read, (1000, 2**14), 10)
    narrow = wide.mapped(lambda part: part[:, :2], 2).mapped(lambda part: part[:, :1], 1)
    assert np.concatenate(list(narrow.taken(np.arange(0, 1000, 2)).blocks(300))).shape == (500, 1)
    assert max(asked) <= 2 * RUN // 2**14
    asked.clear()
    narrow.scanned(lambda rows: None)
    assert (sum(asked), max(asked)) == (1000, RUN // 2**14 // 10 * 10)
