"""A monotone map fitted to a handful of labelled latents, and the error that it has on labels it was not given.

The map is a cubic spline whose coefficients rise (Ramsay, "Monotone regression splines in action", Statistical
Science 1988; Pya & Wood, "Shape constrained additive models", Statistics and Computing 2015), drawn to a straight
line by a penalty on differences of slope (Eilers & Marx, "Flexible smoothing with B-splines and penalties",
Statistical Science 1996). How strongly is chosen by cross-validation, from a straight line alone to a free spline.
Labels far off count less (Huber's weights).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
    return _Labels.of(z, label).fitted(_chosen(z, label))


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
    errors = dict.fromkeys((np.inf, *PENALTIES), 0.0)
    for fold in _folds(z, FOLDS):
        rest = np.setdiff1d(np.arange(len(z)), fold)
        if not (varies(z[rest]) and varies(label[rest])):
            return np.inf
        labels = _Labels.of(z[rest], label[rest])
        for penalty in errors:
            errors[penalty] += float(np.abs(labels.fitted(penalty)(z[fold]) - label[fold]).sum())
    best = min(errors, key=lambda one: errors[one])
    noticeable = errors[np.inf] > 1e-9 * np.abs(label - label.mean()).sum()
    return best if noticeable and errors[best] < (1 - GAIN) * errors[np.inf] else np.inf


@dataclass(frozen=True)
class _Labels:
    """What maps under all penalties have in common.

    low, high    the least and the largest latent
    start, back  of the labels: their mean, and their range with the sign of the direction
    u, y         (label,) latents from 0 to 1, and labels that rise with them, centred, of range 1
    line         (start, slope) of the line
    """

    low: float
    high: float
    start: float
    back: float
    u: np.ndarray
    y: np.ndarray
    line: tuple[float, float]

    @classmethod
    def of(cls, z: np.ndarray, label: np.ndarray) -> _Labels:
        """Latents and labels (label,)."""
        low, high, mean = float(z.min()), float(z.max()), label.mean()
        direction, scale = _direction(z, label), float(np.ptp(label))
        u, y = (z - low) / (high - low), direction * (label - mean) / scale
        return cls(low, high, mean, direction * scale, u, y, _line(u, y))

    @cached_property
    def problem(self) -> _Splines:
        """The least squares of a spline, but for the penalty."""
        return _Splines.of(self.u, self.y, FLATTEST * self.line[1])

    def fitted(self, penalty: float) -> MonotoneMap:
        """The map under one penalty."""
        start, slope = self.line
        at, values, slopes = np.array([0.0, 1.0]), start + slope * np.array([0.0, 1.0]), np.full(2, slope)
        if np.isfinite(penalty):
            at, values, slopes = self.problem.solved(penalty * len(self.u))
        width = self.high - self.low
        return MonotoneMap(self.low + at * width, self.start + self.back * values, self.back * slopes / width)


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


INNER = np.linspace(0, 1, INTERVALS + 1)
KNOTS = np.concatenate([np.zeros(DEGREE), INNER, np.ones(DEGREE)])
COUNT = len(KNOTS) - DEGREE - 1
STEPS = np.tril(np.ones((COUNT, COUNT)))[:, 1:]
"""Coefficients = first + STEPS · increments."""
GAPS = (KNOTS[DEGREE + 1 : -1] - KNOTS[1 : -DEGREE - 1]) / DEGREE
"""Increments of a line of slope 1."""
BENDS = np.diff(np.eye(COUNT - 1), axis=0) / GAPS


@dataclass(frozen=True)
class _Splines:
    """Rising splines on [0, 1], nowhere of a slope below ``least``; design (label, unknown) and target (label,) of
    their least squares."""

    least: float
    design: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, u: np.ndarray, y: np.ndarray, least: float) -> _Splines:
        """Latents and labels as in :class:`_Labels`."""
        from scipy.interpolate import BSpline

        basis = BSpline.design_matrix(u, KNOTS, DEGREE).toarray()
        design = np.concatenate([np.ones((len(u), 1)), -np.ones((len(u), 1)), basis @ STEPS], axis=1)
        return cls(least, design, y - basis @ STEPS @ (least * GAPS))

    def solved(self, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(knots, values, slopes)."""
        from scipy.interpolate import BSpline
        from scipy.optimize import nnls

        drawn = np.concatenate(
            [np.zeros((len(BENDS), 2)), np.sqrt(penalty / len(BENDS)) * BENDS / DEGREE], axis=1
        )
        weight, found = np.ones_like(self.target), np.zeros(COUNT + 1)
        for _ in range(ROUNDS):
            root = np.sqrt(weight)
            found, _ = nnls(
                np.concatenate([self.design * root[:, None], drawn]),
                np.concatenate([self.target * root, np.zeros(len(BENDS))]),
                maxiter=500,
            )
            weight = _huber(self.target - self.design @ found)
        spline = BSpline(KNOTS, found[0] - found[1] + STEPS @ (found[2:] + self.least * GAPS), DEGREE)
        return INNER, spline(INNER), np.maximum(spline.derivative()(INNER), self.least)


def _huber(residual: np.ndarray) -> np.ndarray:
    """Weights of 1 up to HUBER robust standard deviations, and falling beyond."""
    size = np.abs(residual)
    scale = 1.4826 * float(np.median(size))
    if scale <= 1e-12:
        return np.ones_like(residual)
    return np.asarray(np.minimum(1.0, HUBER * scale / np.maximum(size, 1e-300)))
