"""Rows and environments that stand twice in the data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from scipy.special import chdtr

from crlspec.inference.check import Check, listed
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import equality
from crlspec.numerics.kept import Table
from crlspec.numerics.linalg import blocks
from crlspec.numerics.rows import Rows

__all__ = ["check_copies", "check_duplicates"]

BUCKETED = 2**20
"""Rows up to which first cells are put into buckets, which is faster than to sort them all."""
ODD = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ by the golden ratio, whose multiples spread over the high bits (Knuth, Art of Computer Programming 3, 6.4)."""


def check_duplicates(samples: Mapping[str, np.ndarray], few: float) -> list[Check]:
    """Rows that repeat within an environment, and rows that two environments share: exactly equal cells.

    samples  environment → (sample, observed)
    few      share of such rows up to which they are a note

    Rows whose first cell no other row has are no candidates; the others are told apart by a hash of their bits.
    """
    names, counts = list(samples), np.array([len(x) for x in samples.values()])
    first = np.concatenate([_first(x) for x in samples.values()])
    ordered = np.sort(_suspects(first))
    if not (equal := ordered[1:] == ordered[:-1]).any():
        return []
    candidate = np.isin(first, ordered[1:][equal])
    where = np.repeat(np.arange(len(names)), counts)[candidate]
    parts = np.split(candidate, np.cumsum(counts)[:-1])
    hashes = np.concatenate(
        [_hashes_of(x, chosen) for x, chosen in zip(samples.values(), parts, strict=True)]
    )
    distinct = [np.unique(hashes[where == e]) for e in range(len(names))]
    repeated = np.bincount(where, minlength=len(names)) - [len(found) for found in distinct]
    shared = {
        (a, b): len(np.intersect1d(distinct[a], distinct[b], assume_unique=True))
        for a, b in combinations(range(len(names)), 2)
    }
    checks = []
    if repeated.any():
        checks.append(_repeated(names, repeated, counts, few))
    if any(shared.values()):
        checks.append(_shared(names, shared, counts, few))
    return checks


def check_copies(moments: Moments, level: float) -> list[Check]:
    """Environments whose means and covariances agree far better than independent samples would: one is a copy of the
    other, up to rounding or noise of no size."""
    checks, free = [], moments.size * (moments.size + 3) / 2
    for a, b in combinations(range(len(moments.names)), 2):
        statistic = equality(moments, a, b)
        chance = float(chdtr(free, max(statistic, 0.0)))
        if chance < level:
            one, other = moments.names[a], moments.names[b]
            checks.append(
                Check(
                    "copied-environments", "refuted", chance, level,
                    f"Means and covariances of environments '{one}' and '{other}' agree better than those of two "
                    "independent samples do. One is a copy of the other, up to negligible noise.",
                    "Give each environment its own data.", (one, other),
                )
            )  # fmt: skip
    return checks


def _suspects(values: np.ndarray) -> np.ndarray:
    """Those that fall into one of some buckets, a few times as many, with another one; of very many all."""
    if not 0 < len(values) <= BUCKETED:
        return values
    bits = np.uint64(64 - 2 - len(values).bit_length())
    buckets = ((values + 0.0).view(np.uint64) * ODD >> bits).astype(np.int64)
    return values[(np.bincount(buckets) > 1)[buckets]]


def _first(x: np.ndarray | Rows) -> np.ndarray:
    """The first column."""
    return x.scan.first if isinstance(x, Rows | Table) else x[:, 0]


def _hashes_of(x: np.ndarray | Rows, chosen: np.ndarray) -> np.ndarray:
    """The hashes of the rows that are chosen, (row,) bool."""
    if not isinstance(x, Rows):
        return _hashes(x[chosen])
    found, first = [], 0
    for part in blocks(x):
        found.append(_hashes(part[chosen[first : first + len(part)]]))
        first += len(part)
    return np.concatenate(found)


def _hashes(rows: np.ndarray) -> np.ndarray:
    """One 64-bit number a row, equal where all cells are."""
    bits = np.ascontiguousarray(rows + 0.0).view(np.uint64)
    odd = np.random.default_rng(7).integers(1, 2**62, size=rows.shape[1], dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    folded = (bits ^ (bits >> np.uint64(32))) * odd
    return np.asarray((folded ^ (folded >> np.uint64(29))).sum(axis=1, dtype=np.uint64))


def _repeated(names: list[str], repeated: np.ndarray, counts: np.ndarray, few: float) -> Check:
    """One check of all environments with repeated rows, the worst with its figures."""
    shares = repeated / counts
    e, others = int(shares.argmax()), [name for name, k in zip(names, repeated, strict=True) if k]
    many = shares[e] > few
    also = f" So do rows of {listed(name for name in others if name != names[e])}." if len(others) > 1 else ""
    return Check(
        "duplicate-rows", "refuted" if many else "note", float(shares[e]), few,
        f"In environment '{names[e]}', {repeated[e]} of {counts[e]} rows repeat an earlier row exactly.{also} "
        + ("Tests take rows as independent, and would be wrong." if many else "So few hardly change any test."),
        "Leave repeated rows out.", tuple(others),
    )  # fmt: skip


def _shared(names: list[str], shared: dict[tuple[int, int], int], counts: np.ndarray, few: float) -> Check:
    """One check of all pairs of environments with common rows, the worst with its figures."""
    shares = {pair: k / counts[list(pair)].min() for pair, k in shared.items() if k}
    a, b = worst = max(shares, key=lambda pair: shares[pair])
    involved = tuple(name for e, name in enumerate(names) if any(e in pair for pair in shares))
    rows = f"{shared[worst]} row{'s' * (shared[worst] != 1)}"
    more = len(shares) - 1
    also = f" {more} other pair{'s share rows' if more > 1 else ' shares rows'} as well." if more else ""
    return Check(
        "shared-rows", "refuted" if shares[worst] > few else "note", float(shares[worst]), few,
        f"Environments '{names[a]}' and '{names[b]}' share {rows} exactly.{also} Environments must be "
        "independent samples.",
        "Give each row to the one environment it was measured in.", involved,
    )  # fmt: skip
