"""What is recorded of training: every fit by itself, under the names that the data have, and no further."""

from __future__ import annotations

import io

import numpy as np
import pytest

from crlspec.inference.estimate import Estimate, LinearEncoder, Status
from crlspec.progress import Losses, ProgressLine, Recorder
from crlspec.results.training_curves import with_training
from crlspec.scores.base import Coordinates
from crlspec.scores.ratio import RatioScores
from crlspec.scores.sliced import SlicedScores


def losses(step: int, *names: str) -> Losses:
    return Losses(step, "loss", {name: float(step) for name in names})


def estimate() -> Estimate:
    encoder = LinearEncoder(np.eye(1), np.zeros(1))
    return Estimate(("z",), {"z": "e"}, encoder, np.eye(1), ("z",), (), (), "exact", Status("ok", ""))


def coordinates(rng: np.random.Generator) -> Coordinates:
    samples = {name: rng.normal(size=(60, 2)) * scale for name, scale in (("o", 1), ("e1", 2), ("e2", 3))}
    return Coordinates.fit(samples, "o", ("e1", "e2"), 2)


def test_a_fit_ends_where_steps_start_again_or_other_networks_train() -> None:
    recorder = Recorder(lambda *_: None)
    for step, name in ((0, "a"), (5, "a"), (0, "a"), (5, "b"), (9, "b")):
        recorder("stage", step, 10, losses=losses(step, name))
    recorder("stage", 10, 10)
    assert [[one.step for one in fit] for fit in recorder.fits["stage"]] == [[0, 5], [0], [5, 9]]
    diagnostics = with_training(estimate(), recorder).diagnostics
    assert list(diagnostics) == ["training_stage", "training_stage_2", "training_stage_3"]
    last = diagnostics["training_stage_3"]
    assert last.dims == ("network", "step")
    assert last.sel(network="b", step=9) == 9
    assert last.attrs == {"kind": "loss"}


def test_reports_go_on_as_they_came_without_the_losses() -> None:
    told: list[tuple[object, ...]] = []
    recorder = Recorder(lambda *report: told.append(report))
    recorder("begun")
    recorder("going", 0.5)
    recorder("training", 5, 10, losses=losses(5, "a"))
    assert told == [("begun",), ("going", 0.5), ("training", 5, 10)]
    assert with_training(estimate(), Recorder(lambda *_: None)).diagnostics == {}


def test_classifiers_and_score_networks_have_a_curve_for_each_environment() -> None:
    for scores, names in (
        (RatioScores(steps=60, width=4), ["e1", "e2"]),
        (SlicedScores(steps=60, width=4), ["o", "e1", "e2"]),
    ):
        recorder = Recorder(lambda *_: None)
        scores.estimate(coordinates(np.random.default_rng(0)), 0, recorder)
        (curves,) = with_training(estimate(), recorder).diagnostics.values()
        assert curves.dims == ("environment", "step")
        assert list(curves["environment"].values) == names
        assert curves["step"].values[-1] == 60
        assert np.isfinite(curves.values).all()


def test_what_is_recorded_changes_no_number() -> None:
    plain, recorded = (
        RatioScores(steps=60, width=4).estimate(coordinates(np.random.default_rng(0)), 0, progress)
        for progress in (Recorder(lambda *_: None), lambda *_, **__: None)
    )
    np.testing.assert_array_equal(plain.values, recorded.values)


def told(reports: list[tuple[float, tuple[object, ...]]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of reports, each made at a second of its own."""
    stream, clock = io.StringIO(), [0.0]
    monkeypatch.setattr("crlspec.progress.time.monotonic", lambda: clock[0])
    line = ProgressLine(stream, enabled=True)
    for clock[0], report in reports:
        line(*report)  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


def test_stages_are_told_with_their_count_and_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [(0.0, ("checks",)), (2.0, ("encoder", 0, 4000)), (5.0, ("encoder", 1000, 4000))]
    steps += [(302.0, ("encoder", 3000, 4000)), (402.0, ("encoder", 4000, 4000)), (403.0, ("report", 0.0))]
    assert told(steps, monkeypatch) == [
        "[   0.0 s] 1. checks",
        "[   2.0 s] 2. encoder 0 of 4,000, 0 %",
        "[   5.0 s] 2. encoder 1,000 of 4,000, 25 %, 9 s left",
        "[ 302.0 s] 2. encoder 3,000 of 4,000, 75 %, 2 min left",
        "[ 402.0 s] 2. encoder 4,000 of 4,000, 100 %",
        "[ 403.0 s] 3. report 0 %",
    ]


def test_time_is_left_at_the_pace_of_this_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that goes on from half of its steps, and one that starts anew, count from where they began."""
    steps: list[tuple[float, tuple[object, ...]]] = [(0.0, ("training", 0.5)), (0.5, ("training", 0.6))]
    steps += [(10.0, ("training", 0.75)), (11.0, ("training", 0.0)), (31.0, ("training", 0.001))]
    steps += [(21_611.0, ("training", 0.5))]
    assert told(steps, monkeypatch) == [
        "[   0.0 s] 1. training 50 %",
        "[   0.5 s] 1. training 60 %",
        "[  10.0 s] 1. training 75 %, 10 s left",
        "[  11.0 s] 1. training 0 %",
        "[21611.0 s] 1. training 50 %, 6.0 h left",
    ]
