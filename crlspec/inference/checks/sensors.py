"""Whether all environments lie in one column space: sensors that changed between environments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.checks.moments import Moments
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.linalg import projected
from crlspec.numerics.rows import Rows
from crlspec.numerics.statistics import explained_by_squares

__all__ = ["check_sensors", "furthest"]


def check_sensors(
    moments: Moments, observed: Sequence[str], latents: int, control: np.ndarray, thresholds: Thresholds
) -> list[Check]:
    """Names environments whose observations leave the column space of the control, and the sensor where it is one.

    The control's own space is exact, or surrounded by noise; then the largest root of the off-space covariance
    against the control's is held against the edge of such roots (Wachter, Annals of Statistics 8, 1980). Nothing
    is said where there are no more variables than latents, or few rows for them.

    control  (sample, observed) its observations; where what lies off the space is a function of what lies in it, the
             mixing is not linear, which is another matter
    """
    if moments.spread is None or moments.observed is None or len(moments.names) == 1:
        return []
    size = moments.spread.shape[1]
    rest = size - latents
    if rest < 1 or moments.counts.min() < 3 * size:
        return []
    checks, limits = [], thresholds.design
    away = [_leaves(moments, 0, e, latents, limits) for e in range(1, len(moments.names))]
    if max(by_spread for by_spread, _ in away) > 1 and _curved(moments, control, latents, thresholds):
        return []
    if len(away) > 2 and all(spread_found > 1 for spread_found, _ in away):
        # All leave the control's space: is it the control that differs?
        among = [_leaves(moments, 1, e, latents, limits)[0] for e in range(2, len(moments.names))]
        if max(among) <= 1:
            return [_changed(moments, (1, 0), observed, latents, away[0][0], limits)]
    for e, (by_spread, by_mean) in enumerate(away, start=1):
        if by_spread > 1:
            checks.append(_changed(moments, (0, e), observed, latents, by_spread, limits))
        elif by_mean > 1:
            checks.append(_offset(moments, e, observed, latents, by_mean, limits.one_offset))
    return checks


def furthest(moments: Moments, latents: int, limits: DesignThresholds) -> float | None:
    """How far the environment that is furthest lies off the control's space, 1 being the bound; None where that is
    not tested."""
    if moments.spread is None or moments.observed is None or len(moments.names) == 1:
        return None
    size = moments.spread.shape[1]
    if size - latents < 1 or moments.counts.min() < 3 * size:
        return None
    return max(max(_leaves(moments, 0, e, latents, limits)) for e in range(1, len(moments.names)))


def _curved(moments: Moments, control: np.ndarray | Rows, latents: int, thresholds: Thresholds) -> bool:
    """Whether the control's observations leave their space as a function of where they are in it."""
    assert moments.spread is not None
    inside, off = _space(moments.spread[0], latents)
    if np.linalg.eigvalsh(moments.spread[0])[::-1][latents] < thresholds.design.exact:
        return False
    centre = control.mean(0)
    where = projected(control, centre, inside.T / moments.scale)
    where = where / where.std(0)
    cubed = np.concatenate([where, where**3], 1)
    few = len(control) < 4 * latents * (2 * latents + 3)

    def outside(x: np.ndarray) -> np.ndarray:
        return np.asarray(((x - centre) / moments.scale) @ off)

    rest = control.mapped(outside, off.shape[1]) if isinstance(control, Rows) else outside(control)
    return explained_by_squares(rest, where if few else cubed) < thresholds.curved


