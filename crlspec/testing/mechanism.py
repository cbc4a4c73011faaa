"""The contract of mechanism families."""

import abc
from typing import Any

import numpy as np
import torch
from scipy import stats

from crlspec.generative.scm import SCM, AdditiveMechanism, Function, Noise
from crlspec.registry import MechanismDeclaration
from crlspec.testing.family import FamilyContract
from crlspec.typing import Tensor

__all__ = ["PARENTS", "MechanismContract"]

PARENTS = ("a", "b", "c")


class MechanismContract(FamilyContract):
    """The laws of a mechanism family z_i = f(parents) + noise, or f(parents) + scale(parents) · noise."""

    @abc.abstractmethod
    def declaration(self) -> MechanismDeclaration: ...

    @abc.abstractmethod
    def expected(self, declaration: Any, parents: np.ndarray) -> np.ndarray:
        """f by numpy: (sample, parent) → (sample,); the columns are the parents a, b and c."""

    def expected_scale(self, declaration: Any, parents: np.ndarray) -> np.ndarray:
        """The scale of the noise by numpy: (sample, parent) → (sample,); 1 where noise is additive."""
        return np.ones(len(parents))

    def resolved(self, seed: int = 0) -> MechanismDeclaration:
        return self.declaration().draw(np.random.default_rng(seed), "node", PARENTS)

    def _again(self, resolved: MechanismDeclaration, seed: int) -> MechanismDeclaration:
        return resolved.draw(np.random.default_rng(seed), "node", PARENTS)

    def built(self, dtype: torch.dtype | None = None, factor: float | None = None) -> Function:
        declaration = self.resolved()
        declaration = declaration if factor is None else declaration.scaled(factor)
        function: Function = declaration.implement()(declaration, PARENTS, dtype or self.dtype, self.device)
        return function

    def values(self, built: Function) -> Tensor:
        dtype = next((buffer.dtype for buffer in built.buffers()), self.dtype)
        return built(self.points(50, len(PARENTS), dtype))

    def evaluated(self, built: Function, dtype: torch.dtype) -> list[Tensor]:
        around = SCM(("a", "b", "c", "node"), self._around(dtype))
        z = self.points(20, 4, dtype)
        noise, response = around.mechanisms["node"].explicit(z[:, :3])
        return [
            built(z[:, :3]),
            _scale(built, z[:, :3]),
            around.log_density(z),
            around.score(z),
            response(noise.mean),
            response.inv(z[:, 3]),
        ]

    def test_agrees_with_numpy(self) -> None:
        points = self.points(50, len(PARENTS))
        expected = self.expected(self.resolved(), points.double().cpu().numpy())
        np.testing.assert_allclose(
            self.built()(points).double().cpu().numpy(), expected, rtol=self.tolerance, atol=self.tolerance
        )

    def test_the_scale_of_the_noise_agrees_with_numpy_and_is_above_0(self) -> None:
        points = self.points(50, len(PARENTS))
        expected = self.expected_scale(self.resolved(), points.double().cpu().numpy())
        found = _scale(self.built(), points)
        assert bool((found > 0).all())
        np.testing.assert_allclose(found.double().cpu().numpy(), expected, rtol=self.tolerance)

    def test_any_sample_shape(self) -> None:
        points, function = self.points(24, len(PARENTS)), self.built()
        scale = _scale(function, points)
        torch.testing.assert_close(_scale(function, points.reshape(2, 3, 4, -1)), scale.reshape(2, 3, 4))
        flat = function(points)
        torch.testing.assert_close(function(points.reshape(2, 3, 4, -1)), flat.reshape(2, 3, 4))
        torch.testing.assert_close(torch.vmap(function)(points), flat)
        torch.testing.assert_close(function(points[0]), flat[0])

    def test_gradient_agrees_with_differences(self) -> None:
        points = self.points(8, len(PARENTS), torch.float64).requires_grad_(True)
        function = self.built(torch.float64)
        assert torch.autograd.gradcheck(function, points)
        assert torch.autograd.gradcheck(lambda pa: _scale(function, pa) + 0 * pa.sum(-1), points)

    def test_the_order_of_the_parents_does_not_matter(self) -> None:
        points, declaration = self.points(20, len(PARENTS)), self.resolved()
        order = [2, 0, 1]
        turned = declaration.implement()(
            declaration, tuple(PARENTS[i] for i in order), self.dtype, self.device
        )
        torch.testing.assert_close(turned(points[:, order]), self.built()(points))
        torch.testing.assert_close(_scale(turned, points[:, order]), _scale(self.built(), points))

    def test_scaled_is_a_factor(self) -> None:
        points = self.points(20, len(PARENTS))
        torch.testing.assert_close(self.built(factor=-0.5)(points), -0.5 * self.built()(points))
        assert self.resolved().scaled(-0.5).is_resolved

    def test_roots_can_be_drawn(self) -> None:
        assert self.declaration().draw(np.random.default_rng(0), "root", ()).is_resolved

    def test_sampling_agrees_with_density(self) -> None:
        scm = SCM(("a", "b", "c", "node"), self._around())
        z = scm.sample(4000, seed=5).double().cpu()
        function = self.built(torch.float64).cpu()
        scale = _scale(function, z[:, :3])
        residual = (z[:, 3] - function(z[:, :3])) / scale
        assert stats.kstest(residual.numpy(), "norm").pvalue > 1e-4
        free = scm.log_density(z.to(self.dtype).to(self.device)).double().cpu()
        root = (
            torch.distributions.Normal(0.0, 1.0).log_prob(torch.cat([z[:, :3], residual[:, None]], 1)).sum(-1)
        )
        torch.testing.assert_close(free, root - scale.log(), rtol=1e-4, atol=1e-3)

    def _around(self, dtype: torch.dtype | None = None) -> dict[str, AdditiveMechanism]:
        noise = _UnitNormal(dtype or self.dtype, self.device)
        roots = {name: AdditiveMechanism(None, noise, ()) for name in PARENTS}
        return {**roots, "node": AdditiveMechanism(self.built(dtype), noise, PARENTS)}


def _scale(function: Function, parents: Tensor) -> Tensor:
    scale = function.scale(parents)
    return torch.ones_like(parents[..., 0]) if scale is None else scale


class _UnitNormal(Noise):
    """N(mean, 1), so that mechanisms can be tested without a noise family."""

    def __init__(self, dtype: torch.dtype, device: str) -> None:
        super().__init__(_Unit(), dtype, device)

    def distribution(self, mean: Tensor) -> torch.distributions.Normal:
        return torch.distributions.Normal(mean, self.deviation, validate_args=False)


class _Unit:
    mean, variance = 0.0, 1.0
