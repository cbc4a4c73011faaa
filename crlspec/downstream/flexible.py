"""Nonlinear mechanisms: the mean by a network with one hidden layer, on latents taken as given.

z_i = f(parents) + noise with f = w₂ᵀ tanh(W₁ pa + b₁) + b₂, by least squares (scikit-learn's L-BFGS), so that it can
be declared as ``mechanism: {kind: mlp}``; a node that a line fits keeps its line. Where the noise's size depends on
the parents it is fitted along (``scale``), as ``mechanism: {kind: location-scale}``. Errors come from a bootstrap in
which hidden layers are kept and all else is fitted anew: the latents' own error is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from crlspec.downstream.design import Design
from crlspec.downstream.fitted import Fitted, Node
from crlspec.downstream.linear import Noises, Slot, slots_of
from crlspec.downstream.network import Hidden, declared, features, hidden_layer
from crlspec.downstream.scale import REACH, Scale, first_scale, refit

__all__ = ["FlexibleFit", "fit_flexible"]

HIDDEN = 24
RESAMPLES = 40
ROUNDS = 4
"""How often mean and scale are fitted in turn; a resample, which starts from the fit, takes half of them."""


@dataclass(frozen=True)
class Regression:
    """One mechanism: a line, or a network.

    hidden    the hidden layer; None for a line
    outer     (feature + 1,): what features are multiplied by, the constant last
    variance  of the noise, where there is a scale: divided by it
    scale     of the noise; None where it does not depend on the parents
    """

    hidden: Hidden | None
    outer: np.ndarray
    variance: float
    scale: Scale | None = None


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
    varied: frozenset[str] = frozenset(),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> FlexibleFit:
    """Fit all mechanisms, those of the latents ``curved`` by networks, of ``varied`` with a scale of the noise.

    samples  environment → latents as recovered (sample, latent)
    """
    found, again = {}, [dict[Slot, Regression]() for _ in range(resamples)]
    rng = np.random.default_rng(seed)
    for slot in slots_of(design):
        parents, target = data_of(design, slot, samples)
        hidden = None
        if slot.latent in curved and slot.parents:
            hidden = hidden_layer(parents, target, HIDDEN, seed)
        values, ones = features(hidden, parents), np.ones(len(target))
        found[slot] = _solved(hidden, values, target, ones)
        shown = None
        if slot.latent in varied and slot.parents:
            residual = (target - values @ found[slot].outer) / np.sqrt(found[slot].variance)
            scale = first_scale(parents, residual)
            shown = features(scale.hidden, parents)
            found[slot] = _scaled(replace(found[slot], scale=scale), values, shown, target, ones, ROUNDS)
        for one in again:
            weight = rng.poisson(1.0, len(target)).astype(float)
            if shown is None:
                one[slot] = _solved(hidden, values, target, weight)
            else:
                one[slot] = _scaled(found[slot], values, shown, target, weight, ROUNDS // 2)
    return FlexibleFit(design, found, tuple(again))


def data_of(design: Design, slot: Slot, samples: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Parents (sample, parent) and values (sample,) of a mechanism, from all environments that show it."""
    shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
    z = np.concatenate([samples[name] for name in shown])
    columns = [design.latents.index(parent) for parent in slot.parents]
    return z[:, columns], z[:, design.latents.index(slot.latent)]


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


def _scaled(
    start: Regression,
    values: np.ndarray,
    shown: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    rounds: int,
) -> Regression:
    """Mean and scale fitted in turn, from a regression that has both.

    values, shown  features of the mean, and of the scale
    """
    scale, unit = start.scale, np.sqrt(start.variance)
    assert scale is not None
    for _ in range(rounds):
        mean = _solved(start.hidden, values, target, weight * np.exp(-2 * scale.log(shown)))
        residual = target - values @ mean.outer
        scale = refit(scale, shown, residual / unit, weight)
    variance = float(weight @ (residual * np.exp(-scale.log(shown))) ** 2 / weight.sum())
    return Regression(start.hidden, mean.outer, max(variance, 1e-12), scale)


def _declared(slot: Slot, found: Regression) -> dict[str, object]:
    if found.hidden is None:
        weight = dict(zip(slot.parents, found.outer[:-1].tolist(), strict=True))
        return {"kind": "linear", "weight": weight}
    mean = declared(found.hidden, found.outer, slot.parents)
    if found.scale is None:
        return mean
    scale = declared(found.scale.hidden, found.scale.outer, slot.parents)
    return {"kind": "location-scale", "location": mean, "log_scale": scale, "reach": REACH}