def _space(covariance: np.ndarray, latents: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading directions (observed, latent) and the others (observed, rest)."""
    _, vectors = np.linalg.eigh(covariance)
    return vectors[:, ::-1][:, :latents], vectors[:, ::-1][:, latents:]


def _leaves(
    moments: Moments, base: int, e: int, latents: int, limits: DesignThresholds
) -> tuple[float, float]:
    """How far an environment's covariance and its mean lie off the space of another one, in units of what may be."""
    assert moments.spread is not None and moments.observed is not None
    variances, directions = moments.principal
    inside, off = directions[base][:, :latents], directions[base][:, latents:]
    here, there = (off.T @ moments.spread[k] @ off for k in (base, e))
    gap = off.T @ (moments.observed[e] - moments.observed[base])
    counts = moments.counts
    own = variances[base]
    exact = own[latents] < limits.exact * own[0]
    if exact:
        if variances[e][latents] > limits.unexact * own[0]:
            return 0.0, 0.0  # not linear, or noisy, by itself
        allowed = 1e3 * max(own[latents], 1e-13 * own[0])
        return float(np.trace(there) / allowed), float(gap @ gap / allowed)
    p = len(here)
    one, other = p / (counts[e] - 1), p / (counts[base] - 1)
    edge = ((1 + np.sqrt(1 - (1 - one) * (1 - other))) / (1 - other)) ** 2
    # Noise turns the control's directions, by its sampling error and where it is not isotropic: a share of what the
    # environment does inside the space leaks.
    if np.linalg.eigvalsh(here)[0] < limits.exact * own[0]:
        return (
            0.0,
            0.0,
        )  # what lies off the latents' space is no noise on every sensor: the rank is asked elsewhere
    back = np.linalg.inv(np.linalg.cholesky(here))
    root = float(np.linalg.eigvalsh(back @ there @ back.T)[-1])
    signal = np.linalg.eigvalsh(inside.T @ moments.spread[e] @ inside)[-1] / own[latents - 1]
    noise = own[latents:].mean() / own[latents - 1]
    leak = latents * signal / counts[base] + signal * noise
    bound = limits.sensors * edge * (1 + 4 * leak) + 2 * leak
    shift = gap @ np.linalg.solve(here / counts[base] + there / counts[e], gap)
    drift = inside.T @ (moments.observed[e] - moments.observed[base])
    blur = 1 + (1 + 4 * counts[e] * noise) * (drift @ drift) / own[latents - 1]
    return root / bound, float(shift / (blur * (p + 10 * np.sqrt(2 * p) + 20)))


def _changed(
    moments: Moments,
    pair: tuple[int, int],
    observed: Sequence[str],
    latents: int,
    figure: float,
    limits: DesignThresholds,
) -> Check:
    """The check of a pair: the second environment leaves the space of the first."""
    base, e = pair
    name, other = moments.names[e], moments.names[base]
    sensor = _one_sensor(moments, pair, latents, limits)
    told = "Several of its sensors changed."
    remedy = f"Leave '{name}' out, or measure it with the same sensors."
    if sensor is not None:
        single, gain = observed[sensor[0]], sensor[1]
        by = "" if gain is None else f", by a gain of {gain:.3g}"
        told = f"Sensor '{single}' alone changed there{by}."
        remedy = f"Leave variable '{single}' out of every environment, or bring it to one scale."
    return Check(
        "sensors", "refuted", figure, 1.0,
        f"Observations of environment '{name}' lie off the linear space that those of '{other}' span. {told}",
        remedy, (name, other),
    )  # fmt: skip


def _offset(
    moments: Moments, e: int, observed: Sequence[str], latents: int, figure: float, share: float
) -> Check:
    assert moments.spread is not None and moments.observed is not None
    name, control = moments.names[e], moments.names[0]
    _, off = _space(moments.spread[0], latents)
    gap = off.T @ (moments.observed[e] - moments.observed[0])
    explained = (off @ gap) ** 2 / np.maximum((off**2).sum(1), 1e-12)
    k = int(explained.argmax())
    alone = explained[k] > share * (gap @ gap)
    size = float((off @ gap)[k] / (off[k] @ off[k]) * moments.scale[k])
    told = f"Sensor '{observed[k]}' has an offset of {size:.3g}" if alone else "Its sensors have an offset"
    return Check(
        "sensors", "refuted", figure, 1.0,
        f"The mean of environment '{name}' lies off the linear space that the observations span, but its "
        f"covariance does not. {told} against '{control}', which can be removed.",
        f"Subtract {size:.4g} from '{observed[k]}' in '{name}'." if alone
        else "Subtract from each environment its own mean, if no intervention shifts a latent.", (name, control),
    )  # fmt: skip


def _one_sensor(
    moments: Moments, pair: tuple[int, int], latents: int, limits: DesignThresholds
) -> tuple[int, float | None] | None:
    """The one variable without which an environment fits, and its gain where it is no more than that."""
    assert moments.spread is not None
    one, other = (moments.spread[k] for k in pair)
    size = one.shape[1]
    if size - 1 <= latents:
        return None
    left = np.empty(size)
    for k in range(size):
        kept = np.delete(np.arange(size), k)
        _, off = _space(one[np.ix_(kept, kept)], latents)
        left[k] = np.trace(off.T @ other[np.ix_(kept, kept)] @ off) - np.trace(
            off.T @ one[np.ix_(kept, kept)] @ off
        )
    k = int(left.argmin())
    _, off = _space(one, latents)
    whole = np.trace(off.T @ (other - one) @ off)
    if whole <= 0 or left[k] > limits.one_sensor * whole:
        return None
    kept = np.delete(np.arange(size), k)
    inside, _ = _space(one[np.ix_(kept, kept)], latents)
    reads = np.linalg.solve(inside.T @ one[np.ix_(kept, kept)] @ inside, inside.T @ one[kept, k])
    signal = inside.T @ other[np.ix_(kept, kept)] @ inside
    crossed = inside.T @ other[kept, k]
    gain = float(reads @ crossed / (reads @ signal @ reads))
    now = np.linalg.solve(signal, crossed)
    even = np.linalg.norm(now - gain * reads) < limits.one_gain * np.linalg.norm(now)
    return k, (gain if even else None)
