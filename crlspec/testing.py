"""Contracts that every family keeps: test classes to inherit. A new family writes two methods.

    class TestCubic(MechanismContract):
        def declaration(self):
            return CubicMechanism()

        def expected(self, declaration, parents):          # the same in numpy, told in another way
            return (parents**3).sum(-1)

pytest then runs all the laws below on it. ``device`` and ``dtype`` say where. The base classes are not collected
themselves: their names do not begin with ``Test``.
"""

import abc
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
import yaml
from scipy import stats

from crlspec.data import Problem
from crlspec.errors import CrlspecError, SettingMismatch
from crlspec.generative.mixing import Mixing
from crlspec.generative.scm import SCM, AdditiveMechanism, Function, Noise
from crlspec.inference.estimate import Estimate
from crlspec.progress import silent
from crlspec.registry import Declaration, MechanismDeclaration, MixingDeclaration, NoiseDeclaration
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.setting import Setting
from crlspec.typing import Tensor

PARENTS = ("a", "b", "c")


class FamilyContract(abc.ABC):
    """What all families share: draws, YAML, pickling, device and dtype."""

    device: ClassVar[str] = "cpu"
    dtype: ClassVar[torch.dtype] = torch.float64

    @abc.abstractmethod
    def declaration(self) -> Any:
        """A declaration of the family as a spec would hold it, with something left to draw where there can be."""

    @abc.abstractmethod
    def resolved(self, seed: int = 0) -> Any:
        """The declaration after ``draw``."""

    @abc.abstractmethod
    def built(self, dtype: torch.dtype | None = None) -> Any:
        """The implementation, built from the resolved declaration."""

    @abc.abstractmethod
    def values(self, built: Any) -> Tensor:
        """Some output of the implementation at fixed points; floating-point."""

    @property
    def tolerance(self) -> float:
        """The relative accuracy asked for in this dtype."""
        return 1e-9 if self.dtype == torch.float64 else 1e-4

    def points(self, count: int, size: int, dtype: torch.dtype | None = None) -> Tensor:
        """Fixed standard normal points, shape (count, size)."""
        numbers = np.random.default_rng(7).standard_normal((count, size))
        return torch.tensor(numbers, dtype=dtype or self.dtype, device=self.device)

    def test_draw_leaves_no_randomness(self) -> None:
        resolved = self.resolved(0)
        assert resolved.is_resolved
        assert _plain(self._again(resolved, 1)) == _plain(resolved)

    def test_draw_is_the_same_for_the_same_seed(self) -> None:
        assert _plain(self.resolved(3)) == _plain(self.resolved(3))

    def test_declarations_survive_yaml(self) -> None:
        for declaration in (self.declaration(), self.resolved()):
            text = yaml.safe_dump(_plain(declaration))
            assert type(declaration).model_validate(yaml.safe_load(text)) == declaration

    def test_declarations_are_frozen_and_closed(self) -> None:
        declaration: Declaration = self.declaration()
        for attempt in (
            lambda: setattr(declaration, "kind", "other"),
            lambda: type(declaration).model_validate({**_plain(declaration), "unknown_key": 1}),
        ):
            try:
                attempt()
            except ValueError:
                continue
            raise AssertionError("a declaration must be frozen and refuse unknown keys")

    def test_pickling_keeps_the_numbers(self) -> None:
        built = self.built()
        copy = pickle.loads(pickle.dumps(built))
        assert torch.equal(self.values(copy), self.values(built))

    def test_device_and_dtype_are_kept(self) -> None:
        for dtype in (torch.float32, torch.float64):
            values = self.values(self.built(dtype))
            assert values.dtype == dtype
            assert values.device.type == torch.device(self.device).type

    def test_moving_equals_building_there(self) -> None:
        moved = self.built(torch.float64).to(torch.float32)
        torch.testing.assert_close(
            self.values(moved), self.values(self.built(torch.float32)), rtol=1e-4, atol=1e-5
        )

    @abc.abstractmethod
    def _again(self, resolved: Any, seed: int) -> Any:
        """``draw`` of a declaration that is resolved already."""


