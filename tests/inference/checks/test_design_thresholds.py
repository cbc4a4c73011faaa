"""The numbers of the design's tests decide what these say, and those of an estimator reach them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import crlspec
from crlspec.inference.checks.design import checks_of
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.inference.lscale import LScaleI
from crlspec.inference.thresholds import LscaleThresholds, Thresholds
from crlspec.scores import scores_for
from crlspec.scores.base import Coordinates
from crlspec.scores.declarations import AutoScores as Declared
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from crlspec.testing import LinearGaussianToy

TOY = LinearGaussianToy(2000).problem
X = TOY.samples


def untouched() -> dict[str, np.ndarray]:
    return {**X}


def repeated() -> dict[str, np.ndarray]:
    return {**X, "do_a": np.concatenate([X["do_a"], X["do_a"][:100]])}


def far_cell() -> dict[str, np.ndarray]:
    found = X["do_a"].copy()
    found[7, 1] = 1e7
    return {**X, "do_a": found}


def coarse() -> dict[str, np.ndarray]:
    return {name: np.round(x / 0.3) * 0.3 for name, x in X.items()}


def offset() -> dict[str, np.ndarray]:
    return {**X, "do_a": X["do_a"] + np.array([0, 0, 1.0, 0, 0])}


def serial() -> dict[str, np.ndarray]:
    """Each row holds half of the one before it; means and covariances are as before."""
    centred = X["do_a"] - X["do_a"].mean(0)
    return {**X, "do_a": X["do_a"].mean(0) + (centred + 0.5 * np.roll(centred, 1, 0)) / 1.25**0.5}


@pytest.mark.parametrize(
    ("samples", "changed", "before", "after"),
    [
        (repeated, {"duplicates": 0.2}, "duplicate-rows: refuted", "duplicate-rows: note"),
        (far_cell, {"towers": 1e9}, "outlier: refuted", "heavy-tails: undecided"),
        (far_cell, {"alone": 1e9}, "outlier: refuted", "heavy-tails: undecided"),
        (far_cell, {"suspect": 1e9}, "outlier: refuted", "heavy-tails: undecided"),
        (far_cell, {"huge": 1e6}, "outlier: refuted", "huge-values: refuted"),
        (coarse, {"negligible": 10.0, "coarse": 10.0}, "rounded: note", "duplicate-rows: refuted"),
        (offset, {"exact": 0.0, "sensors": 1e9}, "sensors: refuted", None),
        (serial, {"dependent": 0.0}, "rows-independent: note", None),
        (serial, {"rows": 10**6}, "rows-independent: note", None),
        (serial, {"effective": 10**6}, "rows-independent: note", "rows-independent: undecided"),
        (untouched, {"settled_rows": 1e9, "settled_share": 2.0}, None, "heavy-tails: undecided"),
        (untouched, {"singular": 0.999}, None, "dependent-latents: refuted"),
        (untouched, {"effect": 0.0}, None, "effect: undecided"),
        (untouched, {"targets": 4.0, "strict": 4.0}, None, "control: refuted"),
        (untouched, {"same": 0.0, "blur": 1e9, "leading": 0.0}, None, "same-target: refuted"),
        (untouched, {"copies": 1.1}, None, "copied-environments: refuted"),
    ],
)
def test_a_design_threshold_decides(
    samples: Callable[[], dict[str, np.ndarray]],
    changed: dict[str, Any],
    before: str | None,
    after: str | None,
) -> None:
    problem = replace(TOY, samples=samples())

    def said(limits: DesignThresholds) -> set[str]:
        found = checks_of(problem, replace(Thresholds(), design=limits))
        return {f"{check.name}: {check.consequence}" for check in found}

    one, other = said(DesignThresholds()), said(replace(DesignThresholds(), **changed))
    assert one == ({before} if before else set())
    assert after in other if after else not other


def test_the_thresholds_of_an_estimator_reach_the_design_and_the_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = LScaleI(thresholds=LscaleThresholds(gaussian=0.25, design=DesignThresholds(copies=1.1)))
    monkeypatch.setattr("crlspec.solving.estimator_for", lambda *_: own)
    asked = []

    def kept(declared: Any, gaussian: float, *rest: Any) -> Any:
        asked.append(gaussian)
        return scores_for(declared, gaussian, *rest)

    monkeypatch.setattr("crlspec.scores.scores_for", kept)
    spec = crlspec.load("linear/hard-5", sets=["latents=2", "samples=400"])
    found = crlspec.solve(spec, crlspec.compile(spec, seed=0).sample(seed=0))
    assert asked == [0.25]
    assert "copied-environments" in {check.name for check in found.checks}
    assert found.provenance["thresholds"]["gaussian"] == 0.25
    assert found.provenance["thresholds"]["design"]["copies"] == 1.1


def test_scores_are_chosen_by_the_threshold() -> None:
    coordinates = Coordinates.of(TOY, TOY.environments)
    for gaussian, kind in ((Thresholds().gaussian, GaussianScores), (1.1, RatioScores)):
        assert isinstance(scores_for(Declared(), gaussian).choose(coordinates), kind)  # type: ignore[attr-defined]
