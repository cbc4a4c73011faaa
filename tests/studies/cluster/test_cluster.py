"""Sweeps, plans and bootstraps on a real cluster: the same rows as here, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import crlspec
from crlspec.studies.cluster import Cluster, ClusterError
from crlspec.studies.cluster.terms import Terms
from crlspec.studies.sweep.one_run import run_one
from tests.cli.conftest import SPEC
from tests.studies.cluster.works import row

SMALL = crlspec.loads(SPEC).model_copy(update={"samples": 400})


def timeless(rows: pd.DataFrame) -> list[dict[str, str]]:
    """All of the rows but their times, in order, as ``runs.csv`` would write it."""
    kept = [key for key in rows.columns if "seconds" not in key]
    return [{key: str(value) for key, value in row.items()} for row in rows[kept].to_dict("records")]


def test_a_sweep_on_a_cluster_is_the_sweep_here(address: str) -> None:
    lines: list[str] = []
    there = crlspec.sweep(SMALL, seeds=4, scheduler=Cluster(address, lines.append))
    assert timeless(there) == timeless(crlspec.sweep(SMALL, seeds=4))
    (line,) = lines
    assert line.startswith(f"Dask scheduler {address}: 2 workers. Dashboard: http://127.0.0.1:")
    other = replace(Terms.here(), code="0" * 12)
    with pytest.raises(
        ClusterError, match=r"^The scheduler has crlspec .* other source files .*Remedy: Install"
    ):
        next(Cluster(address).rows(run_one, [()], ["none"], other))


@pytest.mark.slow
def test_rows_are_those_of_two_jobs_bit_for_bit(address: str) -> None:
    given: dict[str, Any] = {"seeds": 6, "vary": {"samples": [300, 500]}}
    there = crlspec.sweep(SMALL, **given, scheduler=address)
    assert timeless(there) == timeless(crlspec.sweep(SMALL, **given, jobs=2))


@pytest.mark.slow
def test_bootstraps_are_those_of_two_jobs_bit_for_bit(address: str) -> None:
    data = crlspec.compile(SMALL, seed=1).sample(
        {"obs": 3000, "do_a": 3000, "do_b": 3000, "do_c": 3000}, seed=1
    )
    there = crlspec.stability(SMALL, data, bootstraps=6, scheduler=address)
    here = crlspec.stability(SMALL, data, bootstraps=6, jobs=2)
    assert timeless(there.runs) == timeless(here.runs)
    pd.testing.assert_frame_equal(there.edges, here.edges)


@pytest.mark.slow
def test_a_plan_is_that_of_two_jobs_bit_for_bit(address: str) -> None:
    there = crlspec.plan(SMALL, [200, 600], seeds=3, scheduler=address)
    here = crlspec.plan(SMALL, [200, 600], seeds=3, jobs=2)
    assert timeless(there.runs) == timeless(here.runs)
    pd.testing.assert_frame_equal(there.rates, here.rates)


@pytest.mark.slow
def test_more_tasks_than_are_handed_over_at_a_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from crlspec.studies.cluster import client

    monkeypatch.setattr(client, "AHEAD", 4)
    assert crlspec.sweep(SMALL, seeds=11, scheduler=address)["seed"].tolist() == list(range(11))


@pytest.mark.slow
def test_a_file_that_no_worker_finds_is_named(address: str) -> None:
    terms = Terms.here((), ("/no/such/data",))
    with pytest.raises(
        ClusterError, match=r"^Worker tcp://.* \(one of 2\) does not find /no/such/data\. Remedy"
    ):
        next(Cluster(address).rows(run_one, [()], ["none"], terms))


@pytest.mark.slow
def test_a_run_that_ends_every_worker_is_named_once_the_others_are_done(address: str) -> None:
    rows: list[int] = []
    there = Cluster(address).rows(
        row, [(k,) for k in range(5)], [f"seed {k}" for k in range(5)], Terms.here()
    )
    with pytest.raises(
        ClusterError, match=r"^seed 3, seed 4 ended every worker that tried, .*more memory a worker"
    ):
        rows.extend(found["seed"] for found in there)
    assert sorted(rows) == [0, 1, 2]