class MechanismContract(FamilyContract):
    """The laws of a mechanism family z_i = f(parents) + noise."""

    @abc.abstractmethod
    def declaration(self) -> MechanismDeclaration: ...

    @abc.abstractmethod
    def expected(self, declaration: Any, parents: np.ndarray) -> np.ndarray:
        """f by numpy: (sample, parent) → (sample,); the columns are the parents a, b and c."""

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

    def test_agrees_with_numpy(self) -> None:
        points = self.points(50, len(PARENTS))
        expected = self.expected(self.resolved(), points.double().cpu().numpy())
        np.testing.assert_allclose(
            self.built()(points).double().cpu().numpy(), expected, rtol=self.tolerance, atol=self.tolerance
        )

    def test_any_sample_shape(self) -> None:
        points, function = self.points(24, len(PARENTS)), self.built()
        flat = function(points)
        torch.testing.assert_close(function(points.reshape(2, 3, 4, -1)), flat.reshape(2, 3, 4))
        torch.testing.assert_close(torch.vmap(function)(points), flat)
        torch.testing.assert_close(function(points[0]), flat[0])

    def test_gradient_agrees_with_differences(self) -> None:
        points = self.points(8, len(PARENTS), torch.float64).requires_grad_(True)
        assert torch.autograd.gradcheck(self.built(torch.float64), points)

    def test_the_order_of_the_parents_does_not_matter(self) -> None:
        points, declaration = self.points(20, len(PARENTS)), self.resolved()
        order = [2, 0, 1]
        turned = declaration.implement()(
            declaration, tuple(PARENTS[i] for i in order), self.dtype, self.device
        )
        torch.testing.assert_close(turned(points[:, order]), self.built()(points))

    def test_scaled_is_a_factor(self) -> None:
        points = self.points(20, len(PARENTS))
        torch.testing.assert_close(self.built(factor=-0.5)(points), -0.5 * self.built()(points))
        assert self.resolved().scaled(-0.5).is_resolved

    def test_roots_can_be_drawn(self) -> None:
        assert self.declaration().draw(np.random.default_rng(0), "root", ()).is_resolved

    def test_sampling_agrees_with_density(self) -> None:
        scm = SCM(("a", "b", "c", "node"), self._around())
        z = scm.sample(4000, seed=5).double().cpu()
        residual = z[:, 3] - self.built(torch.float64).cpu()(z[:, :3])
        assert stats.kstest(residual.numpy(), "norm").pvalue > 1e-4
        free = scm.log_density(z.to(self.dtype).to(self.device)).double().cpu()
        root = (
            torch.distributions.Normal(0.0, 1.0).log_prob(torch.cat([z[:, :3], residual[:, None]], 1)).sum(-1)
        )
        torch.testing.assert_close(free, root, rtol=1e-4, atol=1e-3)

    def _around(self) -> dict[str, AdditiveMechanism]:
        noise = _UnitNormal(self.dtype, self.device)
        roots = {name: AdditiveMechanism(None, noise, ()) for name in PARENTS}
        return {**roots, "node": AdditiveMechanism(self.built(), noise, PARENTS)}


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
        with _own_stream():
            draws = noise.distribution(noise.mean.expand(20_000)).sample().numpy()
        family = self.expected(self.resolved())
        assert stats.kstest(draws, family.cdf).pvalue > 1e-4
        error = family.std() / np.sqrt(len(draws))
        assert abs(draws.mean() - family.mean()) < 5 * error

    def test_has_the_declared_mean_and_variance(self) -> None:
        declaration = self.resolved()
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


