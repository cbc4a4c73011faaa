"""Contrastive CRL: densities and log odds in closed form, its stages, its refusals, a curved mixing undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.contrastive import Contrastive
from crlspec.inference.encoders.gaussian_environments import GaussianEnvironments, Start, log_densities
from crlspec.inference.encoders.gaussianise import Balanced, decode, gaussianise
from crlspec.inference.encoders.linear_contrast import linear_contrast
from crlspec.inference.estimate import LinearEncoder, NetworkEncoder
from crlspec.inference.likelihood.gaussian_code import unmix_code
from crlspec.numerics.sample import Sample
from crlspec.numerics.training import Plan
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.setting import Setting
from crlspec.testing import EstimatorContract, LinearGaussianToy

TOY = LinearGaussianToy()
SETTING = TOY.problem.setting


class TestContrastive(EstimatorContract):
    def estimator(self) -> Contrastive:
        return Contrastive()

    def refused(self) -> Sequence[Setting]:
        pairs = (("do_a", "do_b"), ("do_c", "do_d"), ("do_e", "do_f"))
        return [
            replace(SETTING, kind="soft"),
            replace(SETTING, noise="other"),
            replace(SETTING, function="nonlinear"),
            replace(SETTING, deterministic=True),
            replace(SETTING, design="observational"),
            replace(SETTING, design="multi-node"),
            replace(SETTING, design="coupled", pairs=pairs),
            replace(SETTING, environments=("do_a", "do_b")),
        ]


def latents() -> list[np.ndarray]:
    """z (sample, latent) of every environment of the toy, the observational first."""
    return [TOY.z(name) for name in ("obs", *TOY.environments)]


def curved(z: np.ndarray) -> np.ndarray:
    """Three linear readings, and one that is a product: four linear dimensions, a linear inverse."""
    x = z @ np.array([[1.0, 0.4, 0.0], [0.2, 1.0, -0.5], [0.0, 0.3, 1.0]]).T
    return np.column_stack([x, np.cos(0.4 * z[:, 0]) * (z[:, 1] + 3)])


def nonlinear(z: np.ndarray) -> np.ndarray:
    """Three readings that no linear map undoes."""
    scale = 1 + 0.8 * np.tanh(0.7 * z[:, 2])
    return np.column_stack([z[:, 0] * scale, z[:, 1] * scale, z[:, 2]])


def problem(mixing, **options) -> Problem:
    x = {name: mixing(TOY.z(name)) for name in ("obs", *TOY.environments)}
    observed = tuple(f"x{k}" for k in range(1, x["obs"].shape[1] + 1))
    setting = replace(SETTING, mixing="general", function="linear", observed=observed, **options)
    return Problem(setting, observed, x)


def correlations(z: np.ndarray, found: np.ndarray) -> np.ndarray:
    n = z.shape[1]
    return np.abs(np.corrcoef(z.T, found.T)[:n, n:]).diagonal()


def test_densities_are_those_of_the_latents():
    """Up to one constant, log p^e by the closed form of scipy."""
    start = Start.of(np.eye(3), latents(), (2, 0, 1))
    z = latents()[0][:20]
    scaled = torch.tensor(z @ start.rows.T + start.shift)
    found = log_densities(
        scaled[None], torch.tensor(start.weights)[None], torch.tensor(start.intercepts)[None, None]
    )[0].numpy()
    expected = []
    for name in ("obs", *TOY.environments):
        structure, variances = TOY.unmixed(name)
        precision = structure.T @ np.diag(1 / variances) @ structure
        expected.append(stats.multivariate_normal(cov=np.linalg.inv(precision)).logpdf(z))
    differences = found - np.stack(expected, 1)
    np.testing.assert_allclose(differences, differences.mean(), atol=0.15)


def test_likelihood_and_contrast_are_what_they_say():
    """Of a linear encoder: the normal density of the coordinates, and the posterior of the environments."""
    samples = latents()
    rows = np.array([[1.0, 0.2, 0], [0, 1, 0.3], [0.5, 0, 2]])
    start = Start.of(np.linalg.inv(rows), [z @ rows.T for z in samples], (2, 0, 1))
    model = GaussianEnvironments([start], 8, torch.Generator().manual_seed(0))
    u = torch.tensor(samples[1][:50] @ rows.T, dtype=torch.float32)
    sample = Sample(u, torch.ones(50, dtype=torch.long))
    z = model.encoder(u[None])[0].detach()
    densities = model.log_densities(z[None])[0].detach()
    volume = torch.linalg.slogdet(model.encoder.skip[0].detach())[1]
    torch.testing.assert_close(model.likelihood(sample)[0].detach(), -(densities[:, 1] + volume).mean())
    told = torch.log_softmax(densities, -1)[:, 1]
    torch.testing.assert_close(model.contrast(sample)[0].detach(), -told.mean())


def test_batches_are_balanced():
    environment = torch.tensor([0] * 900 + [1] * 50 + [2] * 50)
    sample = Sample(torch.arange(1000.0)[:, None], environment)
    drawn = Balanced(sample)(3000, torch.Generator().manual_seed(0))
    assert torch.bincount(drawn.environment).min() > 900
    assert torch.equal(environment[drawn.y[:, 0].long()], drawn.environment)


def test_a_code_is_unmixed():
    rng, samples = np.random.default_rng(0), latents()
    code = rng.normal(size=(3, 3))
    found = unmix_code([z @ code.T + 7 for z in samples], silent)
    assert correlations(samples[0], found(samples[0] @ code.T + 7)).min() > 0.998
    np.testing.assert_allclose(found(samples[0] @ code.T + 7).std(0), 1)


def test_the_linear_inverse_of_a_curved_mixing_is_found():
    samples = [curved(z) for z in latents()]
    scale = np.concatenate(samples).std(0)
    u = [x / scale for x in samples]
    start = Start.of(np.eye(3, 4), u, (2, 0, 1))
    rows = linear_contrast(u, start, steps=150).rows
    code = u[0] @ rows.T
    z = latents()[0]
    left = (
        z
        - z.mean(0)
        - (code - code.mean(0)) @ np.linalg.lstsq(code - code.mean(0), z - z.mean(0), rcond=None)[0]
    )
    assert (left.var(0) / z.var(0)).max() < 0.02


def test_a_curved_mixing_with_a_linear_inverse_needs_no_network_to_invert():
    estimate = Contrastive().solve(problem(curved), GaussianScores(), 0, silent)
    assert estimate.status.ok
    assert estimate.status.message == (
        "A linear encoder makes the latents Gaussian. Latents, order and edges were decided by the data."
    )
    assert isinstance(estimate.encoder, NetworkEncoder)
    assert not estimate.encoder.network.weights
    assert estimate.decoder is not None
    z = TOY.z("obs")
    assert correlations(z, estimate.encoder(curved(z))).min() > 0.99
    assert {edge.pair for edge in estimate.edges} == {("c", "a"), ("a", "b")}
    reconstructed = estimate.decoder(estimate.encoder(curved(z)))
    assert ((reconstructed - curved(z)).var(0) / curved(z).var(0)).max() < 0.05


def test_a_linear_mixing_gives_a_linear_encoder():
    estimate = Contrastive().solve(TOY.problem, GaussianScores(), 0, silent)
    assert isinstance(estimate.encoder, LinearEncoder)
    assert estimate.mixing is not None
    x = TOY.problem.samples["obs"]
    np.testing.assert_allclose(estimate.decoded(estimate.encoder(x)), x, atol=1e-6)


def test_too_few_dimensions_refute_the_number_of_latents():
    flat = problem(lambda z: np.column_stack([z[:, 0], z[:, 1], z[:, 0] - 2 * z[:, 1], z[:, 1] + 5]))
    with pytest.raises(DataError, match="span 2 linear dimensions, fewer than the 3 latents"):
        Contrastive().solve(flat, GaussianScores(), 0, silent)


def test_a_refusal_says_what_would_mend_it():
    with pytest.raises(SettingMismatch, match="contrastive CRL needs hard interventions, got soft") as caught:
        Contrastive().accepts(replace(SETTING, kind="soft"))
    assert "hard" in str(caught.value.remedy)


def test_a_decoder_explains_what_is_a_function_of_the_latents():
    z = latents()[0][:3000]
    network, explained = decode(z, nonlinear(z), 0)
    assert explained > 0.98
    assert ((network(z) - nonlinear(z)) ** 2).mean() < 0.03 * nonlinear(z).var()


@pytest.mark.parametrize("objective", ["likelihood", "log odds"])
def test_bending_betters_the_linear_start(objective):
    z = latents()
    u = [nonlinear(values) for values in z]
    start = Start.of(np.eye(3), u, (2, 0, 1))
    plan = Plan(steps=400, rate=1e-2, look=100)
    found = gaussianise(u, [start], objective, 0, silent, plan)
    assert found.objective == objective
    assert np.isnan(found.agreement)

    def explained(code: np.ndarray) -> float:
        design = np.column_stack([np.ones(len(code)), code])
        left = z[0] - design @ np.linalg.lstsq(design, z[0], rcond=None)[0]
        return float(1 - (left.var(0) / z[0].var(0)).max())

    assert explained(u[0]) < 0.9
    assert explained(found.network(u[0])) > explained(u[0]) + 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("refine", "least"), [("likelihood", 0.99), ("none", 0.9)])
def test_a_bent_mixing_is_undone(refine, least):
    estimate = Contrastive(refine=refine).solve(problem(nonlinear), GaussianScores(), 0, silent)
    z = TOY.z("obs")
    assert correlations(z, estimate.encoder(nonlinear(z))).min() > least
    assert {("c", "a"), ("a", "b")} <= {edge.pair for edge in estimate.edges}
    assert estimate.decoder is not None
    assert "not calibrated" in estimate.status.message
