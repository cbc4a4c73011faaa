"""All checks of a declared design that the data alone allow, before anything is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.check import Check
from crlspec.inference.checks.cells import check_cells, check_rounding, ends_of
from crlspec.inference.checks.control import better_control, check_control
from crlspec.inference.checks.duplicates import check_copies, check_duplicates
from crlspec.inference.checks.effect import check_effect
from crlspec.inference.checks.factor_model import check_factor_model
from crlspec.inference.checks.heavy_tails import check_heavy_tails
from crlspec.inference.checks.mechanism_changed import check_mechanism_changed, noise_p_values
from crlspec.inference.checks.mixture import check_mixture
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.one_target import check_one_target
from crlspec.inference.checks.passed import of_moments, of_rows, of_table, of_tails, of_targets
from crlspec.inference.checks.rows import check_rows, row_p_values
from crlspec.inference.checks.same_target import check_alike, check_same_target
from crlspec.inference.checks.sensors import check_sensors
from crlspec.inference.checks.singular import check_singular
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.autocorrelation import third_moment_size
from crlspec.numerics.statistics import multivariate_skewness_p_value, normality_of_moments, shape_moments
from crlspec.scores.noise_units import noise_units

__all__ = ["checks_of", "effective_sizes", "examined", "refuse_faults"]

FAULTS = {"huge-values", "outlier", "index-column", "duplicate-rows", "fixed-latent", "singular"}
"""Refutations that no estimator can work with: the table itself is at fault."""

SOME = 25
"""Principal components, at most, in which data are looked at whose latents are no linear functions of them."""

SAMPLED = 4000
"""Rows of an environment, at most, in which dependence between components beyond correlation is looked for."""


def checks_of(problem: Problem, thresholds: Thresholds | None = None) -> tuple[Check, ...]:
    """What the data object to in the declared design, or give to note; nothing where there is neither.

    thresholds  of the estimator; None: those that hold where it has none of its own

    The data are those in file order and under their own names, before any shuffle. Faults of the table end it, since
    no moment means anything then; what does not apply to the setting is skipped.
    """
    return tuple(_objections(problem, thresholds or Thresholds(), []))


def examined(problem: Problem, thresholds: Thresholds | None = None) -> tuple[Check, ...]:
    """The same, and after it every test that was made and passed, with what it measured.

    A test that the setting does not allow (of targets where latents are not linear-Gaussian, say), or that a fault
    found before it leaves without meaning, is not listed: what is not there was not tested.
    """
    sound: list[Check] = []
    found = _objections(problem, thresholds or Thresholds(), sound)
    named = {check.name for check in found}
    return (*found, *(check for check in sound if check.name not in named))


def _objections(problem: Problem, thresholds: Thresholds, sound: list[Check]) -> tuple[Check, ...]:
    """What :func:`checks_of` gives back; what tests measured that were made is added to ``sound``, whether or not
    they object."""
    limits = thresholds.design
    setting, samples = problem.setting, {name: problem.samples[name] for name in _names(problem)}
    ends = ends_of(samples)
    if found := check_cells(samples, ends, problem.observed, limits):
        return tuple(found)
    size, latents = len(problem.observed), len(setting.latents)
    linear = setting.mixing == "linear" and 0 < latents <= size
    components = latents if linear else min(size, SOME)
    checks = check_rounding(samples, problem.observed, size > latents, limits)
    if not checks:  # rounded rows may be equal by chance
        checks = check_duplicates(samples, limits.duplicates)
    sound += of_table(samples, ends, limits)
    repeated = [check for check in checks if check.name in {"duplicate-rows", "shared-rows"}]
    if any(check.consequence == "refuted" for check in repeated):
        return tuple(checks)
    if min(len(x) for x in samples.values()) <= components + 2:
        return tuple(checks)
    if linear:
        checks += check_factor_model(problem, thresholds)
    moments = Moments.of(samples, components, noise_units(problem))
    linear = linear and moments.size == latents
    if linear:
        control = samples[problem.observational]
        broken = check_singular(moments, limits.singular)
        broken = broken or check_sensors(moments, problem.observed, latents, control, thresholds)
        if broken:
            return (*checks, *broken)
        sound += of_moments(moments, latents, limits)
    p_values = row_p_values(moments.y, limits)
    dependent, sizes = check_rows(moments.y, limits, p_values)
    checks += dependent
    sound.append(of_rows(p_values, limits.dependent))
    moments = replace(moments, counts=np.array([sizes[name] for name in moments.names]))
    return (*checks, *_between(problem, moments, linear, dependent, limits, sound))


def _between(
    problem: Problem,
    moments: Moments,
    linear: bool,
    dependent: list[Check],
    limits: DesignThresholds,
    sound: list[Check],
) -> list[Check]:
    """What is seen between environments, of moments whose counts are effective ones.

    linear     whether the components are the latents up to a linear map
    dependent  what was found on rows that depend on each other
    """
    setting, checks = problem.setting, list[Check]()
    components = moments.size
    shapes = {name: shape_moments(y) for name, y in moments.y.items()}
    kurtosis = np.stack([shape[1] for shape in shapes.values()])
    heavy = check_heavy_tails(kurtosis, moments.y, limits)
    sound.append(of_tails(kurtosis, moments.y, limits))
    if not linear:  # such estimators classify samples, and rest on no moments
        heavy = [replace(check, consequence="note") for check in heavy]
    checks += heavy
    if setting.design == "observational" or heavy or moments.counts.min() <= components + 2:
        return checks
    copies = check_copies(moments, limits.copies) if not dependent else []
    normality = _normality(moments, shapes, dependent[0].environments if dependent else ())
    normal = min(normality.values()) * len(normality)
    gaussian = linear and normal > limits.normal
    noise: np.ndarray | None = None
    level = limits.targets if normal > limits.surely else limits.strict
    checks += copies
    made = set() if dependent else {"copied-environments"}
    if linear or moments.size == len(problem.observed):
        made.add("effect")
        checks += check_effect(moments, gaussian, float(max(1.0, kurtosis.max() / 3)), limits.effect)
    if linear and not copies and setting.function != "nonlinear" and setting.noise != "other":
        checks += check_mixture(moments, normality, setting.kind == "hard", limits)
    if linear and not copies and not _disturbed(moments, problem, limits.disturbs):
        if gaussian:
            made |= _applicable(problem)
            checks += _targets(moments, problem, level, limits)
        if _soft(problem) and components > 1 and problem.environments:
            several = setting.design == "multi-node"
            noise = noise_p_values(moments, several, 0.0 if gaussian else limits.curved)
            checks += check_mechanism_changed(moments.names[1:], noise, limits.mechanism)
    sound += of_targets(moments, level, made, limits, noise)
    return checks


def effective_sizes(
    problem: Problem, checks: tuple[Check, ...], limits: DesignThresholds
) -> dict[str, float]:
    """Environment → effective number of samples, where a check found that rows depend on each other; else empty."""
    if not any(check.name == "rows-independent" and check.consequence != "passed" for check in checks):
        return {}
    samples = {name: problem.samples[name] for name in _names(problem)}
    components = min(len(problem.observed), len(problem.setting.latents) or SOME, SOME)
    return dict(check_rows(Moments.of(samples, components, noise_units(problem)).y, limits)[1])


def refuse_faults(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The checks, where the table itself is sound. Raises DataError with every fault of it."""
    faults = [check for check in checks if check.name in FAULTS and check.consequence == "refuted"]
    if faults:
        remedies = list(dict.fromkeys(check.remedy for check in faults if check.remedy))
        raise DataError(" ".join(check.message for check in faults), " ".join(remedies))
    return checks