@dataclass(frozen=True)
class LinearGaussianToy:
    """The chain c → a → b of Gaussian latents, a hard intervention on each, five observed variables.

    ``do_a`` replaces the mechanism of a by noise of four times its variance, likewise ``do_b`` and ``do_c``.
    """

    samples: int = 6000
    latents: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    edges: ClassVar[frozenset[tuple[str, str]]] = frozenset({("c", "a"), ("a", "b")})
    environments: ClassVar[tuple[str, ...]] = ("do_a", "do_b", "do_c")
    weights: ClassVar[np.ndarray] = np.array([[0, 0, 1.0], [-0.9, 0, 0], [0, 0, 0]])  # [effect, cause]

    @property
    def mixing(self) -> np.ndarray:
        """(observed, latent)"""
        return np.random.default_rng(3).normal(size=(5, 3))

    def unmixed(self, environment: str) -> tuple[np.ndarray, np.ndarray]:
        """I − W (latent, latent) and noise variances (latent,): z = (I − W)⁻¹ noise."""
        weights, variances = self.weights.copy(), np.ones(3)
        if environment != "obs":
            target = self.environments.index(environment)
            weights[target], variances[target] = 0, 4
        return np.eye(3) - weights, variances

    def z(self, environment: str) -> np.ndarray:
        """Latents (sample, latent)."""
        structure, variances = self.unmixed(environment)
        rng = np.random.default_rng(("obs", *self.environments).index(environment))
        noise = rng.normal(size=(self.samples, 3)) * np.sqrt(variances)
        return np.asarray(np.linalg.solve(structure, noise.T).T)

    @property
    def problem(self) -> Problem:
        """Observations of all environments, targets concealed: latents are named by their environments."""
        setting = Setting(
            "linear", "single-node", "hard", self.latents, "obs", self.environments, noise="gaussian"
        )
        x = {name: self.z(name) @ self.mixing.T + 2 for name in ("obs", *self.environments)}
        return Problem(setting, ("x1", "x2", "x3", "x4", "x5"), x)

    def difference(self, environment: str, x: np.ndarray) -> np.ndarray:
        """The true d_x = s_obs − s_env at x: (sample, observed) → (sample, observed)."""
        precisions = [
            structure.T @ np.diag(1 / variances) @ structure
            for structure, variances in (self.unmixed(environment), self.unmixed("obs"))
        ]
        inverse = np.linalg.pinv(self.mixing)
        return np.asarray((x - 2) @ inverse.T @ (precisions[0] - precisions[1]) @ inverse)


class ScoreContract(abc.ABC):
    """The laws of score differences, exact and estimated alike, on :class:`LinearGaussianToy`."""

    tolerance: ClassVar[float] = 0.05
    """Mean squared error allowed, over the mean square of the truth."""

    @abc.abstractmethod
    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        """The estimator; exact scores take ``toy.difference`` as oracle."""

    def estimated(self, environments: tuple[str, ...], seed: int = 0) -> tuple[Coordinates, ScoreEstimate]:
        """Score differences of the toy, with its environments in some order."""
        toy = LinearGaussianToy()
        coordinates = Coordinates.fit(toy.problem.samples, "obs", environments, 3)
        return coordinates, self.scores(toy).estimate(coordinates, seed, silent)

    def truth(self, coordinates: Coordinates) -> np.ndarray:
        """(environment, sample, component)"""
        toy = LinearGaussianToy()
        found = [toy.difference(name, coordinates.x) for name in coordinates.environments]
        return np.stack(found) @ coordinates.space.coloring

    def test_shapes_are_those_of_every_other(self) -> None:
        coordinates, found = self.estimated(LinearGaussianToy.environments)
        assert found.values.shape == (3, len(coordinates.observational), 3)
        assert found.moments.shape == (3, 3, 3)
        assert found.noise.shape == (3,)
        assert (found.replicates is None) == found.exact
        assert found.replicates is None or found.replicates.shape == (2, *found.values.shape)
        assert all(np.isfinite(array).all() for array in (found.values, found.moments, found.noise))
        np.testing.assert_allclose(found.moments, np.swapaxes(found.moments, 1, 2), rtol=1e-9, atol=1e-12)

    def test_values_and_moments_are_near_the_truth_whatever_the_order_of_environments(self) -> None:
        for environments in (LinearGaussianToy.environments, LinearGaussianToy.environments[::-1]):
            coordinates, found = self.estimated(environments)
            truth = self.truth(coordinates)
            error = ((found.values - truth) ** 2).sum(-1).mean(-1)
            assert np.all(error <= self.tolerance * (truth**2).sum(-1).mean(-1))
            moments = np.einsum("esi,esj->eij", truth, truth) / truth.shape[1]
            size = np.linalg.norm(moments, axis=(1, 2))
            assert np.all(
                np.linalg.norm(found.moments - moments, axis=(1, 2)) <= 2 * self.tolerance**0.5 * size
            )

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        first, second = (self.estimated(LinearGaussianToy.environments, seed=4)[1] for _ in range(2))
        np.testing.assert_array_equal(first.values, second.values)
        np.testing.assert_array_equal(first.moments, second.moments)


