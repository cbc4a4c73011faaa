"""The contract of mixing families."""

import abc
from typing import Any, ClassVar

import numpy as np
import torch

from crlspec.errors import CrlspecError
from crlspec.generative.mixing import Mixing
from crlspec.registry import MixingDeclaration
from crlspec.testing.family import FamilyContract
from crlspec.testing.places import all_in
from crlspec.typing import Tensor

__all__ = ["MixingContract"]


class MixingContract(FamilyContract):
    """The laws of a mixing family: differentiable, injective, labelled."""

    latents: ClassVar[tuple[str, ...]] = ("a", "b", "c")

    @abc.abstractmethod
    def declaration(self) -> MixingDeclaration: ...

    @abc.abstractmethod
    def expected(self, declaration: Any, z: np.ndarray) -> np.ndarray:
        """g by numpy: (sample, latent) → (sample, observed)."""

    def resolved(self, seed: int = 0) -> MixingDeclaration:
        return self.declaration().draw(np.random.default_rng(seed), self.latents)

    def _again(self, resolved: MixingDeclaration, seed: int) -> MixingDeclaration:
        return resolved.draw(np.random.default_rng(seed), self.latents)

    def built(self, dtype: torch.dtype | None = None) -> Mixing:
        declaration = self.resolved()
        mixing: Mixing = declaration.implement()(declaration, self.latents, dtype or self.dtype, self.device)
        return mixing

    def values(self, built: Mixing) -> Tensor:
        dtype = next((buffer.dtype for buffer in built.buffers()), self.dtype)
        return built(self.points(50, len(self.latents), dtype))

    def evaluated(self, built: Mixing, dtype: torch.dtype) -> list[Tensor]:
        z = self.points(20, len(self.latents), dtype)
        return [built(z), built.jacobian(z)]

    def test_the_inverse_stays_where_it_is_in_its_dtype(self) -> None:
        for dtype in (torch.float32, torch.float64):
            mixing = self.built(dtype)
            x = mixing(self.points(20, len(self.latents), dtype))
            if mixing.has_inverse:
                with all_in(dtype, self.device):
                    assert mixing.inverse(x).shape == (20, len(self.latents))

    def test_agrees_with_numpy(self) -> None:
        points = self.points(50, len(self.latents))
        expected = self.expected(self.resolved(), points.double().cpu().numpy())
        np.testing.assert_allclose(
            self.built()(points).double().cpu(), expected, rtol=self.tolerance, atol=self.tolerance
        )

    def test_any_sample_shape(self) -> None:
        points, mixing = self.points(24, len(self.latents)), self.built()
        flat = mixing(points)
        torch.testing.assert_close(mixing(points.reshape(2, 3, 4, -1)), flat.reshape(2, 3, 4, -1))
        torch.testing.assert_close(torch.vmap(mixing)(points), flat)
        assert mixing.jacobian(points.reshape(2, 12, -1)).shape == (2, 12, flat.shape[-1], len(self.latents))

    def test_jacobian_agrees_with_reverse_mode(self) -> None:
        points, mixing = self.points(10, len(self.latents)), self.built()
        reverse = torch.vmap(torch.func.jacrev(mixing))(points)
        torch.testing.assert_close(mixing.jacobian(points), reverse, rtol=1e-4, atol=1e-5)

    def test_jacobian_has_full_column_rank(self) -> None:
        points = self.points(200, len(self.latents), torch.float64)
        ranks = torch.linalg.matrix_rank(self.built(torch.float64).jacobian(points))
        assert bool((ranks == len(self.latents)).all())

    def test_different_latents_give_different_observations(self) -> None:
        x = self.built(torch.float64)(self.points(300, len(self.latents), torch.float64))
        distances = torch.pdist(x)
        assert float(distances.min()) > 0

    def test_inverse_undoes_forward(self) -> None:
        mixing, points = self.built(torch.float64), self.points(200, len(self.latents), torch.float64)
        if mixing.has_inverse:
            torch.testing.assert_close(mixing.inverse(mixing(points)), points, rtol=1e-6, atol=1e-6)
            return
        try:
            mixing.inverse(mixing(points))
        except CrlspecError:
            return
        raise AssertionError("has_inverse is False, so inverse must raise CrlspecError")

    def test_observed_variables_are_named(self) -> None:
        declaration, mixing = self.resolved(), self.built()
        assert mixing.observed == declaration.observed_names()
        assert len(set(mixing.observed)) == mixing(self.points(1, len(self.latents))).shape[-1]
