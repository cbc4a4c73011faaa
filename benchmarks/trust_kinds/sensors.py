"""Kinds whose observations are not the declared mixing of latents: sensors, noise, counts, cells, columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .case import Case, Kind, setting
from .sound import contrastive, glm, in_components, single

__all__ = ["SENSORS"]

Rng = np.random.Generator
Observe = Callable[[Rng, np.ndarray], np.ndarray]
"""(rng, x (rows, observed)) → what is observed in its place."""


def _one(
    observe: Callable[[Rng, np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[Rng, int, int, int], Case]:
    """A sound case one of whose environments is observed otherwise: ``observe(rng, x, z)``."""

    def make(rng: Rng, n: int, d: int, rows: int) -> Case:
        made = single(rng, n, d, rows, strong=True)
        name = str(rng.choice(list(made.targets)))
        return made.with_samples({name: observe(rng, made.samples[name], made.truth[name])}, name)

    return make


def _all(observe: Observe, **further: str) -> Callable[[Rng, int, int, int], Case]:
    """A sound case all of whose environments are observed otherwise; ``further`` goes to the declared setting."""

    def make(rng: Rng, n: int, d: int, rows: int) -> Case:
        made = single(rng, n, d, rows, strong=True)
        # sizes and offsets drawn by ``observe`` are the same in every environment
        counts = [len(x) for x in made.samples.values()]
        seen = np.split(observe(rng, np.concatenate(list(made.samples.values()))), np.cumsum(counts)[:-1])
        spec = setting(n, **further) if further else made.spec  # type: ignore[arg-type]
        return replace(made, samples=dict(zip(made.samples, seen, strict=True)), spec=spec)

    return make


def _turned(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return x + 0.3 * z @ rng.normal(size=(x.shape[1], z.shape[1])).T


def _gain(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return x * np.where(np.arange(x.shape[1]) == rng.integers(x.shape[1]), 1.5, 1.0)


def _offset(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return x + rng.normal(size=x.shape[1])


def _dead(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.where(np.arange(x.shape[1]) == rng.integers(x.shape[1]), 0.0, x)


def _constant(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.where(np.arange(x.shape[1]) == rng.integers(x.shape[1]), x.mean(0), x)


def _swapped_columns(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    a, b = rng.choice(x.shape[1], size=2, replace=False)
    seen = x.copy()
    seen[:, [a, b]] = x[:, [b, a]]
    return seen


def _outlier(rng: Rng, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    seen = x.copy()
    seen[rng.integers(len(x)), rng.integers(x.shape[1])] = 1e6
    return seen


def _isotropic(rng: Rng, x: np.ndarray) -> np.ndarray:
    return x + 0.1 * rng.normal(size=x.shape)


def _per_variable(rng: Rng, x: np.ndarray) -> np.ndarray:
    return x + rng.uniform(0.05, 0.5, size=x.shape[1]) * rng.normal(size=x.shape)


def _rounded(rng: Rng, x: np.ndarray) -> np.ndarray:
    return np.round(x)


def _cubic(rng: Rng, x: np.ndarray) -> np.ndarray:
    return x + 0.1 * x**3


def _counts(rng: Rng, x: np.ndarray) -> np.ndarray:
    return np.log1p(rng.poisson(np.exp(np.clip(0.4 * x + 1, None, 12))))


def _clipped_gain(rng: Rng, x: np.ndarray) -> np.ndarray:
    return np.clip(x, -1.5 * x.std(0), 1.5 * x.std(0))


def _counts_general(rng: Rng, n: int, d: int, rows: int) -> Case:
    made = contrastive(rng, n, d, rows, mixed=False)
    return replace(made, samples={name: _counts(rng, x) for name, x in made.samples.items()})


def _index_column(rng: Rng, n: int, d: int, rows: int) -> Case:
    """The first column counts the rows."""
    made = single(rng, n, d, rows, strong=True)
    samples = {name: np.column_stack([np.arange(len(x), dtype=float), x]) for name, x in made.samples.items()}
    observed = ("kestrel", *(f"x{k + 1}" for k in range(d)))
    return replace(made, samples=samples, observed=observed, at_fault=("kestrel",))


def _components_noisy(rng: Rng, n: int, d: int, rows: int) -> Case:
    return in_components(rng, n, d, rows, noise=0.6)


def _wrong_link(rng: Rng, n: int, d: int, rows: int) -> Case:
    return glm(rng, n, d, rows, link="sinh")


def _saturated(rng: Rng, n: int, d: int, rows: int, *, bound: float) -> Case:
    """tanh units that a file keeps between ± bound."""
    made = glm(rng, n, d, rows, scale=0.9)
    return replace(made, samples={name: np.clip(x, -bound, bound) for name, x in made.samples.items()})


NOTED = "ok allowed with note"
SPACE = ("sensor", "space", "mixing change", "same mixing", "mixing is not the same")
NOISE = ("observation_noise", "noise on the observ", "observation noise", "measurement noise", "sensor noise")
CURVED = ("linear mixing", "not linear", "nonlinear", "mixing: general", "components")
COLUMN = ("column", "constant")

SENSORS = (
    Kind("sensors turned (d = n)", _one(_turned), violated="one mixing", words=SPACE, latents=(3,), extra=(0,)),
    Kind("sensors turned (d > n)", _one(_turned), violated="one mixing", words=SPACE),
    Kind("sensor gain (d = n)", _one(_gain), violated="one mixing", words=(*SPACE, "gain"), extra=(0,)),
    Kind("sensor gain (d > n)", _one(_gain), violated="one mixing", words=(*SPACE, "gain")),
    Kind("sensor offsets", _one(_offset), expectation=NOTED, violated="one mixing",
         words=(*SPACE, "offset", "mean")),
    Kind("swapped columns", _one(_swapped_columns), violated="one mixing", words=(*SPACE, "column")),
    Kind("dead sensor", _one(_dead), violated="one mixing", words=(*SPACE, *COLUMN)),
    Kind("constant column in one", _one(_constant), violated="one mixing", words=(*SPACE, *COLUMN)),
    Kind("one cell of 1e6", _one(_outlier), expectation=NOTED, violated="no outliers",
         words=("outlier", "cell", "extreme", "value")),
    Kind("index column", _index_column, violated="columns are sensors", words=("column", "index")),
    Kind("noise isotropic", _all(_isotropic), violated="no sensor noise", words=NOISE, extra=(3, 8)),
    Kind("noise per variable", _all(_per_variable), violated="no sensor noise", words=NOISE, extra=(3, 8)),
    Kind("noise (d = n)", _all(_per_variable), expectation=NOTED, violated="no sensor noise", words=NOISE,
         extra=(0,)),
    Kind("rounded to integers (d = n)", _all(_rounded), expectation=NOTED, violated="real numbers",
         words=("round", "integer", "discrete", "values", "ties"), latents=(3,), extra=(0,)),
    Kind("rounded to integers (d > n)", _all(_rounded), expectation=NOTED, violated="real numbers",
         words=("round", "integer", "discrete", "values", "ties", *NOISE), latents=(3,)),
    Kind("cubic sensors (d = n)", _all(_cubic), violated="linear mixing", words=CURVED, latents=(3,), extra=(0,)),
    Kind("cubic sensors (d > n)", _all(_cubic), violated="linear mixing", words=CURVED),
    Kind("clipped sensors", _all(_clipped_gain), violated="linear mixing",
         words=(*CURVED, "clip", "saturat", "bound")),
    Kind("log counts declared linear", _all(_counts), violated="no sensor noise, linear mixing",
         words=(*NOISE, *CURVED, "count"), latents=(3,), extra=(25,), rows=(2000,)),
    Kind("log counts noise declared isotropic",
         _all(_counts, assume="  observation_noise: isotropic\n"), violated="isotropic noise",
         words=("per-variable", "isotropic", "count", *CURVED), latents=(3,), extra=(25,), rows=(2000,)),
    Kind("log counts declared general", _counts_general, violated="no sensor noise",
         words=(*NOISE, "count", "covered"), latents=(3,), extra=(25,), rows=(2000,)),
    Kind("components, noisy", _components_noisy, expectation=NOTED, violated="no sensor noise",
         words=(*NOISE, "noise that"), latents=(4,), extra=(26,), rows=(1500, 5000)),
    Kind("wrong link", _wrong_link, violated="link", words=("link", "glm", "general"), latents=(3,), rows=(5000,)),
    Kind("saturated tanh", lambda rng, n, d, rows: _saturated(rng, n, d, rows, bound=1 - 1e-6),
         expectation=NOTED, violated="no saturation", words=("saturat", "clip", "bound"), latents=(3,), rows=(5000,)),
    Kind("clipped tanh", lambda rng, n, d, rows: _saturated(rng, n, d, rows, bound=0.95),
         violated="link", words=("saturat", "clip", "bound", "link"), latents=(3,), rows=(5000,)),
)  # fmt: skip
