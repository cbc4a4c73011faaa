"""The papers' objective of GSCALE-I: Jacobian products, the truth as its minimum, the way there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crlspec.inference.encoders.score_sparsity import ScoreSparsity, between_pairs, fit_sparse, score_changes
from crlspec.inference.encoders.structured_ratio import Settings
from crlspec.inference.gscale import GScaleI
from crlspec.numerics.linalg import ColumnSpace
from crlspec.numerics.residual import ResidualNetwork
from crlspec.progress import silent
from crlspec.scores.base import Coordinates
from crlspec.scores.exact import ExactScores
from crlspec.scores.ratio import RatioScores
from crlspec.testing import LinearGaussianToy, PairsToy

TOY = PairsToy()


def whitened() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """White components of every environment's latents (sample, component), the encoder that gives these back, and the
    true score changes (latent, sample, component) between the two environments of each latent: its variances there
    are ¼ and 4, so that their scores differ by (4 − ¼) z_i along z_i."""
    z = [TOY.z(name) for name in ("obs", *TOY.environments)]
    space = ColumnSpace.fit(z, 3)
    differences = np.stack([3.75 * z[0][:, [i]] * space.coloring[i] for i in range(3)])
    return [space(one) for one in z], space.coloring, differences


def test_jacobian_products_are_those_of_the_whole_jacobian():
    generator = torch.Generator().manual_seed(0)
    decoder = ResidualNetwork(torch.randn(2, 3, 5, generator=generator), 8, generator).double()
    with torch.no_grad():
        decoder.weights[-1].copy_(torch.randn(decoder.weights[-1].shape, generator=generator))
    z = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    differences = torch.randn(3, 7, 5, generator=generator, dtype=torch.float64)
    found = score_changes(decoder, z, differences)
    jacobians = [torch.func.jacfwd(lambda v: decoder(v[:, None])[:, 0])(z[:, k]) for k in range(7)]
    own = torch.stack([torch.stack([j[r, :, r] for j in jacobians]) for r in range(2)])  # of each replica
    torch.testing.assert_close(found, torch.einsum("rscj,isc->rsji", own, differences).abs().mean(1))


def test_the_truth_leaves_nothing_off_the_diagonal():
    samples, right, differences = whitened()
    u, d = torch.as_tensor(samples[0]), torch.as_tensor(differences)
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rows = torch.as_tensor(np.stack([right, turned]))
    model = ScoreSparsity(rows, d, 0, torch.Generator().manual_seed(0))
    least, more = model.losses(u, d, u).detach().tolist()
    assert least < 1e-4
    assert more > 0.3


def test_it_is_found_from_elsewhere():
    samples, right, differences = whitened()
    start = right + 0.3 * np.random.default_rng(0).normal(size=(2, 3, 3))
    found = fit_sparse(samples, differences, start, Settings(False, width=0, steps=300, rate=0.02), 0, silent)
    correlations = np.corrcoef(TOY.z("obs").T, found.encoder(samples[0]).T)[:3, 3:]
    assert np.abs(np.diagonal(correlations)).min() > 0.97
    assert found.losses[0] < 0.5
    assert found.decoder is not None
    np.testing.assert_allclose(found.decoder(found.encoder(samples[0])), samples[0], atol=0.05)


def test_differences_of_pairs_are_those_of_their_scores():
    toy = LinearGaussianToy(samples=300)
    coordinates = Coordinates.of(toy.problem, toy.environments)
    found = between_pairs(ExactScores(toy.difference), coordinates, [(1, 2), (3, 1)], 0, silent)
    x = toy.problem.samples["obs"]
    own = [toy.difference(name, x) @ coordinates.space.coloring for name in toy.environments]
    np.testing.assert_allclose(found, [own[0] - own[1], own[2] - own[0]], atol=1e-8)


@pytest.mark.slow
def test_the_estimator_recovers_latents_by_it():
    estimator = GScaleI(restarts=1, steps=100, loss="score-sparsity")
    found = estimator.solve(TOY.problem, RatioScores(steps=150), 0, silent)
    shown = {TOY.target(e): k for k, e in enumerate(found.environment_of.values())}
    z = found.encoder(TOY.problem.samples["obs"])[:, [shown[name] for name in TOY.latents]]
    assert np.abs(np.diagonal(np.corrcoef(TOY.z("obs").T, z.T)[:3, 3:])).min() > 0.97
    assert "sparse score changes" in found.stages[1].note
