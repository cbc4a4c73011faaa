"""Derivatives of what follows from the means and covariances of Gaussian environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crlspec.scores.gaussian_facts import GaussianFacts

__all__ = ["AnyChanges", "GatheredChanges", "GaussianChanges", "gathered", "sampling_errors"]


@dataclass(frozen=True)
class GaussianChanges:
    """Changes of the mean and the covariance of one environment, and of all that follows, to first order.

    facts        where they start
    environment  whose they are; 0 is the observational one
    mean         (direction, component)
    covariance   (direction, component, component), symmetric
    """

    facts: GaussianFacts
    environment: int
    mean: np.ndarray
    covariance: np.ndarray

    @cached_property
    def precision(self) -> np.ndarray:
        """(direction, component, component) of the inverse covariance."""
        precision = self.facts.precisions[self.environment]
        return np.asarray(-precision @ self.covariance @ precision)

    @property
    def covariances(self) -> np.ndarray:
        """(direction, interventional environment, component, component)."""
        return self._placed(self.covariance, np.zeros_like(self.covariance))

    @cached_property
    def slopes(self) -> np.ndarray:
        """Of :attr:`GaussianFacts.slopes`, with directions before."""
        return self._placed(self.precision, -self.precision)

    @cached_property
    def shifts(self) -> np.ndarray:
        """Of :attr:`GaussianFacts.shifts`, with directions before."""
        facts, e = self.facts, self.environment
        precisions = facts.precisions[1:]
        if e == 0:
            return np.asarray(np.einsum("mij,dj->dmi", precisions, self.mean))
        own = self.precision @ (facts.means[0] - facts.means[e]) - self.mean @ precisions[e - 1]
        return self._placed(own, np.zeros_like(own))

    @cached_property
    def moments(self) -> np.ndarray:
        """Of :attr:`GaussianFacts.moments`, with directions before."""
        facts, e, changed = self.facts, self.environment, self.precision
        precisions, second = facts.precisions, facts.covariances[0]
        counts, n = np.array(facts.counts, dtype=float), second.shape[0]
        shifted = self.shifts[..., :, None] * facts.shifts[:, None, :]
        if e == 0:
            mine, slopes, moved = precisions[1:], facts.slopes, self.covariance[:, None]
            turned = changed[:, None] @ (second @ slopes)
            traces = np.einsum("mij,dji->dm", mine, self.covariance)[..., None, None]
            noises = (mine * traces + mine @ moved @ mine) / counts[1:, None, None]
            noises = noises + (n + 2) / counts[0] * changed[:, None]
            found = slopes @ moved @ slopes - turned - np.swapaxes(turned, -1, -2) - noises
            return np.asarray(found + shifted + np.swapaxes(shifted, -1, -2))
        mine, slope = precisions[e], facts.slopes[e - 1]
        turned, read = changed @ (second @ slope), changed @ (second @ mine)
        traces = np.einsum("dij,ji->d", changed, second)[:, None, None]
        noises = changed * (np.trace(mine @ second) + 1) + mine * traces + read + np.swapaxes(read, 1, 2)
        own = turned + np.swapaxes(turned, 1, 2) - noises / counts[e]
        found = self._placed(own, np.zeros_like(own))
        return np.asarray(found + shifted + np.swapaxes(shifted, -1, -2))

    def _placed(self, own: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(direction, interventional environment, …): what changes where the environment is one of them, and what
        changes everywhere where it is the observational one."""
        count = len(self.facts.counts) - 1
        if self.environment == 0:
            return np.repeat(others[:, None], count, axis=1)
        found = np.zeros((len(own), count, *own.shape[1:]))
        found[:, self.environment - 1] = own
        return found


@dataclass(frozen=True)
class GatheredChanges:
    """Changes of several environments, the directions of one after those of another in all that follows."""

    parts: Sequence[GaussianChanges]

    @cached_property
    def covariances(self) -> np.ndarray:
        """As of each part."""
        return np.concatenate([part.covariances for part in self.parts])

    @cached_property
    def slopes(self) -> np.ndarray:
        """As of each part."""
        return np.concatenate([part.slopes for part in self.parts])

    @cached_property
    def shifts(self) -> np.ndarray:
        """As of each part."""
        return np.concatenate([part.shifts for part in self.parts])

    @cached_property
    def moments(self) -> np.ndarray:
        """As of each part."""
        return np.concatenate([part.moments for part in self.parts])


def gathered(changes: Iterable[GaussianChanges], most: int = 256) -> Iterator[GatheredChanges]:
    """All changes in their order, as many parts together as have ``most`` directions, one at least."""
    held: list[GaussianChanges] = []
    for part in changes:
        if held and sum(len(one.mean) for one in (*held, part)) > most:
            yield GatheredChanges(held)
            held = []
        held.append(part)
    if held:
        yield GatheredChanges(held)


def sampling_errors(facts: GaussianFacts, at_once: int = 256) -> Iterator[GaussianChanges]:
    """One standard deviation in each independent direction of the sampling error of all means and covariances.

    With the derivatives of a smooth f along them as columns of J, the sampling covariance of f is JJᵀ to first order
    (the delta method). Directions: of a covariance LLᵀ from N samples L W Lᵀ/√N, where W is symmetric with
    independent entries of variance one, two on the diagonal; of a mean L w/√N.

    at_once  directions that are given together
    """
    environments, n = facts.means.shape
    a, b = np.tril_indices(n)
    size = np.where(a == b, 2.0, 1.0)
    for e in range(environments):
        count, root = facts.counts[e], np.linalg.cholesky(facts.covariances[e])
        products = root.T[a][:, :, None] * root.T[b][:, None, :]
        turned = (products + np.swapaxes(products, 1, 2)) / np.sqrt(size * count)[:, None, None]
        means = np.concatenate([root.T / count**0.5, np.zeros((len(a), n))])
        covariances = np.concatenate([np.zeros((n, n, n)), turned])
        for first in range(0, len(means), at_once):
            part = slice(first, first + at_once)
            yield GaussianChanges(facts, e, means[part], covariances[part])


AnyChanges = GaussianChanges | GatheredChanges
"""What tells how all that follows from means and covariances changes."""