def _targets(moments: Moments, problem: Problem, alpha: float, limits: DesignThresholds) -> list[Check]:
    """How many mechanisms environments change, and whether two change the same one: linear-Gaussian latents."""
    setting = problem.setting
    if setting.design == "multi-node":
        return check_alike(moments, len(setting.latents), limits)
    if setting.function == "nonlinear":
        return []
    if check_one_target(moments, alpha, limits):
        fits = better_control(moments, alpha, limits)[1]
        return check_control(moments, alpha, limits) or check_one_target(moments, alpha, limits, fits)
    if setting.design != "single-node":
        return []
    shared: list[frozenset[str]] = []
    if setting.targets is not None:
        targets = setting.targets
        shared = [frozenset((a, b)) for a in targets for b in targets if a < b and targets[a] == targets[b]]
    return check_same_target(moments, shared, limits)


def _applicable(problem: Problem) -> set[str]:
    """Names of the tests that ``_targets`` makes in a setting."""
    setting, names = problem.setting, set()
    if setting.function != "nonlinear" and setting.design != "multi-node":
        names.add("one-target")
        if setting.design == "single-node":
            names.add("same-target")
    return names


def _soft(problem: Problem) -> bool:
    """Whether interventions are declared to change more than noise, and latents may be linear in their parents."""
    setting = problem.setting
    soft = setting.kind in ("soft", "mixed") and not setting.noise_alone
    return soft and setting.function != "nonlinear"


def _names(problem: Problem) -> tuple[str, ...]:
    return (problem.observational, *problem.environments)


def _normality(
    moments: Moments, shapes: dict[str, np.ndarray], dependent: tuple[str, ...] = ()
) -> dict[str, float]:
    """Environment → p-value of normal samples: Bonferroni over skewness and kurtosis of each component and the
    skewness of all of them together.

    dependent  environments whose rows depend on each other, and count as fewer
    """
    found = {}
    for name, y in moments.y.items():
        size = third_moment_size(y) if name in dependent else float(len(y))
        if size < 20:
            found[name] = 1.0
            continue
        columns = normality_of_moments(shapes[name], size)
        joint = multivariate_skewness_p_value(y[:SAMPLED], size * min(1.0, SAMPLED / len(y)))
        found[name] = min(1.0, 2 * min(columns.size * float(columns.min()), joint))
    return found


def _disturbed(moments: Moments, problem: Problem, bound: float) -> bool:
    """Whether noise on the observations shows in differences of precisions, or may."""
    if problem.setting.noisy and len(problem.observed) == moments.size:
        return True
    return float(moments.counts.sum() * moments.rest**2) > bound
