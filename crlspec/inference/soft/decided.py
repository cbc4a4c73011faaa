"""Do the data decide? Order and fit of latents under soft interventions, as checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr

from crlspec.inference.check import Check, chance
from crlspec.inference.checks.fitted import FittedModel, soft_model
from crlspec.inference.checks.goodness import check_goodness, goodness
from crlspec.inference.checks.order_margin import MORE, gaussian_margin, undecided_order
from crlspec.inference.power import Power
from crlspec.inference.thresholds import LinearThresholds, LscaleThresholds, UmniThresholds
from crlspec.numerics.graphs import transitive_closure

__all__ = ["GaussianClosure", "check_absences", "check_by_chance", "check_by_errors", "claimed"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class GaussianClosure:
    """The closure of linear-Gaussian latents as the likelihood found it.

    environments  their names, the observational first
    moments       (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ]
    counts        (environment,) samples; effective ones where rows depend on each other
    best          the rows (position, component) and groups (position, group, environment) of the best order
    rivals        claimed pair (ancestor, descendant) → the same of the best order that reverses it
    settled       whether the optimisers of all of them came to their end
    thresholds    the bounds
    """

    environments: Sequence[str]
    moments: np.ndarray
    counts: np.ndarray
    best: tuple[np.ndarray, np.ndarray]
    rivals: Mapping[Pair, tuple[np.ndarray, np.ndarray]]
    settled: bool
    thresholds: LinearThresholds

    def checks(self) -> tuple[Check, ...]:
        """``goodness-of-fit`` of the best order, and ``order``: its likelihood ratio over each rival.

        Of a pair without effect on each other both orders are one and the same model in the limit, and twice the log
        ratio is χ² with one degree of freedom, not normal (the degenerate case of Vuong, Econometrica 1989).
        """
        means = self.moments[:, 0, 1:]
        covariances = self.moments[:, 1:, 1:] - means[:, :, None] * means[:, None, :]
        best = self._model(*self.best)
        fit = goodness(covariances, best.covariances, self.counts, best.free, (means, best.means))
        chances, gains = {}, {}
        for pair, rival in self.rivals.items():
            other = self._model(*rival)
            margin = gaussian_margin(
                (best.means, best.covariances), (other.means, other.covariances), (means, covariances), self.counts
            )  # fmt: skip
            gains[pair] = (margin.gain, margin.error)
            chances[pair] = float(chdtrc(1, 2 * max(margin.gain, 0.0)))
        fitted = check_goodness(fit, self.environments, self.thresholds, undecided=not self.settled)
        return (fitted, check_by_chance(chances, 1.0, self.thresholds.order, gains))

    def _model(self, rows: np.ndarray, groups: np.ndarray) -> FittedModel:
        return soft_model(rows, self.moments, self.counts, groups)


def check_absences(power: Power, names: Sequence[str], found: np.ndarray) -> Check:
    """The check ``edges`` of a closure: which pairs are claimed to be no ancestor and descendant. What is not seen
    stays open, and is no reason to doubt what was.

    names  of the latents by position
    found  (position, position) bool, ``[i, j]`` for j → i
    """
    absent = np.tri(len(found), k=-1, dtype=bool) & ~transitive_closure(found) & np.isfinite(power.detectable)
    if not absent.any():
        return Check(
            "edges", "passed", 0.0, power.bound, "No pair is claimed not to be ancestor and descendant."
        )
    changes = np.where(absent, power.detectable, 0.0)
    i, j = np.unravel_index(int(changes.argmax()), changes.shape)
    one, two, figure = names[int(j)], names[int(i)], float(changes[i, j])
    text = (
        f"If '{one}' were an ancestor of '{two}', and its effect changed by {figure:.2g}, that would have been "
        "missed one time in five."
    )
    if figure <= power.bound:
        told = f"{text} All other absent pairs are known better."
        return Check("edges", "passed", figure, power.bound, told, None, (), (one, two))
    return Check(
        "edges", "note", figure, power.bound, f"{text} So its absence is not claimed.",
        "Give more samples, or interventions that change effects more.", (), (one, two),
    )  # fmt: skip


def claimed(
    order: Sequence[int], p_values: np.ndarray, alpha: float, latents: Sequence[str]
) -> dict[Pair, float]:
    """Ancestor and descendant, by name → p-value, of the pairs of a closure whose p-value is below alpha.

    p_values  (position, position), ``[i, j]`` for j → i
    """
    found = zip(*np.nonzero(np.tril(p_values < alpha, -1)), strict=True)
    return {(latents[order[j]], latents[order[i]]): float(p_values[i, j]) for i, j in found}


def check_by_errors(errors: Mapping[Pair, float], level: float = UmniThresholds.held_out) -> Check:
    """The check ``order``.

    errors  claimed pair (ancestor, descendant) → by how many standard errors the best order that reverses it fits
            worse; below nothing where it fits better
    level   below which the two-sided p-value of all pairs together decides (Vuong, Econometrica 1989)
    """
    if not errors:
        return _unclaimed(level)
    pair = min(errors, key=lambda one: errors[one])
    z = errors[pair]
    p_value = float(min(1.0, 2 * len(errors) * ndtr(-max(z, 0.0))))
    if p_value < level:
        text = (
            f"Every order that reverses an ancestral pair fits worse. The nearest has '{pair[1]}' first, worse by "
            f"{z:.1f} standard errors."
        )
        return Check("order", "passed", p_value, level, text, None, (), pair)
    return undecided_order(p_value, level, pair, f"{z:.1f} standard errors")


def check_by_chance(
    p_values: Mapping[Pair, float],
    contradicted: float,
    level: float = LscaleThresholds.reach,
    gains: Mapping[Pair, tuple[float, float]] | None = None,
) -> Check:
    """The same where each order was tested by itself.

    p_values      claimed pair (ancestor, descendant) → p-value of the order that reverses it
    contradicted  p-value of the order that was taken, over all that speaks against it together
    level         below which either is unlikely
    gains         claimed pair → log likelihood of the order taken over that order, and its standard error
    """
    if contradicted < level:
        return Check(
            "order", "undecided", contradicted, level,
            "Under the best order, mechanisms change in environments that do not target them "
            f"({chance(contradicted)}). So no order that was tried fits.",
            "Give more samples, or look at the targets and the control.",
        )  # fmt: skip
    if not p_values:
        return _unclaimed(level)
    pair = max(p_values, key=lambda one: p_values[one])
    p_value = min(1.0, len(p_values) * p_values[pair])
    one, two = pair
    behind = "" if gains is None else f", behind by {gains[pair][0]:.1f} ± {gains[pair][1]:.1f} nats"
    if p_value < level:
        text = f"Every order that reverses an ancestral pair is ruled out. The nearest has '{two}' first{behind}."
        return Check("order", "passed", p_value, level, text, None, (), pair)
    return Check(
        "order", "undecided", p_value, level,
        f"The order of '{one}' and '{two}' is not decided. The order that has '{two}' first fits nearly as "
        f"well{behind} ({chance(p_value)}).",
        MORE, (), pair,
    )  # fmt: skip


def _unclaimed(level: float) -> Check:
    return Check(
        "order",
        "passed",
        0.0,
        level,
        "No latent was found to be an ancestor of another, so no order is claimed.",
    )
