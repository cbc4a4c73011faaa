"""Noise families, each standardised to a given mean and standard deviation. One method a family."""

import math
from collections.abc import Hashable, Sequence
from typing import ClassVar

import pyro.distributions as dist
import torch
from torch.distributions import constraints
from torch.distributions.transforms import AffineTransform, ExpTransform
from torch.distributions.utils import broadcast_all

from crlspec.generative import mechanism
from crlspec.models import declarations
from crlspec.typing import LogDensity, Node, Tensor


class Noise(mechanism.Noise):
    """A family whose members differ in their numbers only."""

    @property
    def alike(self) -> Hashable:
        return None if self.mean.dim() or self.deviation.dim() else (type(self), self.constants)

    @property
    def constants(self) -> Hashable:
        """What makes two noises of this family different in kind."""
        return None


class ScalarNormal(dist.Normal):
    """The normal distribution with one scale for the whole batch: its density takes half the time."""

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__(loc, scale, validate_args=False)
        self._scalar = scale

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "ScalarNormal":
        return ScalarNormal(self.loc.expand(batch_shape), self._scalar)

    def log_prob(self, value: Node) -> LogDensity:
        standard = (value - self.loc) / self._scalar
        constant = -(self._scalar.log() + 0.5 * math.log(2 * math.pi))
        return torch.addcmul(constant, standard, standard, value=-0.5)


class Normal(Noise):
    """N(mean, deviation²)."""

    def distribution(self, mean: Node) -> dist.Normal:
        return ScalarNormal(mean, self.deviation)


class Laplace(Noise):
    """Laplace: variance 2 scale²."""

    def distribution(self, mean: Node) -> dist.Laplace:
        return dist.Laplace(mean, self.deviation / math.sqrt(2), validate_args=False)


class UncheckedStudentT(dist.StudentT):
    """Student's t that checks no argument: torch's own reads the degrees of freedom off their device."""

    def __init__(self, df: Tensor, loc: Tensor, scale: Tensor) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = dist.Chi2(self.df, validate_args=False)
        torch.distributions.Distribution.__init__(self, self.df.shape, validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "UncheckedStudentT":
        return UncheckedStudentT(*(value.expand(batch_shape) for value in (self.df, self.loc, self.scale)))


class StudentT(Noise):
    """Student's t with df > 2: variance scale² df / (df − 2)."""

    def __init__(
        self, declaration: declarations.StudentTNoise, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__(declaration, dtype, device)
        self.df = float(declaration.df)

    @property
    def constants(self) -> Hashable:
        return self.df

    def distribution(self, mean: Node) -> dist.StudentT:
        df = torch.full_like(mean, self.df)
        scale = self.deviation * math.sqrt((self.df - 2) / self.df)
        return UncheckedStudentT(df, mean, scale)


class Uniform(Noise):
    """Uniform on mean ± √3 deviation."""

    def distribution(self, mean: Node) -> dist.Uniform:
        reach = math.sqrt(3) * self.deviation
        return dist.Uniform(mean - reach, mean + reach, validate_args=False)


class Gumbel(Noise):
    """Gumbel of maxima: mean loc + γ scale, variance π² scale² / 6."""

    def distribution(self, mean: Node) -> dist.Gumbel:
        scale = self.deviation * (math.sqrt(6) / math.pi)
        euler = 0.5772156649015329
        return dist.Gumbel(mean - euler * scale, scale, validate_args=False)


class Logistic(Noise):
    """Logistic: variance π² scale² / 3."""

    def distribution(self, mean: Node) -> dist.Distribution:
        scale = self.deviation * (math.sqrt(3) / math.pi)
        return dist.Logistic(mean, scale, validate_args=False)


class ShiftedLogNormal(dist.TransformedDistribution):
    """low + scale · exp(shape · ε) with ε standard normal: positive density above ``low``, none below."""

    arg_constraints: ClassVar[dict[str, object]] = {}

    def __init__(self, low: Tensor, scale: Tensor, shape: float) -> None:
        normal = dist.Normal(torch.zeros_like(low), shape, validate_args=False)
        super().__init__(normal, [ExpTransform(), AffineTransform(low, scale)], validate_args=False)
        self.low, self.scale, self.shape_ = low, scale, shape

    @property
    def support(self) -> constraints.Constraint:
        return constraints.greater_than(self.low)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> "ShiftedLogNormal":
        return ShiftedLogNormal(self.low.expand(batch_shape), self.scale, self.shape_)

    def log_prob(self, value: Node) -> LogDensity:
        above = (value - self.low) / self.scale
        inside = above > 0
        log = torch.where(inside, above, 1.0).log()
        constant = self.scale.log() + math.log(self.shape_ * math.sqrt(2 * math.pi))
        return torch.where(inside, -0.5 * (log / self.shape_) ** 2 - log - constant, -math.inf)


class LogNormal(Noise):
    """Log-normal, shifted: exp(shape · ε) has the mean e^(shape²/2) and the variance (e^(shape²) − 1) e^(shape²)."""

    def __init__(
        self, declaration: declarations.LogNormalNoise, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__(declaration, dtype, device)
        self.shape = float(declaration.shape)

    @property
    def constants(self) -> Hashable:
        return self.shape

    def distribution(self, mean: Node) -> ShiftedLogNormal:
        scale = self.deviation * math.exp(-0.5 * self.shape**2) / math.sqrt(math.expm1(self.shape**2))
        return ShiftedLogNormal(mean - scale * math.exp(0.5 * self.shape**2), scale, self.shape)


class Mixture(Noise):
    """A mixture of normal distributions, standardised: component k is N((m_k − m) / s, (s_k / s)²)."""

    def __init__(
        self, declaration: declarations.MixtureNoise, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__(declaration, dtype, device)
        weights, means, deviations = (
            torch.tensor(numbers, dtype=torch.float64)
            for numbers in (declaration.weights, declaration.means, declaration.deviations)
        )
        weights = weights / weights.sum()
        centred = means - (weights * means).sum()
        spread = (weights * (deviations**2 + centred**2)).sum().sqrt()
        for name, numbers in (
            ("weights", weights),
            ("means", centred / spread),
            ("deviations", deviations / spread),
        ):
            self.register_buffer(name, numbers.to(dtype=dtype, device=device))

    @property
    def constants(self) -> Hashable:
        return self.weights.shape

    def distribution(self, mean: Node) -> dist.Distribution:
        deviation = torch.as_tensor(self.deviation)[..., None]
        components = dist.Normal(
            mean[..., None] + deviation * self.means,
            (deviation * self.deviations).expand(*mean.shape, self.weights.shape[-1]),
            validate_args=False,
        )
        chosen = dist.Categorical(self.weights.expand(*mean.shape, -1), validate_args=False)
        return dist.MixtureSameFamily(chosen, components, validate_args=False)
