"""Log ratios of two samples as quadratic functions, by logistic regression: all of them, or of one direction alone.

For Gaussian noise and a linear mixing the log ratio of the two hard environments of a latent is a quadratic
function of one direction, and that direction is the encoder's row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from crlspec.numerics.optimum import minimised

__all__ = [
    "QuadraticRatio",
    "RankOne",
    "even_direction",
    "leading_direction",
    "one_direction",
    "quadratic_ratio",
]

LOG_2 = float(np.log(2.0))
RIDGE = 1e-5


@dataclass(frozen=True)
class QuadraticRatio:
    """log p_first − log p_second ≈ yᵀ Q y + bᵀ y + c; ``loss`` is the mean log loss in nats, log 2 for no
    contrast."""

    quadratic: np.ndarray
    linear: np.ndarray
    loss: float


@dataclass(frozen=True)
class RankOne:
    """The same as a quadratic function of u = row · y alone; the row makes u of unit variance over both samples.

    settled, gradient  whether the loss is at an optimum there, and its relative gradient
    """

    row: np.ndarray
    loss: float
    settled: bool = True
    gradient: float = 0.0

    def share(self, whole: QuadraticRatio) -> float:
        """How much of the contrast that all directions show this one shows, in [0, 1]; 0 where there is none."""
        contrast = LOG_2 - whole.loss
        return float(np.clip((LOG_2 - self.loss) / contrast, 0.0, 1.0)) if contrast > 0 else 0.0


def quadratic_ratio(first: np.ndarray, second: np.ndarray, steps: int = 12) -> QuadraticRatio:
    """Newton's method on the convex log loss, lightly regularised; samples (sample, component)."""
    n = first.shape[1]
    upper = np.triu_indices(n)
    y = np.concatenate([first, second])
    features = np.concatenate([np.ones((len(y), 1)), y, y[:, upper[0]] * y[:, upper[1]]], axis=1)
    scale = np.sqrt((features**2).mean(0))
    features /= scale
    labels = _labels(first, second)
    weights = np.zeros(features.shape[1])
    for _ in range(steps):
        share = _sigmoid(-labels * (features @ weights))
        gradient = -(features.T @ (labels * share)) / len(y) + RIDGE * weights
        curvature = (features.T * (share * (1 - share))) @ features / len(y)
        step = np.linalg.solve(curvature + RIDGE * np.eye(len(weights)), gradient)
        reach, before = 1.0, _penalised(features, labels, weights)
        while _penalised(features, labels, weights - reach * step) > before and reach > 1e-4:
            reach /= 2
        weights = weights - reach * step
        if gradient @ step < 1e-9:
            break
    loss = float(np.logaddexp(0.0, -labels * (features @ weights)).mean())
    weights = weights / scale
    quadratic = np.zeros((n, n))
    quadratic[upper] += weights[1 + n :] / 2
    quadratic.T[upper] += weights[1 + n :] / 2
    return QuadraticRatio(quadratic, weights[1 : 1 + n], loss)


def leading_direction(ratio: QuadraticRatio, y: np.ndarray) -> np.ndarray:
    """The direction along which the ratio changes most over y (sample, component): unit length."""
    gradients = 2 * y @ ratio.quadratic + ratio.linear
    return np.asarray(np.linalg.eigh(gradients.T @ gradients)[1][:, -1])


def one_direction(first: np.ndarray, second: np.ndarray, start: np.ndarray) -> RankOne:
    """The direction, and the quadratic function of it, of lowest log loss, by quasi-Newton steps from a start."""
    y, labels = np.concatenate([first, second]), _labels(first, second)
    n = y.shape[1]

    def head(u: np.ndarray) -> np.ndarray:
        """Coefficients of 1, u, u² for a fixed direction."""
        found = quadratic_ratio(u[: len(first), None], u[len(first) :, None])
        return np.array([0.0, found.linear[0], found.quadratic[0, 0]])

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        row, (constant, linear, quadratic) = flat[:n], flat[n:]
        u = y @ row
        logits = constant + (linear + quadratic * u) * u
        pull = -labels * _sigmoid(-labels * logits) / len(y)
        of_row = y.T @ (pull * (linear + 2 * quadratic * u))
        of_head = np.array([pull.sum(), pull @ u, pull @ u**2])
        return float(np.logaddexp(0.0, -labels * logits).mean()), np.concatenate([of_row, of_head])

    row = start / (y @ start).std()
    flat = np.concatenate([row, head(y @ row)])
    found = minimised(objective, flat, options={"maxiter": 60})
    row = found.x[:n]
    return RankOne(row / (y @ row).std(), found.value, found.settled, found.gradient)


def even_direction(first: np.ndarray, second: np.ndarray, axes: int = 0) -> RankOne:
    """The direction u, and the even function c + a (u − mean)² of it, of lowest log loss.

    axes  so many leading components are tried as first directions too, with either sign: there are poor optima

    Where interventions change the scale of a latent, and the samples bend, a direction that follows |z| tells them
    apart as well as one that follows z, and often better. It does so by the slope of its log ratio; this one has its
    turning point at the mean, and is the less misled.
    """
    y, labels = np.concatenate([first, second]), _labels(first, second)
    mean = y.mean(0)
    root = np.linalg.cholesky(np.cov(y.T) + 1e-12 * np.eye(y.shape[1]))
    white = np.linalg.solve(root, (y - mean).T).T
    sizes, directions = np.linalg.eigh(quadratic_ratio(white[: len(first)], white[len(first) :]).quadratic)
    k = int(np.abs(sizes).argmax())
    sign = np.sign(sizes[k])

    def objective(flat: np.ndarray, sign: float = sign) -> tuple[float, np.ndarray]:
        u = white @ flat[:-1]
        logits = flat[-1] + sign * u**2
        pull = -labels * _sigmoid(-labels * logits) / len(y)
        gradient = np.append(white.T @ (2 * sign * u * pull), pull.sum())
        return float(np.logaddexp(0.0, -labels * logits).mean()), gradient

    start = np.append(directions[:, k] * np.sqrt(abs(sizes[k])), 0.0)
    found = minimised(objective, start, options={"maxiter": 60})
    for axis, way in product(range(min(axes, white.shape[1])), (sign, -sign)):
        one = np.linalg.norm(start) * np.eye(len(start))[axis]
        other = minimised(partial(objective, sign=way), one, options={"maxiter": 60})
        found = other if other.value < found.value else found
    row = np.linalg.solve(root.T, found.x[:-1])
    return RankOne(row / (y @ row).std(), found.value, found.settled, found.gradient)


def _labels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(len(first)), -np.ones(len(second))])


def _sigmoid(u: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * u)))


def _penalised(features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    log_loss = np.logaddexp(0.0, -labels * (features @ weights)).mean()
    return float(log_loss + RIDGE * (weights @ weights) / 2)
