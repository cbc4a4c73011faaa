"""A monotone map fitted to a handful of labelled latents, and the error that it has on labels it was not given.

The map is a cubic spline whose coefficients rise (Ramsay, "Monotone regression splines in action", Statistical
Science 1988; Pya & Wood, "Shape constrained additive models", Statistics and Computing 2015), drawn to a straight
line by a penalty on differences of slope (Eilers & Marx, "Flexible smoothing with B-splines and penalties",
Statistical Science 1996). How strongly is chosen by cross-validation, from a straight line alone to a free spline.
Labels far off count less (Huber's weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.maps.monotone import MonotoneMap
from crlspec.numerics.ranks import ranks

__all__ = ["Calibrated", "fit_monotone", "held_out", "varies"]

INTERVALS = 5
"""Of the spline, of equal width from the lowest to the highest labelled latent."""
DEGREE = 3
PENALTIES = (1.0, 0.1, 0.01, 0.001)
"""What a spline may be drawn to a line by, per label; a line alone is tried as well, and taken unless one of these is
better by GAIN."""
GAIN = 0.05
"""By which share the cross-validated error of a spline must be below that of the line."""
FLATTEST = 0.02
"""The least slope, relative to that of the line: a flatter map could not be turned round."""
FOLDS = 5
SINGLY = 30
"""Up to so many labels each is held out alone, beyond that in ten groups."""
HUBER = 1.345
"""Standard deviations from which on a label counts less."""
SAME = 1e-9
"""Numbers that differ by no more than this, relatively, are the same."""
ROUNDS = 3
"""Of reweighting."""


@dataclass(frozen=True)
class Calibrated:
    """A fitted map and its errors on labels that were held out, in the unit of the labels.

    held_out     (label,) what the map that was fitted without a label gives for it
    error        mean |label − held_out|
    mean_error   the same, where the mean of the other labels is given instead
    """

    map: MonotoneMap
    held_out: np.ndarray
    error: float
    mean_error: float


def fit_monotone(z: np.ndarray, label: np.ndarray) -> MonotoneMap:
    """The map from latents z (label,) to labels (label,); both finite, neither constant (see :func:`varies`)."""
    penalty = _chosen(z, label)
    return _fitted(z, label, penalty)


def held_out(z: np.ndarray, label: np.ndarray) -> Calibrated:
    """The map, and its error by cross-validation: each label, or group of labels, is held out of the choice of the
    penalty too. z and label (label,), finite, neither constant."""
    folds = _folds(z, len(z) if len(z) <= SINGLY else 10)
    found, means = np.empty(len(z)), np.empty(len(z))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(z)), fold)
        means[fold] = label[rest].mean()
        varied = varies(z[rest]) and varies(label[rest])
        found[fold] = fit_monotone(z[rest], label[rest])(z[fold]) if varied else means[fold]
    errors = (float(np.abs(label - guess).mean()) for guess in (found, means))
    return Calibrated(fit_monotone(z, label), found, *errors)


def varies(values: np.ndarray) -> bool:
    """Whether numbers differ by more than rounding."""
    return bool(np.ptp(values) > SAME * np.abs(values).max())


def _folds(z: np.ndarray, count: int) -> list[np.ndarray]:
    """The labels in ``count`` groups, neighbours in different ones; reversing z changes nothing."""
    order = np.argsort(z, kind="stable")
    return [order[k::count] for k in range(min(count, len(z)))]


def _chosen(z: np.ndarray, label: np.ndarray) -> float:
    """The penalty of the least cross-validated error; infinite for a line."""
    if len(z) < 2 * FOLDS:
        return np.inf
    errors = {}
    for penalty in (np.inf, *PENALTIES):
        lost = 0.0
        for fold in _folds(z, FOLDS):
            rest = np.setdiff1d(np.arange(len(z)), fold)
            if not (varies(z[rest]) and varies(label[rest])):
                return np.inf
            lost += float(np.abs(_fitted(z[rest], label[rest], penalty)(z[fold]) - label[fold]).sum())
        errors[penalty] = lost
    best = min(errors, key=lambda one: errors[one])
    noticeable = errors[np.inf] > 1e-9 * np.abs(label - label.mean()).sum()
    return best if noticeable and errors[best] < (1 - GAIN) * errors[np.inf] else np.inf


def _fitted(z: np.ndarray, label: np.ndarray, penalty: float) -> MonotoneMap:
    """The map under one penalty."""
    low, high = float(z.min()), float(z.max())
    direction = _direction(z, label)
    u, scale = (z - low) / (high - low), float(np.ptp(label))
    y = direction * (label - label.mean()) / scale
    start, slope = _line(u, y)
    at, values, slopes = np.array([0.0, 1.0]), start + slope * np.array([0.0, 1.0]), np.full(2, slope)
    if np.isfinite(penalty):
        at, values, slopes = _spline(u, y, FLATTEST * slope, penalty * len(u))
    back = direction * scale
    return MonotoneMap(low + at * (high - low), label.mean() + back * values, back * slopes / (high - low))


def _direction(z: np.ndarray, label: np.ndarray) -> float:
    """The sign of the rank correlation."""
    return -1.0 if np.cov(ranks(z), ranks(label))[0, 1] < 0 else 1.0


def _line(u: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(start, slope) of the line by Huber's weights; its slope is at least a thousandth of the labels' range."""
    design = np.stack([np.ones_like(u), u], axis=1)
    weight = np.ones_like(u)
    start, slope = 0.0, 0.0
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        start, slope = np.linalg.lstsq(design * root[:, None], y * root)[0]
        if slope < 1e-3:
            slope = 1e-3
            start = float(weight @ (y - slope * u) / weight.sum())
        weight = _huber(y - start - slope * u)
    return float(start), float(slope)


