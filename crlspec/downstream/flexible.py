"""Nonlinear mechanisms: the mean by a network with one hidden layer, on latents taken as given.

z_i = f(parents) + noise with f = w₂ᵀ tanh(W₁ pa + b₁) + b₂, by least squares (scikit-learn's L-BFGS), so that it can
be declared as ``mechanism: {kind: mlp}``; a node that a line fits keeps its line. Errors come from a bootstrap in
which the hidden layer is kept and all else is fitted anew: the latents' own error is not in them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crlspec.downstream.design import Design
from crlspec.downstream.fitted import Fitted, Node
from crlspec.downstream.linear import Noises, Slot, slots_of

__all__ = ["FlexibleFit", "fit_flexible"]

HIDDEN = 24
ITERATIONS = 250
RESAMPLES = 40
ROWS = 10_000
"""Rows that train a hidden layer, at most: it only has to bend where the data do. What leads out of it sees all."""


Hidden = tuple[np.ndarray, np.ndarray]
"""W₁ (hidden, parent) and b₁ (hidden,)."""


@dataclass(frozen=True)
class Regression:
    """One mechanism: a line, or a network.

    hidden    the hidden layer; None for a line
    outer     (feature + 1,): what features are multiplied by, the constant last
    variance  of the noise
    """

    hidden: Hidden | None
    outer: np.ndarray
    variance: float


@dataclass(frozen=True)
class FlexibleFit:
    """The regression of every mechanism, and those of its resamples."""

    design: Design
    regressions: Mapping[Slot, Regression]
    resampled: tuple[Mapping[Slot, Regression], ...] = ()

    def fitted(
        self,
        mixing: np.ndarray,
        offset: np.ndarray,
        regressions: Mapping[Slot, Regression] | None = None,
        noise: Noises | None = None,
    ) -> Fitted:
        """Plain mechanisms; see ``LinearFit.fitted``."""
        nodes: dict[str | None, dict[str, Node]] = {name: {} for name in (None, *self.design.targets)}
        for slot, found in (regressions or self.regressions).items():
            family = {"kind": "normal"} if noise is None else noise[slot]
            mean = 0.0 if found.hidden is not None else float(found.outer[-1])
            nodes[slot.environment][slot.latent] = Node(
                slot.parents,
                _declared(slot, found),
                {**family, "mean": mean, "variance": found.variance},
            )
        base = nodes.pop(None)
        return Fitted(self.design, base, {str(name): found for name, found in nodes.items()}, mixing, offset)


def fit_flexible(
    design: Design,
    samples: Mapping[str, np.ndarray],
    curved: frozenset[str],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> FlexibleFit:
    """Fit all mechanisms, those of the latents ``curved`` by networks.

    samples  environment → latents as recovered (sample, latent)
    """
    found, again = {}, [dict[Slot, Regression]() for _ in range(resamples)]
    rng = np.random.default_rng(seed)
    for slot in slots_of(design):
        parents, target = data_of(design, slot, samples)
        hidden = _hidden(parents, target, seed) if slot.latent in curved and slot.parents else None
        features = _features(hidden, parents)
        found[slot] = _solved(hidden, features, target, np.ones(len(target)))
        for one in again:
            one[slot] = _solved(hidden, features, target, rng.poisson(1.0, len(target)).astype(float))
    return FlexibleFit(design, found, tuple(again))


def data_of(design: Design, slot: Slot, samples: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Parents (sample, parent) and values (sample,) of a mechanism, from all environments that show it."""
    shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
    z = np.concatenate([samples[name] for name in shown])
    columns = [design.latents.index(parent) for parent in slot.parents]
    return z[:, columns], z[:, design.latents.index(slot.latent)]


def _hidden(parents: np.ndarray, target: np.ndarray, seed: int) -> Hidden:
    """The hidden layer (hidden, parent), (hidden,) of a network trained by least squares."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    step = -(-len(target) // ROWS)
    parents, target = parents[::step], target[::step]
    mean, scale = parents.mean(0), parents.std(0)
    network = MLPRegressor(
        hidden_layer_sizes=(HIDDEN,),
        activation="tanh",
        solver="lbfgs",
        alpha=1e-4,
        max_iter=ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose
        network.fit((parents - mean) / scale, target)
    inner = network.coefs_[0].T / scale
    return inner, network.intercepts_[0] - inner @ mean


def _features(hidden: Hidden | None, parents: np.ndarray) -> np.ndarray:
    """(sample, feature + 1) of parents (sample, parent): themselves, or the hidden layer; and 1."""
    if hidden is not None:
        parents = np.tanh(parents @ hidden[0].T + hidden[1])
    return np.column_stack([parents, np.ones(len(parents))])


def _solved(
    hidden: Hidden | None, features: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> Regression:
    """Weighted least squares on the features, with a trace of ridge for features that nearly agree."""
    weighted = features * weight[:, None]
    gram = weighted.T @ features
    ridge = 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
    outer = np.linalg.solve(gram + ridge, weighted.T @ target)
    variance = float(weight @ (target - features @ outer) ** 2 / weight.sum())
    return Regression(hidden, outer, max(variance, 1e-12))


def _declared(slot: Slot, found: Regression) -> dict[str, object]:
    if found.hidden is None:
        weight = dict(zip(slot.parents, found.outer[:-1].tolist(), strict=True))
        return {"kind": "linear", "weight": weight}
    inner, bias = found.hidden
    return {
        "kind": "mlp",
        "hidden": len(inner),
        "activation": "tanh",
        "parents": list(slot.parents),
        "inner": inner.tolist(),
        "bias": bias.tolist(),
        "outer": found.outer[:-1].tolist(),
        "offset": float(found.outer[-1]),
    }
