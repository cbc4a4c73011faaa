"""How many independent rows dependent ones are worth, for means and for higher moments."""

from __future__ import annotations

import numpy as np

__all__ = ["effective_size", "third_moment_size"]


def effective_size(y: np.ndarray, power: int = 1) -> float:
    """N / (1 + 2 Σ ρ_kᵖ) of the column (sample, component) that has the fewest, between 1 and N.

    power  p: 1 for means, p for moments of order p of normal rows (Lobato & Velasco, Econometric Theory 20, 2004)

    The sum ends where two neighbouring autocorrelations no longer add up to a positive number (Geyer's initial
    positive sequence, Statistical Science 7, 1992)."""
    count = len(y)
    centred = y - y.mean(0)
    length = 1 << (2 * count - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(centred, length, axis=0)) ** 2
    covariances = np.fft.irfft(spectrum, length, axis=0)[:count]
    varied = covariances[0] > 0
    if not varied.any():
        return 1.0
    rho = covariances[:, varied] / covariances[0, varied]
    pairs = rho[: count // 2 * 2].reshape(-1, 2, rho.shape[1])
    kept = np.cumprod(pairs.sum(1) > 0, axis=0)
    times = 2 * ((pairs**power).sum(1) * kept).sum(0) - 1
    return float(np.clip(count / max(times.max(), 1.0), 1.0, count))


def third_moment_size(y: np.ndarray) -> float:
    """The same for third moments, of the linear combination of the columns that has the fewest; fourth moments have
    more. Combinations are those that autocorrelations of the row before tell apart."""
    centred = y - y.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(y))
    varied = values > 1e-12 * max(values[-1], 1e-300)
    if not varied.any():
        return 1.0
    white = centred @ (vectors[:, varied] / np.sqrt(values[varied]))
    lagged = white[1:].T @ white[:-1]
    return effective_size(white @ np.linalg.eigh(lagged + lagged.T)[1], power=3)
