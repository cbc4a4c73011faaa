"""Soft changes of a distribution: shift(c) and scale(k), and the distributions that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch.distributions import constraints
from torch.distributions.transforms import AffineTransform

from crlspec.errors import CrlspecError

Distribution = Any  # a Pyro distribution; Pyro's classes carry no type information
Amount = float | torch.Tensor

LOCATED = (
    dist.Normal, dist.Laplace, dist.StudentT, dist.Cauchy, dist.Gumbel, dist.Logistic, dist.SoftLaplace,
    dist.MultivariateNormal, dist.LowRankMultivariateNormal, dist.MultivariateStudentT,
)  # fmt: skip
"""Location–scale families whose location is called loc; that of a Uniform is its middle."""


@dataclass(frozen=True, eq=False, repr=False)
class shift:  # noqa: N801  a verb, as one writes it
    """The value that the site would have had, plus ``amount``: z + c.

    For every continuous distribution on the real line, on a half-line or on an interval, the support moving along;
    ``amount`` is a number, or a tensor that broadcasts to the value. Of a Delta: the Delta at v + c.

    Laws: shift(a) then shift(b) is shift(a + b); shift(0) changes nothing.
    """

    amount: Amount

    def __call__(self, current: Distribution) -> Distribution:
        """The distribution of z + c. Raises CrlspecError for discrete ones, and those on a simplex and the like."""
        return moved(current, self.amount, 1.0, f"shift({self.amount})")

    def __repr__(self) -> str:
        return f"shift({self.amount})"


@dataclass(frozen=True, eq=False, repr=False)
class scale:  # noqa: N801
    """The deviation of the site from its location times ``factor``: loc + k (z − loc), with k > 0.

    For location–scale families: Normal, Laplace, StudentT, Cauchy, Gumbel, Logistic, Uniform, multivariate ones,
    and those that shift and scale make of them. A Delta stays what it is.

    Laws: scale(a) then scale(b) is scale(a · b); scale(1) changes nothing; scale and shift commute.
    """

    factor: Amount

    def __post_init__(self) -> None:
        if not bool((torch.as_tensor(self.factor) > 0).all()):
            remedy = "give a factor above 0, or a constant to fix the site."
            raise CrlspecError(f"scale({self.factor}) is not positive.", remedy)

    def __call__(self, current: Distribution) -> Distribution:
        """The widened distribution. Raises CrlspecError where the distribution has no location and scale."""
        return moved(current, None, self.factor, f"scale({self.factor})")

    def __repr__(self) -> str:
        return f"scale({self.factor})"


def moved(base: Distribution, amount: Amount | None, factor: Amount, what: str) -> Distribution:
    """The distribution of amount + factor · z; without ``amount`` the one that keeps the location of z."""
    if isinstance(base, dist.MaskedDistribution):
        return moved(base.base_dist, amount, factor, what).mask(base._mask)
    if isinstance(base, dist.Delta):
        if amount is None:
            return base
        value = base.v + fitting(amount, base, what)
        return dist.Delta(value, base.log_density, event_dim=base.event_dim)
    if amount is None:
        centre = location(base)
        if centre is None:
            remedy = "give the new distribution, or a function of the current one, in place of scale."
            raise CrlspecError(f"{what} of {family(base)}: it has no location and scale.", remedy)
        amount = (1.0 - fitting(factor, base, what)) * centre
    inner = inside(base).support
    support = inner.base_constraint if isinstance(inner, constraints.independent) else inner
    if support.is_discrete or support.event_dim > 0:
        kind = "its values are discrete" if support.is_discrete else f"its support is {support}"
        remedy = "give the new distribution, or a function of the current one, in its place."
        raise CrlspecError(f"{what} of {family(base)}: {kind}.", remedy)
    return Moved(base, fitting(amount, base, what), fitting(factor, base, what))


class Moved(dist.TransformedDistribution):
    """The distribution of shift + factor · z for z from ``base``, with the support where it then is."""

    arg_constraints: dict[str, constraints.Constraint] = {}  # noqa: RUF012  as torch declares it

    def __init__(self, base: Distribution, amount: Amount, factor: Amount) -> None:
        super().__init__(base, [AffineTransform(amount, factor)], validate_args=False)

    @property
    def affine(self) -> AffineTransform:
        """The transform from base values to values."""
        return self.transforms[0]

    @property
    def support(self) -> constraints.Constraint:
        inner = inside(self.base_dist).support
        depth = self.event_dim - inner.event_dim
        if isinstance(inner, constraints.independent):
            inner, depth = inner.base_constraint, depth + inner.reinterpreted_batch_ndims
        place = _placed(inner, self.affine)
        return constraints.independent(place, depth) if depth else place

    @property
    def mean(self) -> torch.Tensor:
        return self.affine(self.base_dist.mean)

    @property
    def variance(self) -> torch.Tensor:
        return self.base_dist.variance * self.affine.scale**2

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Moved:
        return Moved(self.base_dist.expand(batch_shape), self.affine.loc, self.affine.scale)


def _placed(support: constraints.Constraint, affine: AffineTransform) -> constraints.Constraint:
    """A half-line or an interval moved; the real line is itself."""
    lower, upper = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
    if lower is None and upper is None:
        return support
    if upper is None:
        return constraints.greater_than(affine(lower))
    if lower is None:
        return constraints.less_than(affine(upper))
    return constraints.interval(affine(lower), affine(upper))


def location(distribution: Distribution) -> torch.Tensor | None:
    """The location of a member of a location–scale family, None for any other."""
    inner = inside(distribution)
    if isinstance(inner, dist.Uniform):
        return distribution.mean
    if isinstance(inner, dist.TransformedDistribution):
        centre = location(inner.base_dist)
        if centre is None or not all(isinstance(t, AffineTransform) for t in inner.transforms):
            return None
        for transform in inner.transforms:
            centre = transform(centre)
        return centre
    return inner.loc if isinstance(inner, LOCATED) else None


def inside(distribution: Distribution) -> Distribution:
    """What Independent and expanded distributions are made of."""
    while isinstance(distribution, dist.Independent | dist.ExpandedDistribution):
        distribution = distribution.base_dist
    return distribution


def fitting(amount: Amount, distribution: Distribution, what: str) -> Amount:
    """``amount``, refused where its shape does not go with that of a value."""
    if isinstance(amount, torch.Tensor):
        shape = distribution.shape()
        try:
            whole = torch.broadcast_shapes(amount.shape, shape)
        except RuntimeError:
            whole = None
        event = distribution.event_dim
        if whole is None or whole[len(whole) - event :] != shape[len(shape) - event :]:
            remedy = f"give a number, or a tensor that broadcasts to the shape {tuple(shape)}."
            raise CrlspecError(f"{what} has the shape {tuple(amount.shape)}, a value {tuple(shape)}.", remedy)
    return amount


def family(distribution: Distribution) -> str:
    """The name of a distribution's class, for messages."""
    return type(inside(distribution)).__name__
