"""Runs of a sweep in threads of one process: the same rows to the last bit as one after another."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from crlspec.studies.sweep.cases import cases_of, changes_of
from crlspec.studies.sweep.one_run import run_one


def told(row: dict[str, Any]) -> dict[str, str]:
    """All of a row but its times."""
    return {key: str(value) for key, value in row.items() if not key.endswith("seconds")}


@pytest.mark.parametrize(
    "spec",
    [
        "linear/hard-5",
        pytest.param("linear/umni-hard-5", marks=pytest.mark.slow),
        pytest.param("linear/soft-5", marks=pytest.mark.slow),
    ],
)
def test_rows_do_not_depend_on_threads(spec: str) -> None:
    (case,) = cases_of(spec, changes_of([], {"samples": [300]}))
    alone = [told(run_one(case, seed)) for seed in range(3)]
    assert {row["status"] for row in alone} <= {"ok", "undecided", "refuted"}
    before = torch.get_rng_state(), torch.get_num_threads(), list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        together = [told(row) for row in pool.map(lambda seed: run_one(case, seed), range(3))]
    assert together == alone
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (torch.get_num_threads(), list(warnings.filters))
