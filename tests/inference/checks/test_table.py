"""Faults of the table: cells, columns and rows that no estimator can use are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.duplicates import _suspects


def only(checks: tuple[Any, ...]) -> Any:
    assert len(checks) == 1, checks
    return checks[0]


@pytest.mark.parametrize("value", [1e6, -1e8])
def test_an_outlier_is_named_by_row_and_column(world: Any, value: float) -> None:
    w = world()
    samples = w.samples()
    samples["e1"][16, 2] = value
    check = only(checks_of(w.problem(samples)))
    assert (check.name, check.consequence, check.environments) == ("outlier", "refuted", ("e1",))
    assert check.message.startswith(f"In environment 'e1', row 17, column 'x3' is {value:.6g}. This lies ")
    assert check.message.endswith(
        " median absolute deviations from the median. It alone decides mean and variance of the column."
    )
    assert check.remedy == "Mend this cell, or leave the row out."


def test_a_cell_out_of_range_is_named(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e2"][3, 0] = -1e300
    check = only(checks_of(w.problem(samples)))
    assert check.message == (
        "In environment 'e2', row 4, column 'x1' is -1e+300. "
        "The square exceeds the range of floating-point numbers, so no variance can be computed."
    )


def test_a_column_out_of_range_asks_for_another_unit(world: Any) -> None:
    w = world()
    check = only(
        checks_of(w.problem({k: x * np.array([1, 1, 1e300, 1, 1, 1]) for k, x in w.samples().items()}))
    )
    assert check.name == "huge-values"
    assert check.message.startswith("In environment 'e1' column 'x3' holds values as large as ")
    assert check.remedy == "Give column 'x3' in a larger unit, in every environment."


def test_columns_in_very_different_units_are_no_fault(world: Any) -> None:
    w = world()
    assert checks_of(w.problem({k: x * 10.0 ** np.arange(-18, 18, 6) for k, x in w.samples().items()})) == ()


def test_an_index_column_is_named_and_a_sorted_one_too(world: Any) -> None:
    w = world()
    check = only(checks_of(w.problem({k: np.c_[np.arange(len(x)), x] for k, x in w.samples().items()})))
    assert (
        check.message
        == "In every environment, column 'x1' counts the rows. It is an index, not a measurement."
    )
    assert check.remedy == "Leave column 'x1' out."
    by_time = {k: np.c_[np.cumsum(np.abs(x[:, 0])), x] for k, x in w.samples().items()}
    assert (
        "only rises or only falls from row to row. It is a time stamp"
        in only(checks_of(w.problem(by_time))).message
    )


def test_heavy_tails_have_no_outlier(world: Any) -> None:
    for seed in range(20):
        w = world(seed=seed, rows=1000, noise=lambda rng, n: rng.standard_t(3, n))
        assert all(check.name == "heavy-tails" for check in checks_of(w.problem()))


def test_repeated_rows_are_counted(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e2"] = np.tile(samples["e2"][:100], (40, 1))
    check = only(checks_of(w.problem(samples)))
    assert (check.name, check.consequence, check.environments) == ("duplicate-rows", "refuted", ("e2",))
    assert check.message == (
        "In environment 'e2', 3900 of 4000 rows repeat an earlier row exactly. "
        "Tests take rows as independent, and would be wrong."
    )


def test_values_that_stand_twice_are_suspects_and_few_others_are() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    values[:3], values[10_000:10_003] = [0.0, 2.5, -7.0], [-0.0, 2.5, -7.0]
    found = _suspects(values)
    assert {0.0, 2.5, -7.0} <= set(found.tolist()) and len(found) < 0.3 * len(values)
    assert len(_suspects(np.array([1.0]))) == 0 == len(_suspects(np.array([])))


def test_few_repeated_rows_are_a_note(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e0"][10] = samples["e0"][2000]
    check = only(checks_of(w.problem(samples)))
    assert (check.consequence, check.figure) == ("note", 1 / 4000)
    assert check.message == (
        "In environment 'e0', 1 of 4000 rows repeat an earlier row exactly. So few hardly change any test."
    )
    samples["e1"][20] = samples["e1"][30]
    several = only(checks_of(w.problem(samples)))
    assert several.message.endswith("exactly. So do rows of 'e1'. So few hardly change any test.")


def test_rows_in_two_environments_are_named(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e1"][:500] = samples["obs"][1000:1500]
    check = only(checks_of(w.problem(samples)))
    assert (check.name, check.environments) == ("shared-rows", ("obs", "e1"))
    assert check.message == (
        "Environments 'obs' and 'e1' share 500 rows exactly. Environments must be independent samples."
    )


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), ""),
        (("e1",), " 2 other pairs share rows as well."),
        (("e2",), " 2 other pairs share rows as well."),
    ],
)
def test_few_rows_in_two_environments_are_a_note(world: Any, names: tuple[str, ...], told: str) -> None:
    w = world()
    samples = w.samples()
    for name in ("e0", *names):
        samples[name][7] = samples["obs"][9]
    check = only(checks_of(w.problem(samples)))
    assert (check.name, check.consequence, check.environments) == (
        "shared-rows",
        "note",
        ("obs", "e0", *names),
    )
    assert check.message == (
        f"Environments 'obs' and 'e0' share 1 row exactly.{told} Environments must be independent samples."
    )


def test_one_other_pair_that_shares_rows_is_said_in_the_singular(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e0"][7], samples["e2"][7] = samples["obs"][9], samples["e1"][9]
    check = only(checks_of(w.problem(samples)))
    assert " 1 other pair shares rows as well. " in check.message


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_copy_with_noise_of_no_size_is_named(world: Any, shuffled: bool) -> None:
    w = world()
    samples = w.samples()
    rows = np.random.default_rng(0).permutation(4000) if shuffled else slice(None)
    samples["e2"] = samples["e1"][rows] + 1e-9
    check = only(checks_of(w.problem(samples)))
    assert (check.name, check.consequence, check.environments) == (
        "copied-environments",
        "refuted",
        ("e1", "e2"),
    )
    assert check.message == (
        "Means and covariances of environments 'e1' and 'e2' agree better than those of two independent samples do. "
        "One is a copy of the other, up to negligible noise."
    )


def test_rounded_values_without_spare_variables_leave_it_undecided(world: Any) -> None:
    w = world(observed=3)
    check = only(checks_of(w.problem({k: np.round(x) for k, x in w.samples().items()})))
    assert (check.name, check.consequence) == ("rounded", "undecided")
    assert check.message.startswith("Values are rounded: column 'x")
    spare = world()
    noted = only(checks_of(spare.problem({k: np.round(x) for k, x in spare.samples().items()})))
    assert (noted.name, noted.consequence) == ("rounded", "note")
    assert noted.message.endswith(" of its variance, which a linear mixing does not allow for.")
    fine = {k: np.round(x, 3) for k, x in w.samples().items()}
    assert checks_of(w.problem(fine)) == ()
