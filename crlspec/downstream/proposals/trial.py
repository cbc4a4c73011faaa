"""Solving a result again with rows that have not been measured yet, in the coordinates of its latents.

Estimators of linear mixings give the same answer in any linear coordinates of the observations, so the latents as
recovered stand for them. The rows that there are stay as they are; the new ones are drawn from the fitted model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data import Problem
from crlspec.downstream.proposals.candidates import Candidate
from crlspec.downstream.proposals.gaussian_latents import GaussianLatents, drawn
from crlspec.errors import CrlspecError, SettingMismatch
from crlspec.inference.estimate import Estimate
from crlspec.spec.setting import Setting

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["SETTLED_BY_ROWS", "Trial"]

SETTLED_BY_ROWS = ("order", "latents", "edges", "scores")
"""Checks of which more rows may turn ``undecided`` into ``passed``, in one of these ways or another."""

FURTHER = "further_environment"


@dataclass(frozen=True)
class Trial:
    """A result made ready to be solved again.

    setting  what its estimator was told
    samples  environment → (sample, latent) as recovered, the observational first
    targets  environment → its latents, as told or as recovered
    latents  the fitted model; None of soft interventions, of which rows alone are drawn
    method   kind of the estimator
    alpha    level of its tests
    """

    setting: Setting
    samples: Mapping[str, np.ndarray]
    targets: Mapping[str, tuple[str, ...]]
    latents: GaussianLatents | None
    method: str
    alpha: float

    @classmethod
    def of(cls, result: Record) -> Trial:
        """Raises SettingMismatch where no rows can be drawn, of results whose latents are not linear-Gaussian
        behind a linear mixing."""
        setting, method = result.setting, str(result.provenance.get("method"))
        gaussian = bool(result.stages) and result.stages[-1].name == "likelihood"
        if setting is None or method not in ("lscale-i", "umni-crl") or not gaussian:
            raise SettingMismatch(
                f"Got a result of {method}, whose further rows cannot be drawn from what was fitted",
                "a result of lscale-i or umni-crl on linear-Gaussian latents",
                "Simulate from a spec that declares the model as you guess it: crlspec check SPEC --power.",
            )
        ordered = [result.observational, *(n for n in result.latents.children if n != result.observational)]
        samples = {
            name: result.standardised.latents.children[name]
            .to_dataset()["z_hat"]
            .transpose("sample", "latent")
            .values.astype(float)
            for name in ordered
        }
        targets = _targets(result, setting)
        fitted = None
        if setting.kind == "hard":
            fitted = GaussianLatents.fit(samples, targets, result.names, result.order)
        told = replace(setting, observed=None, latents=result.names)
        return cls(told, samples, targets, fitted, method, float(result.provenance.get("alpha", 0.01)))

    def rows(
        self, candidate: Candidate, count: int, rng: np.random.Generator, exact: bool = False
    ) -> np.ndarray:
        """New rows (sample, latent) of what a candidate would measure."""
        if candidate.environment is None:
            assert self.latents is not None and candidate.target is not None and candidate.spread is not None
            mean, covariance = self.latents.moments({candidate.target: (0.0, candidate.spread**2)})
            return drawn(mean, covariance, count, rng, exact)
        here = self.samples[candidate.environment]
        if self.latents is None:
            return drawn(here.mean(0), np.cov(here.T).reshape(here.shape[1], -1), count, rng, exact)
        replaced = {
            name: (float(here[:, k].mean()), float(here[:, k].var()))
            for k, name in enumerate(self.latents.names)
            if name in self.targets.get(candidate.environment, ())
        }
        return drawn(*self.latents.moments(replaced), count, rng, exact)

    def solved(
        self, candidate: Candidate, count: int, rng: np.random.Generator, exact: bool = False
    ) -> Estimate | None:
        """The estimate with so many new rows; None where it breaks down."""
        from crlspec.inference.lscale import LScaleI
        from crlspec.inference.umni import UmniCrl
        from crlspec.progress import silent
        from crlspec.scores.gaussian import GaussianScores

        new, setting = self.rows(candidate, count, rng, exact), self.setting
        samples = dict(self.samples)
        if candidate.environment is not None:
            samples[candidate.environment] = np.concatenate([samples[candidate.environment], new])
        else:
            assert candidate.target is not None
            samples[FURTHER] = new
            told = None if setting.design == "multi-node" and setting.targets is None else dict(self.targets)
            if told is not None:
                told[FURTHER] = (candidate.target,)
            setting = replace(
                setting, design="multi-node", environments=(*setting.environments, FURTHER), targets=told
            )
        several = self.method == "umni-crl" or candidate.environment is None
        estimator = UmniCrl(alpha=self.alpha) if several else LScaleI(alpha=self.alpha)
        problem = Problem(setting, tuple(f"x{k}" for k in range(new.shape[1])), samples)
        try:
            return estimator.solve(problem, GaussianScores(), 0, silent)
        except (CrlspecError, np.linalg.LinAlgError):
            return None


def _targets(result: Record, setting: Setting) -> dict[str, tuple[str, ...]]:
    """Environment → its latents, by the names of the result."""
    if setting.targets is not None:
        return {name: tuple(hit) for name, hit in setting.targets.items()}
    signature = result.signature
    if signature is None:
        return {environment: (latent,) for latent, environment in result.environment_of.items()}
    return {
        str(name): tuple(
            str(z) for z in signature["latent"].values if int(signature.sel(environment=name, latent=z))
        )
        for name in signature["environment"].values
    }


def distance(estimate: Estimate | None) -> tuple[float, float]:
    """How far an estimate is from being decided: the sum of log ratios of figures to bounds over the checks that
    object, and the largest one over all that rows settle. (0, …) where none objects."""
    if estimate is None:
        return (math.inf, math.inf)
    over, largest = 0.0, -math.inf
    for check in estimate.checks:
        known = math.isfinite(check.figure) and check.bound > 0
        ratio = math.log(max(check.figure, 1e-300) / check.bound) if known else math.log(100.0)
        if check.objects:
            over += max(ratio, 1e-3) if check.name in SETTLED_BY_ROWS else math.log(100.0)
        if check.name in SETTLED_BY_ROWS and known:
            largest = max(largest, ratio)
    return (over, largest)
