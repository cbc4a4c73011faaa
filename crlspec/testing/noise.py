"""The contract of noise families."""

import abc
from typing import Any

import numpy as np
import torch
from scipy import stats

from crlspec.generative.drawing import drawing_from
from crlspec.generative.scm import Noise
from crlspec.registry import NoiseDeclaration
from crlspec.testing.family import FamilyContract
from crlspec.testing.places import all_in
from crlspec.typing import Tensor

__all__ = ["NoiseContract"]


class NoiseContract(FamilyContract):
    """The laws of a noise family: it has the mean and the variance that are declared."""

    @abc.abstractmethod
    def declaration(self) -> NoiseDeclaration: ...

    @abc.abstractmethod
    def expected(self, declaration: Any) -> Any:
        """The same distribution as a frozen one of ``scipy.stats``."""

    def resolved(self, seed: int = 0) -> NoiseDeclaration:
        return self.declaration().draw(np.random.default_rng(seed), "node")

    def _again(self, resolved: NoiseDeclaration, seed: int) -> NoiseDeclaration:
        return resolved.draw(np.random.default_rng(seed), "node")

    def built(self, dtype: torch.dtype | None = None) -> Noise:
        declaration = self.resolved()
        noise: Noise = declaration.implement()(declaration, dtype or self.dtype, self.device)
        return noise

    def values(self, built: Noise) -> Tensor:
        inside = built.mean + 0.5 * built.deviation * self.points(50, 1, built.mean.dtype)[:, 0].tanh()
        return built.distribution(built.mean.expand(50)).log_prob(inside)

    def evaluated(self, built: Noise, dtype: torch.dtype) -> list[Tensor]:
        family, like = built.distribution(built.mean.expand(50)), self.points(50, 1, dtype)[:, 0]
        value = (built.mean + 0.5 * built.deviation * like.tanh()).requires_grad_(True)
        density = family.log_prob(value)
        wider = built.scaled(2.0).distribution(built.mean.expand(50)).log_prob(value)
        (score,) = torch.autograd.grad((density + 0 * value).sum(), value)
        standard = built.standard(like.shape).log_prob(0.5 * like.tanh())
        return [density.detach(), score, wider.detach(), standard]

    def test_draws_stay_where_they_are_in_their_dtype(self) -> None:
        for dtype in (torch.float32, torch.float64):
            noise, generator = self.built(dtype), torch.Generator(self.device).manual_seed(1)
            with drawing_from(generator), all_in(dtype, self.device):
                assert noise.distribution(noise.mean.expand(50)).sample().shape == (50,)

    def inside(self) -> np.ndarray:
        """Points inside the support, shape (200,)."""
        return np.asarray(self.expected(self.resolved()).ppf(np.linspace(0.02, 0.98, 200)))

    def test_density_agrees_with_scipy(self) -> None:
        noise, points = self.built(), self.inside()
        value = torch.tensor(points, dtype=self.dtype, device=self.device)
        found = noise.distribution(noise.mean.expand(len(points))).log_prob(value)
        expected = self.expected(self.resolved()).logpdf(points)
        np.testing.assert_allclose(
            found.double().cpu(), expected, rtol=10 * self.tolerance, atol=10 * self.tolerance
        )

    def test_score_agrees_with_differences(self) -> None:
        points, step = self.inside(), 1e-5
        noise = self.built(torch.float64)
        value = torch.tensor(points, device=self.device, requires_grad=True)
        total = noise.distribution(noise.mean.expand(len(points))).log_prob(value).sum()
        found = np.zeros(len(points))
        if total.requires_grad:
            found = torch.autograd.grad(total, value)[0].cpu().numpy()
        family = self.expected(self.resolved())
        expected = (family.logpdf(points + step) - family.logpdf(points - step)) / (2 * step)
        close = np.isclose(found, expected, rtol=1e-4, atol=1e-4)
        assert close.mean() >= 0.99, "a kink may spoil one difference, not more"

    def test_samples_follow_the_distribution(self) -> None:
        noise = self.built(torch.float64).cpu()
        with drawing_from(torch.Generator().manual_seed(11)):
            draws = noise.distribution(noise.mean.expand(20_000)).sample().numpy()
        family = self.expected(self.resolved())
        assert stats.kstest(draws, family.cdf).pvalue > 1e-4
        error = family.std() / np.sqrt(len(draws))
        assert abs(draws.mean() - family.mean()) < 5 * error

    def test_has_the_declared_mean_and_variance(self) -> None:
        declaration: Any = self.resolved()
        family = self.expected(declaration)
        np.testing.assert_allclose((family.mean(), family.var()), (declaration.mean, declaration.variance))

    def test_scaled_keeps_the_mean(self) -> None:
        noise = self.built()
        scaled = noise.scaled(2.0)
        value = noise.mean + noise.deviation * torch.linspace(
            -0.8, 0.8, 9, dtype=self.dtype, device=self.device
        )
        before = noise.distribution(noise.mean.expand(9)).log_prob(value)
        after = scaled.distribution(noise.mean.expand(9)).log_prob(noise.mean + 2.0 * (value - noise.mean))
        torch.testing.assert_close(after + np.log(2.0), before, rtol=1e-4, atol=1e-5)
        assert torch.equal(scaled.mean, noise.mean)

    def test_one_draw_for_each_mean(self) -> None:
        noise = self.built()
        distribution = noise.distribution(noise.mean.expand(3, 4))
        assert distribution.batch_shape == (3, 4)
        assert distribution.event_shape == ()
        assert distribution.expand((2, 3, 4)).batch_shape == (2, 3, 4)
