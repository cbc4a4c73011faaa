"""Is an intervention hard? In an environment that targets it, a latent must be independent of those before it.

The unmixing makes them uncorrelated, whatever the data are; what a soft intervention or rows that escaped leave
behind are dependences beyond correlation. For linear-Gaussian latents there are none to leave: there a soft
change of a latent is a hard one of another latent behind another mixing, and nothing can tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc, ndtri

from crlspec.inference.check import Check, Consequence, chance, listed

__all__ = ["check_hard"]


def check_hard(
    latents: Sequence[np.ndarray],
    targeted: np.ndarray,
    names: Sequence[str],
    environments: Sequence[str],
    sizes: np.ndarray,
    alpha: float,
    sure: bool,
) -> Check:
    """Whether squares and products of a target and the latents before it are uncorrelated where it is targeted.

    latents       (sample, position) of every environment, the observational first, in causal order
    targeted      (position, environment) bool
    names         of the latents by position
    environments  their names
    sizes         (environment,) samples, effective ones where rows depend on each other
    alpha         level, all environments together
    sure          whether latents and order are decided otherwise: if not, they may be at fault as well as the design

    Latents enter by their normal scores (ranks), so that heavy tails cannot feign dependence. N times the squared
    correlation of two functions of independent variables is χ² with one degree of freedom.
    """
    found = []
    for i, e in zip(*np.nonzero(targeted), strict=True):
        if i == 0 or len(latents[e]) < 20:
            continue
        scores = _normal_scores(latents[e][:, : i + 1])
        found.append((_dependence(scores, float(sizes[e])), int(i), int(e)))
    if not found:
        return Check(
            "hard",
            "passed",
            1.0,
            alpha,
            "No target has a latent before it in the causal order, so nothing is tested.",
        )
    p_values = {(i, e): min(1.0, p * len(found)) for p, i, e in found}
    worst = min(p_values, key=lambda at: p_values[at])
    if p_values[worst] >= alpha:
        text = "Every target is independent of the latents before it in the causal order, as it should be."
        return Check("hard", "passed", p_values[worst], alpha, text)
    wrong = [at for at in p_values if p_values[at] < alpha]
    where = tuple(dict.fromkeys(environments[e] for _, e in wrong))
    who = tuple(dict.fromkeys(names[i] for i, _ in wrong))
    text = (
        f"In environment{'s' * (len(where) > 1)} {listed(where)} a target still depends on latents before it in the "
        f"causal order ({chance(p_values[worst])}). So not every intervention on {listed(who)} is hard"
    )
    remedy = "Declare kind: soft, or leave out rows that the intervention did not reach."
    if not sure:
        text += ", or the latents are not separated"
        remedy = f"Give more samples. {remedy}"
    consequence: Consequence = "refuted" if sure else "undecided"
    return Check("hard", consequence, p_values[worst], alpha, f"{text}.", remedy, where, who)


def _normal_scores(z: np.ndarray) -> np.ndarray:
    ranks = z.argsort(0).argsort(0)
    return np.asarray(ndtri((ranks + 0.5) / len(z)))


def _dependence(scores: np.ndarray, size: float) -> float:
    """p-value of independence of the last column from the others, Bonferroni over the pairs of functions."""
    own, others = scores[:, -1], scores[:, :-1]
    mine = np.stack([own, own**2], 1)
    products = [others[:, a] * others[:, b] for a in range(others.shape[1]) for b in range(a + 1)]
    theirs = np.concatenate([others, np.stack(products, 1)], 1)
    mine, theirs = (values - values.mean(0) for values in (mine, theirs))
    covariance = mine.T @ theirs / len(scores)
    squared = covariance**2 / np.outer((mine**2).mean(0), (theirs**2).mean(0))
    return float(min(1.0, chdtrc(1, size * squared.max()) * squared.size))
