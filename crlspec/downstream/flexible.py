"""Nonlinear mechanisms: the mean by a network with one hidden layer, on latents taken as given.

z_i = f(parents) + noise with f = w₂ᵀ tanh(W₁ pa + b₁) + b₂ (``network``), so that it can be declared as
``mechanism: {kind: mlp}``; a node that a line fits keeps its line. Where the noise's size depends on the parents it
is fitted along (``scale``), as ``mechanism: {kind: location-scale}``. Errors come from a bootstrap of all that is
fitted, hidden layers being laid out: the latents' own error is not in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from crlspec.downstream.design import Design
from crlspec.downstream.fitted import Fitted, Node
from crlspec.downstream.linear import Noises, Slot, slots_of
from crlspec.downstream.network import Hidden, declared, features, hidden_layer, predicted, resampled, ridge
from crlspec.downstream.scale import REACH, Scale, first_scale, refit

__all__ = ["FlexibleFit", "fit_flexible"]

RESAMPLES = 40
ROUNDS = 4
"""How often mean and scale are fitted in turn."""


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
    nonlinear: frozenset[str],
    heteroscedastic: frozenset[str] = frozenset(),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> FlexibleFit:
    """Fit all mechanisms: of latents in ``nonlinear`` by networks, in ``heteroscedastic`` with a scale of the noise.

    samples  environment → latents as recovered (sample, latent)
    """
    found, again = {}, [dict[Slot, Regression]() for _ in range(resamples)]
    rng = np.random.default_rng(seed)
    for slot in slots_of(design):
        parents, target = data_of(design, slot, samples)
        curve, vary = (bool(slot.parents) and slot.latent in some for some in (nonlinear, heteroscedastic))
        mechanism = _Mechanism(parents, target, hidden_layer(parents) if curve else None)
        found[slot], inverse = mechanism.fit(vary)
        draws = rng.poisson(1.0, (len(target), resamples)).astype(np.uint8)
        for one, other in zip(again, mechanism.resample(found[slot], inverse, draws), strict=True):
            one[slot] = other
    return FlexibleFit(design, found, tuple(again))


def data_of(design: Design, slot: Slot, samples: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Parents (sample, parent) and values (sample,) of a mechanism, from all environments that show it."""
    shown = design.untouched(slot.latent) if slot.environment is None else (slot.environment,)
    z = np.concatenate([samples[name] for name in shown])
    columns = [design.latents.index(parent) for parent in slot.parents]
    return z[:, columns], z[:, design.latents.index(slot.latent)]


@dataclass(frozen=True)
class _Mechanism:
    """Parents (sample, parent) and values (sample,) of one mechanism, and the hidden layer of its mean."""

    parents: np.ndarray
    target: np.ndarray
    hidden: Hidden | None

    def fit(self, vary: bool) -> tuple[Regression, np.ndarray]:
        """The regression, and the inverse that says how its mean moves; mean and scale are fitted in turn."""
        ones = np.ones(len(self.target))
        outer, inverse = ridge(self.hidden, self.parents, self.target, ones)
        residual = self.target - predicted(self.hidden, outer, self.parents)
        variance = _variance(residual, ones)
        if not vary:
            return Regression(self.hidden, outer, variance), inverse
        unit = np.sqrt(variance)
        scale = first_scale(self.parents, residual / unit)
        shown = features(scale.hidden, self.parents)
        for _ in range(ROUNDS):
            weight = np.exp(-2 * scale.log(shown))
            outer, inverse = ridge(self.hidden, self.parents, self.target, weight)
            residual = self.target - predicted(self.hidden, outer, self.parents)
            scale = refit(scale, shown, residual / unit, ones)
        variance = _variance(residual * np.exp(-scale.log(shown)), ones)
        return Regression(self.hidden, outer, variance, scale), inverse

    def resample(self, start: Regression, inverse: np.ndarray, draws: np.ndarray) -> Iterator[Regression]:
        """The regression of each resample, draws (sample, resample): the mean to first order, then the scale."""
        scale, shown, size = start.scale, None, np.ones(len(self.target))
        if scale is not None:
            shown = features(scale.hidden, self.parents)
            size = np.exp(scale.log(shown))
        residual = self.target - predicted(self.hidden, start.outer, self.parents)
        moved = resampled(self.hidden, self.parents, inverse, residual / size**2, draws)
        shift = predicted(self.hidden, moved, self.parents)
        for k in range(draws.shape[1]):
            weight, left, again = draws[:, k].astype(float), residual - shift[:, k], scale
            if scale is not None and shown is not None:
                again = refit(scale, shown, left / np.sqrt(start.variance), weight)
                left = left * np.exp(-again.log(shown))
            yield Regression(self.hidden, start.outer + moved[:, k], _variance(left, weight), again)


def _variance(residual: np.ndarray, weight: np.ndarray) -> float:
    return max(float(weight @ residual**2 / weight.sum()), 1e-12)


def _declared(slot: Slot, found: Regression) -> dict[str, object]:
    if found.hidden is None:
        weight = dict(zip(slot.parents, found.outer[:-1].tolist(), strict=True))
        return {"kind": "linear", "weight": weight}
    mean = declared(found.hidden, found.outer, slot.parents)
    if found.scale is None:
        return mean
    scale = declared(found.scale.hidden, found.scale.outer, slot.parents)
    return {"kind": "location-scale", "location": mean, "log_scale": scale, "reach": REACH}
