"""Encoders from sparse score changes: the objective of the GSCALE-I papers.

Between the two hard environments of latent i the score changes along z_i alone. So for encoder h and decoder φ that
give the observations back, D_t[j, i] = E_obs |[J_φ(ẑ)ᵀ d^i(y)]_j|, with d^i the difference of the scores of these two
environments, is diagonal at the truth, and |D_t − I| plus the squared error of the reconstruction is made small
(Varıcı, Acartürk, Shanmugam & Tajer, JMLR 2025, arXiv:2402.00849, section on general transformations).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.inference.encoders.restarts import agreement_of, network_of
from crlspec.inference.encoders.structured_ratio import Fitted, Settings
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, train
from crlspec.progress import Losses, Progress
from crlspec.scores.base import Coordinates, ScoreDifference

__all__ = ["between_pairs", "fit_sparse", "score_changes"]

RECONSTRUCTION = 100.0
"""Weight of the squared error of a component, as in the papers."""


def score_changes(decoder: ResidualNetwork, z: Tensor, differences: Tensor) -> Tensor:
    """D_t (replica, latent j, latent i): means over samples of |J_φ(z)ᵀ d^i|.

    z            (replica, sample, latent)
    differences  (latent, sample, component) d^i at the same samples
    """
    replicas = len(z)
    pull = torch.func.vjp(decoder, z)[1]
    pulled = torch.vmap(lambda d: pull(d.expand(replicas, -1, -1))[0], out_dims=-1)(differences)
    return pulled.abs().mean(1)


class ScoreSparsity(nn.Module):
    """Replicas of encoder and decoder, float64.

    rows   (replica, latent, component): linear encoders to start from, each latent scaled to D_t[i, i] = 1
    width  hidden units; 0: linear maps
    """

    def __init__(self, rows: Tensor, differences: Tensor, width: int, generator: torch.Generator) -> None:
        super().__init__()
        back = torch.linalg.pinv(rows).transpose(1, 2)
        size = torch.einsum("rjc,isc->rsji", back, differences).abs().mean(1).diagonal(dim1=1, dim2=2)
        self.encoder = ResidualNetwork((rows * size[..., None]).transpose(1, 2), width, generator)
        self.decoder = ResidualNetwork(back / size[..., None], width, generator)
        self.double()

    def losses(self, y: Tensor, differences: Tensor, others: Tensor) -> Tensor:
        """(replica,): Σ|D_t − I| at observational y, plus the weighted squared error of a component of others.

        y (sample, component); differences (latent, sample, component); others (sample, component)
        """
        replicas, n = len(self.encoder.skip), len(differences)
        changes = score_changes(self.decoder, self.encoder(y.expand(replicas, -1, -1)), differences)
        sparsity = (changes - torch.eye(n, dtype=y.dtype, device=y.device)).abs().sum((1, 2))
        return sparsity + RECONSTRUCTION * self.error(others)

    def error(self, y: Tensor) -> Tensor:
        """Squared error of the reconstruction (replica,), of y (sample, component)."""
        given = y.expand(len(self.encoder.skip), -1, -1)
        return ((self.decoder(self.encoder(given)) - given) ** 2).mean((1, 2))


def between_pairs(
    scores: ScoreDifference,
    coordinates: Coordinates,
    pairs: Sequence[tuple[int, int]],
    seed: int,
    progress: Progress,
) -> np.ndarray:
    """The difference of the scores of the two environments of each latent at the observational samples: (latent,
    sample, component). ``pairs`` count the environments of ``coordinates`` from 1 on."""
    weights = np.zeros((len(pairs), len(coordinates.environments)))
    for i, (a, b) in enumerate(pairs):
        weights[i, a - 1], weights[i, b - 1] = 1, -1
    return scores.estimate(coordinates, seed, progress).combined(weights).values


def fit_sparse(
    samples: Sequence[np.ndarray],
    differences: np.ndarray,
    rows: np.ndarray,
    settings: Settings,
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
) -> Fitted:
    """Train restarts from linear encoders and keep the one of lowest held-out loss.

    samples      (sample, component) of every environment, the observational first: it shows the score changes, all of
                 them what is to be reconstructed
    differences  (latent, sample, component) at the observational samples
    rows         (restart, latent, component): where each restart begins
    """
    generator = torch.Generator().manual_seed(seed)
    y, d = torch.as_tensor(samples[0]).double(), torch.as_tensor(differences).double()
    pooled = torch.as_tensor(np.concatenate(samples)).double()
    orders = [torch.randperm(len(values), generator=generator) for values in (y, pooled)]
    cut, cut_all = (max(1, int(settings.held_out * len(values))) for values in (y, pooled))
    model = ScoreSparsity(torch.as_tensor(rows).double(), d, settings.width, generator).to(context.device)
    y, d, pooled, order, everything = (one.to(context.device) for one in (y, d, pooled, *orders))
    held = y[order[:cut]], d[:, order[:cut]], pooled[everything[:cut_all]][: 4 * cut]

    def draw(g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        some = order[cut:][
            context.part(torch.randint(len(order) - cut, (settings.batch,), generator=g, device=g.device))
        ]
        drawn = torch.randint(len(pooled) - cut_all, (settings.batch,), generator=g, device=g.device)
        others = everything[cut_all:][context.part(drawn)]
        return y[some], d[:, some], pooled[others]

    def shown(step: int, losses: Tensor) -> Losses:
        values = {f"restart {k + 1}": float(loss) for k, loss in enumerate(losses)}
        return Losses(step, "held-out score changes off the diagonal and squared error", values, "network")

    trained = train(
        model,
        lambda batch: model.losses(*batch),
        draw,
        context.chance(generator),
        Plan(settings.steps, settings.rate, look=50, patience=12),
        held_out=lambda: model.losses(*held),
        groups=[*model.encoder.groups(settings.decay), *model.decoder.groups(settings.decay)],
        progress=progress,
        stage="encoder",
        shown=shown,
        checkpoint=context.checkpoint("encoder"),
        fabric=context.fabric,
    )
    with torch.no_grad():
        error = model.error(held[2])
        latents = model.encoder(held[2].expand(len(rows), -1, -1)).cpu().numpy()
    return Fitted(
        encoder=network_of(model.encoder, trained.best),
        decoder=network_of(model.decoder, trained.best),
        losses=tuple(float(loss) for loss in trained.losses.sort().values),
        reconstruction=float(error[trained.best]),
        agreement=agreement_of(latents, trained.best),
        trained=trained,
    )
