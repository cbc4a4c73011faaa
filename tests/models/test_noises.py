"""Noise families keep the contract, each against scipy."""

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.models.declarations import (
    GumbelNoise,
    LaplaceNoise,
    LogisticNoise,
    LogNormalNoise,
    MixtureNoise,
    NormalNoise,
    StudentTNoise,
    UniformNoise,
)
from crlspec.testing import NoiseContract

DRAWN = {"mean": [-1.0, 1.0], "variance": [0.5, 1.5]}


class TestNormal(NoiseContract):
    def declaration(self):
        return NormalNoise(**DRAWN)

    def expected(self, declaration):
        return stats.norm(declaration.mean, declaration.variance**0.5)

    def test_score_is_the_closed_form(self):
        noise, value = self.built(torch.float64), torch.linspace(-3, 3, 7, dtype=torch.float64)
        value = value.to(self.device).requires_grad_(True)
        total = noise.distribution(noise.mean.expand(7)).log_prob(value).sum()
        (score,) = torch.autograd.grad(total, value)
        torch.testing.assert_close(score, (noise.mean - value.detach()) / noise.deviation**2)


class TestLaplace(NoiseContract):
    def declaration(self):
        return LaplaceNoise(**DRAWN)

    def expected(self, declaration):
        return stats.laplace(declaration.mean, (declaration.variance / 2) ** 0.5)


class TestStudentT(NoiseContract):
    def declaration(self):
        return StudentTNoise(df=4.0, **DRAWN)

    def expected(self, declaration):
        return stats.t(4, declaration.mean, (declaration.variance / 2) ** 0.5)


class TestUniform(NoiseContract):
    def declaration(self):
        return UniformNoise(**DRAWN)

    def expected(self, declaration):
        reach = (3 * declaration.variance) ** 0.5
        return stats.uniform(declaration.mean - reach, 2 * reach)


class TestGumbel(NoiseContract):
    def declaration(self):
        return GumbelNoise(**DRAWN)

    def expected(self, declaration):
        scale = (6 * declaration.variance) ** 0.5 / np.pi
        return stats.gumbel_r(declaration.mean - np.euler_gamma * scale, scale)


class TestLogistic(NoiseContract):
    def declaration(self):
        return LogisticNoise(**DRAWN)

    def expected(self, declaration):
        return stats.logistic(declaration.mean, (3 * declaration.variance) ** 0.5 / np.pi)


class TestLogNormal(NoiseContract):
    def declaration(self):
        return LogNormalNoise(shape=0.6, **DRAWN)

    def expected(self, declaration):
        standard = stats.lognorm(0.6)
        scale = declaration.variance**0.5 / standard.std()
        return stats.lognorm(0.6, declaration.mean - scale * standard.mean(), scale)

    def test_there_is_no_density_below_the_support(self):
        noise = self.built(torch.float64)
        value = (noise.mean - 20 * noise.deviation).expand(3).clone().requires_grad_(True)
        density = noise.distribution(noise.mean.expand(3)).log_prob(value)
        assert bool((density == -torch.inf).all())
        assert bool((torch.autograd.grad(density.sum(), value)[0] == 0).all())


class OfNormals:
    """A mixture of normals with scipy's methods."""

    def __init__(self, weights, means, deviations):
        self.weights = np.array(weights) / np.sum(weights)
        self.parts = [stats.norm(m, s) for m, s in zip(means, deviations)]

    def _sum(self, values):
        return sum(w * v for w, v in zip(self.weights, values))

    def logpdf(self, x):
        return np.log(self._sum([part.pdf(x) for part in self.parts]))

    def cdf(self, x):
        return self._sum([part.cdf(x) for part in self.parts])

    def ppf(self, q):
        grid = np.linspace(-12, 12, 100_001)
        return np.interp(q, self.cdf(grid), grid)

    def mean(self):
        return self._sum([part.mean() for part in self.parts])

    def var(self):
        return self._sum([part.var() + part.mean() ** 2 for part in self.parts]) - self.mean() ** 2

    def std(self):
        return self.var() ** 0.5


class TestMixture(NoiseContract):
    def declaration(self):
        return MixtureNoise(weights=(2.0, 1.0), means=(0.0, 3.0), deviations=(1.0, 0.5), **DRAWN)

    def expected(self, declaration):
        raw = OfNormals(declaration.weights, declaration.means, declaration.deviations)
        scale = declaration.variance**0.5 / raw.std()
        means = [declaration.mean + scale * (m - raw.mean()) for m in declaration.means]
        return OfNormals(declaration.weights, means, [scale * s for s in declaration.deviations])


def test_a_mixture_needs_as_many_of_each():
    with pytest.raises(ValueError, match="weights, means and deviations must have one number each"):
        MixtureNoise(weights=(1.0,))
    with pytest.raises(ValueError, match="weights and deviations must be above 0"):
        MixtureNoise(weights=(1.0, -1.0))


def test_a_small_shape_is_nearly_normal():
    built = [d.implement()(d, torch.float64, "cpu") for d in (LogNormalNoise(shape=1e-4), NormalNoise())]
    z, mean = torch.linspace(-3, 3, 13, dtype=torch.float64), torch.zeros(13, dtype=torch.float64)
    densities = [noise.distribution(mean).log_prob(z) for noise in built]
    torch.testing.assert_close(*densities, rtol=0, atol=5e-3)


def test_student_t_needs_a_variance():
    with pytest.raises(ValueError, match="greater than 2"):
        StudentTNoise(df=2.0)


def test_a_variance_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        NormalNoise(variance=0.0)
