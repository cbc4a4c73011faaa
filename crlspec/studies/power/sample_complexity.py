"""How the sample-complexity bound of linear interventional CRL scales: the rate, not its model constants.

Acartürk, Varıcı, Shanmugam & Tajer, "Sample complexity of interventional causal representation learning", NeurIPS
2024: one soft intervention per latent, linear mixing, an RKHS score estimator. With probability 1 − δ its score error
is at most C · log(1/δ) · N^(−1/4), N samples an environment (Zhou, Shi & Zhu, "Nonparametric score estimators", ICML
2020), whence
  latent graph, up to ancestors                      N = O((log 1/δ)⁴)
  latents, ε-close to their identifiability class    N = O((1/ε · log 1/δ)⁴)
The bound is sufficient, not necessary, and C holds constants of the unknown model: numbers made of it compare sample
sizes, they are no promise. ``calibrated_constant`` puts it beside simulated errors. Plain numbers; no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = [
    "EXPONENT", "calibrated_constant", "empirical_exponent", "failure_probability", "samples_for", "score_error",
]  # fmt: skip

EXPONENT = 0.25
"""The score error falls as N to the power −EXPONENT, so that N grows as the fourth power of 1/ε and of log 1/δ."""


def score_error(samples: float, delta: float, constant: float = 1.0) -> float:
    """The score error that N samples an environment stay below with probability 1 − δ: C · log(1/δ) · N^(−1/4).

    The unit is that of ``constant``: a root mean squared error in whitened coordinates, or one relative to the truth.
    Raises ValueError unless samples ≥ 1, 0 < δ < 1 and constant > 0.
    """
    _positive(samples=samples, constant=constant)
    return constant * math.log(1 / _share(delta)) * samples**-EXPONENT


def samples_for(error: float, delta: float, constant: float = 1.0) -> float:
    """The samples an environment that bring the score error below ``error`` with probability 1 − δ.

    ``(C · log(1/δ) / error)⁴``. For the latents, ``error`` is ε in units of C. For the graph, it is the model's own
    tolerance, the error below which every rank is decided rightly: fixed, so that N depends on δ alone.
    Raises ValueError unless error > 0, 0 < δ < 1 and constant > 0.
    """
    _positive(error=error, constant=constant)
    return float((constant * math.log(1 / _share(delta)) / error) ** (1 / EXPONENT))


def failure_probability(samples: float, error: float, constant: float = 1.0) -> float:
    """The δ of the bound at N samples: exp(−error · N^(1/4) / C).

    Raises ValueError unless all three are above 0.
    """
    _positive(samples=samples, error=error, constant=constant)
    return math.exp(-error * samples**EXPONENT / constant)


def calibrated_constant(samples: Sequence[float], errors: Sequence[float], delta: float) -> float:
    """The smallest C whose bound lies on or above every simulated score error, at the sample sizes tried.

    samples, errors  of equal length; each error the (1 − δ) quantile over runs at its number of samples

    Raises ValueError where lengths differ or are 0, or a number is not positive.
    """
    if len(samples) != len(errors) or not len(samples):
        raise ValueError(
            f"as many errors as numbers of samples are needed, got {len(errors)} and {len(samples)}"
        )
    for count, error in zip(samples, errors, strict=True):
        _positive(samples=count, error=error)
    share = math.log(1 / _share(delta))
    return max(error * n**EXPONENT / share for n, error in zip(samples, errors, strict=True))


def empirical_exponent(samples: Sequence[float], errors: Sequence[float]) -> float:
    """The power p with which simulated score errors fall, error ∝ N^(−p), by least squares in logarithms.

    Beside ``EXPONENT`` it says how much better than the bound an estimator does (½ where a parametric one is right).
    Raises ValueError without two different numbers of samples, or where a number is not positive.
    """
    if len(samples) != len(errors) or len(set(samples)) < 2:
        raise ValueError("errors at two different numbers of samples, at least, are needed")
    for count, error in zip(samples, errors, strict=True):
        _positive(samples=count, error=error)
    return -float(np.polyfit(np.log(samples), np.log(errors), 1)[0])


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"{name} must be a finite number above 0, got {number}")


def _share(delta: float) -> float:
    if not 0 < delta < 1:
        raise ValueError(f"delta must be above 0 and below 1, got {delta}")
    return delta
