"""What each optimiser says of itself comes up to the step, with a warning where it did not end at an optimum."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crlspec.downstream import linear
from crlspec.downstream.design import Design
from crlspec.downstream.linear import fit_linear
from crlspec.errors import NumericalWarning
from crlspec.inference import contrastive, gscale
from crlspec.inference.encoders import linear_contrast, log_ratios
from crlspec.inference.encoders.linear_starts import straight_row
from crlspec.inference.likelihood import gaussian
from crlspec.inference.likelihood.newton import Fitted, fitted
from crlspec.inference.likelihood.profile import Profiles
from crlspec.inference.likelihood.refine import refine_gaussian
from crlspec.inference.soft import fit as soft
from crlspec.inference.soft.gaussian import closure_by_likelihood, closure_by_scores
from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds, LinearThresholds
from crlspec.numerics.optimum import Optimum, minimised
from crlspec.progress import silent
from crlspec.scores.base import Coordinates
from crlspec.scores.gaussian import GaussianScores
from crlspec.testing import LinearGaussianToy, PairsToy

TOY = LinearGaussianToy(2000)
COORDINATES = Coordinates.of(TOY.problem, TOY.environments)


def hard() -> Step:
    return refine_gaussian(COORDINATES.all, (2, 0, 1), np.eye(3), silent)[0]


def of_soft() -> Step:
    estimate = GaussianScores().estimate(COORDINATES, 0, silent)
    return closure_by_likelihood(
        COORDINATES, estimate, closure_by_scores(estimate), ("a", "b", "c"), 0.01, LinearThresholds()
    )


def of_code() -> Step:
    """Five components, three latents: the combinations that tell the environments apart."""
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(len(y), 2)) for y in COORDINATES.all]
    u = [np.concatenate([y, other], 1) for y, other in zip(COORDINATES.all, noise, strict=True)]
    return contrastive._linear_code(u, 0, silent)[1].step


def behind_a_link() -> bool:
    _, y = gscale._components(
        gscale._unlinked(PairsToy().problem)[0], ("obs", *PairsToy.environments), GscaleThresholds()
    )
    return gscale._settled([straight_row(y[1], y[2]), straight_row(y[3], y[4])])


FITS: Mapping[str, tuple[Any, Callable[[], Step | bool], str]] = {
    "hard": (gaussian, hard, "The joint Gaussian likelihood of all environments stopped"),
    "soft": (soft, of_soft, "The likelihood of a causal order under soft interventions stopped"),
    "code": (linear_contrast, of_code, "The log odds of the environments by linear combinations"),
    "link": (log_ratios, behind_a_link, "The log ratio of the two environments of a latent"),
}


def hurried(objective: Any, start: np.ndarray, *, options: Mapping[str, Any], **how: Any) -> Optimum:
    return minimised(objective, start, options={**options, "maxiter": 1}, **how)


def rushed(profiles: Profiles, starts: np.ndarray, *, nested: bool = False) -> Fitted:
    return fitted(profiles, starts, nested=nested, iterations=0)


def settled(found: Step | bool) -> bool:
    return found.settled if isinstance(found, Step) else found


@pytest.mark.parametrize("name", FITS)
def test_an_optimum_is_reached_in_silence(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NumericalWarning)
        assert settled(FITS[name][1]())


@pytest.mark.parametrize("name", FITS)
def test_a_fit_that_is_cut_short_warns_and_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, fit, text = FITS[name]
    for stopped in ("minimised", "fitted"):
        if hasattr(module, stopped):
            monkeypatch.setattr(module, stopped, hurried if stopped == "minimised" else rushed)
    with pytest.warns(NumericalWarning, match=text):
        assert not settled(fit())


def test_the_refit_of_mechanisms_says_whether_it_is_at_its_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = {"a": ("c",), "b": ("a",), "c": ()}
    targets = {f"do_{z}": (z,) for z in TOY.latents}
    design = Design(TOY.latents, ("c", "a", "b"), parents, targets, "obs", "hard", "exact")
    latents = {name: TOY.z(name) for name in ("obs", *TOY.environments)}
    assert fit_linear(design, latents).converged
    monkeypatch.setattr(linear, "minimised", hurried)
    with pytest.warns(NumericalWarning, match="The joint likelihood of the linear mechanisms stopped before"):
        assert not fit_linear(design, latents).converged


def test_a_step_is_settled_unless_it_says_otherwise() -> None:
    step = Step("x", (0,), np.eye(1), np.zeros((1, 1)), np.ones((1, 1)), 0.0, "")
    assert step.settled and not replace(step, settled=False).settled
