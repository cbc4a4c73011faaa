"""Whether noise of its own size on each variable, and as many factors as latents, explain the observations."""

from __future__ import annotations

from crlspec.data import Problem
from crlspec.inference.check import Check, chance, listed
from crlspec.inference.checks.remainder import remainder_of
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.factors import FactorModel
from crlspec.scores.noise_units import factor_model

__all__ = ["check_factor_model"]


def check_factor_model(problem: Problem, thresholds: Thresholds) -> list[Check]:
    """The check ``observation-noise`` where the setting declares noise of each variable's own; else none.

    A model that is rejected is refuted only where its misfit exceeds ``thresholds.close_fit`` per degree of freedom;
    many samples reject what is good enough to weigh variables by. Raises DataError as ``factor_model``.
    """
    if problem.setting.observation_noise != "per-variable":
        return []
    model = factor_model(problem)
    if model is None:
        return [
            Check(
                "observation-noise", "passed", 0.0, 0.0,
                "The observations have deficient rank, so no variable carries noise of its own.",
            )
        ]  # fmt: skip
    checks = [_fit(problem, model, thresholds)]
    if model.heywood:
        names = [problem.observed[k] for k in model.heywood]
        one = len(names) == 1
        checks.append(
            Check(
                "heywood-case", "undecided", float(len(names)), 0.0,
                f"The noise of {listed(names)} is estimated as zero (a Heywood case). Its true size is not known. "
                "Latents then depend on " + ("this variable alone." if one else "these variables alone."),
                f"Leave {listed(names)} out of every environment, or declare fewer latents.",
            )
        )  # fmt: skip
    return checks


def _fit(problem: Problem, model: FactorModel, thresholds: Thresholds) -> Check:
    level = thresholds.factors
    name, latents, size = "observation-noise", len(problem.latents), len(problem.observed)
    if model.degrees == 0:
        return Check(
            name, "note", 1.0, level,
            f"{latents} latents and noise of its own on each of {size} variables fit every covariance matrix. So the "
            "noise was estimated, but the model could not be tested.",
            "Observe one variable more.",
        )  # fmt: skip
    figures = f"{chance(model.p_value)}, misfit {model.misfit:.3f} per degree of freedom"
    model_in_words = f"{latents} latents and noise of its own on each variable"
    if model.p_value >= level:
        return Check(
            name, "passed", model.p_value, level, f"{model_in_words} explain the covariance ({figures})."
        )
    refuted = model.misfit > thresholds.close_fit
    rest = remainder_of(problem, thresholds)
    verdict = (
        f"do not explain the covariance ({figures})"
        if refuted
        else f"explain the covariance only roughly ({figures})"
    )
    return Check(
        name, "refuted" if refuted else "undecided", model.p_value, level,
        f"{model_in_words} {verdict}. {rest.finding}.",
        rest.remedy,
    )  # fmt: skip