def _spline(
    u: np.ndarray, y: np.ndarray, least: float, penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(knots, values, slopes) of the rising spline on [0, 1] whose slope is nowhere below ``least``."""
    from scipy.interpolate import BSpline
    from scipy.optimize import nnls

    inner = np.linspace(0, 1, INTERVALS + 1)
    knots = np.concatenate([np.zeros(DEGREE), inner, np.ones(DEGREE)])
    count = len(knots) - DEGREE - 1
    basis = BSpline.design_matrix(u, knots, DEGREE).toarray()
    steps = np.tril(np.ones((count, count)))[:, 1:]  # coefficients = first + steps · increments
    gaps = (knots[DEGREE + 1 : -1] - knots[1 : -DEGREE - 1]) / DEGREE  # increments of a line of slope 1
    bends = np.diff(np.eye(count - 1), axis=0) / gaps
    design = np.concatenate([np.ones((len(u), 1)), -np.ones((len(u), 1)), basis @ steps], axis=1)
    target = y - basis @ steps @ (least * gaps)
    drawn = np.concatenate(
        [np.zeros((len(bends), 2)), np.sqrt(penalty / len(bends)) * bends / DEGREE], axis=1
    )
    weight, found = np.ones_like(u), np.zeros(count + 1)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        found, _ = nnls(
            np.concatenate([design * root[:, None], drawn]),
            np.concatenate([target * root, np.zeros(len(bends))]),
            maxiter=500,
        )
        weight = _huber(target - design @ found)
    spline = BSpline(knots, found[0] - found[1] + steps @ (found[2:] + least * gaps), DEGREE)
    return inner, spline(inner), np.maximum(spline.derivative()(inner), least)


def _huber(residual: np.ndarray) -> np.ndarray:
    """Weights of 1 up to HUBER robust standard deviations, and falling beyond."""
    size = np.abs(residual)
    scale = 1.4826 * float(np.median(size))
    if scale <= 1e-12:
        return np.ones_like(residual)
    return np.asarray(np.minimum(1.0, HUBER * scale / np.maximum(size, 1e-300)))