class EstimatorContract(abc.ABC):
    """The laws of an estimator of latents and graph, on :class:`LinearGaussianToy`."""

    tolerance: ClassVar[float] = 1e-5

    @abc.abstractmethod
    def estimator(self) -> Any:
        """The estimator, with ``accepts`` and ``solve``."""

    @abc.abstractmethod
    def refused(self) -> Sequence[Setting]:
        """Settings that it must refuse."""

    def scores(self) -> ScoreDifference:
        """The score differences it is given."""
        return GaussianScores()

    def solved(self, problem: Problem, seed: int = 0) -> Estimate:
        """Its answer."""
        estimate: Estimate = self.estimator().solve(problem, self.scores(), seed, silent)
        return estimate

    def by_environment(self, estimate: Estimate) -> tuple[np.ndarray, set[tuple[str, str]]]:
        """Encoder rows in the order of the toy's environments, and edges between environments: free of names."""
        shown = dict(estimate.environment_of)
        rows = {shown[z]: row for z, row in zip(estimate.latents, estimate.encoder.matrix, strict=True)}
        edges = {(shown[edge.source], shown[edge.target]) for edge in estimate.edges}
        return np.stack([rows[name] for name in LinearGaussianToy.environments]), edges

    def same(self, first: Estimate, second: Estimate) -> None:
        """Fails unless both say the same of every environment's latent."""
        (rows, edges), (others, other_edges) = self.by_environment(first), self.by_environment(second)
        np.testing.assert_allclose(rows, others, atol=self.tolerance * np.abs(rows).max())
        assert edges == other_edges

    def test_the_toy_is_recovered(self) -> None:
        toy = LinearGaussianToy()
        rows, edges = self.by_environment(self.solved(toy.problem))
        assert edges == {(f"do_{a}", f"do_{b}") for a, b in toy.edges}
        recovered = rows @ toy.mixing  # a scaled identity
        assert np.all(np.abs(np.diagonal(recovered)) >= 0.99 * np.linalg.norm(recovered, axis=1))

    def test_names_and_order_of_environments_and_latents_do_not_matter(self) -> None:
        problem = LinearGaussianToy().problem
        turned = replace(problem.setting, environments=("do_c", "do_a", "do_b"), latents=("k", "l", "m"))
        samples = {name: problem.samples[name] for name in ("do_b", "obs", "do_c", "do_a")}
        self.same(self.solved(problem), self.solved(Problem(turned, problem.observed, samples)))

    def test_the_order_of_the_samples_does_not_matter(self) -> None:
        problem, rng = LinearGaussianToy().problem, np.random.default_rng(0)
        samples = {name: rng.permutation(x) for name, x in problem.samples.items()}
        self.same(self.solved(problem), self.solved(replace(problem, samples=samples)))

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        problem = LinearGaussianToy().problem
        first, second = self.solved(problem, 3), self.solved(problem, 3)
        np.testing.assert_array_equal(first.encoder.matrix, second.encoder.matrix)
        assert first.tested == second.tested

    def test_wrong_settings_are_refused(self) -> None:
        self.estimator().accepts(LinearGaussianToy().problem.setting)
        for setting in self.refused():
            try:
                self.estimator().accepts(setting)
            except SettingMismatch as error:
                remedy = error.remedy
            else:
                remedy = None
            if remedy:
                continue
            raise AssertionError(f"{setting} must be refused, with a remedy")


class _UnitNormal(Noise):
    """N(mean, 1), so that mechanisms can be tested without a noise family."""

    def __init__(self, dtype: torch.dtype, device: str) -> None:
        super().__init__(_Unit(), dtype, device)

    def distribution(self, mean: Tensor) -> torch.distributions.Normal:
        return torch.distributions.Normal(mean, self.deviation, validate_args=False)


class _Unit:
    mean, variance = 0.0, 1.0


def _plain(declaration: Declaration) -> dict[str, Any]:
    return declaration.model_dump(mode="json")


@contextmanager
def _own_stream() -> Iterator[None]:
    """A fixed random stream, with the global generator put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(11)
        yield


__all__ = [
    "EstimatorContract", "FamilyContract", "LinearGaussianToy", "MechanismContract", "MixingContract",
    "NoiseContract", "ScoreContract",
]  # fmt: skip
