"""Encoders from classifiers that carry the structure of two hard interventions on each latent.

The log ratio of the two environments of a latent, log q_i(z_i) − log q̃_i(z_i), depends on that latent alone,
whatever the mechanisms: so logit_i(x) = φ_i(h_i(x)) with one encoder h for all latents and a univariate head φ_i,
exactly quadratic where the noise is Gaussian. A decoder that must give x back from h(x) keeps h injective: an even
φ_i alone would fold z_i into |z_i|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional

from crlspec.inference.maps import Network
from crlspec.numerics.checkpoints import HERE, Place
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, Trained, train
from crlspec.progress import Losses, Progress

__all__ = ["Fitted", "Settings", "agreement_of", "fit", "network_of"]


@dataclass(frozen=True)
class Settings:
    """How the networks are made and trained.

    flexible  heads that follow any smooth log ratio, not quadratic ones alone
    width     hidden units of encoder and decoder; 0: a linear encoder and no decoder
    restarts  replicas, trained as one batch; the one of lowest held-out loss is chosen
    """

    flexible: bool
    width: int = 128
    restarts: int = 4
    steps: int = 3000
    batch: int = 128
    rate: float = 4e-3
    decay: float = 0.03
    reconstruction: float = 3.0
    held_out: float = 0.1


@dataclass(frozen=True)
class Fitted:
    """encoder and decoder (None where nothing was reconstructed), from and to the components; the held-out losses
    (replica,) of all restarts in rising order, the first the chosen one's; reconstruction: its squared error of a
    component; agreement (latent,): |rank correlations| of the chosen latents with those of the other restart that
    comes nearest, NaN where there was one restart."""

    encoder: Network
    decoder: Network | None
    losses: tuple[float, ...]
    reconstruction: float
    agreement: np.ndarray
    trained: Trained


class StructuredRatio(nn.Module):
    """Replicas of encoder, heads and decoder.

    rows  (replica, latent, component): linear encoders to start from
    """

    def __init__(self, rows: Tensor, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        replicas, n, _ = rows.shape
        self.encoder = ResidualNetwork(rows.transpose(1, 2), settings.width, generator)
        back = torch.linalg.pinv(rows).transpose(1, 2)
        self.decoder = ResidualNetwork(back, settings.width, generator) if settings.width else None
        self.curve = (
            BatchedNetwork(replicas * n, 1, 16, generator, quadratic=True) if settings.flexible else None
        )
        self.head = nn.Parameter(torch.zeros(replicas, n, 3, 1))

    def losses(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Log losses (replica, latent) and squared errors of the reconstruction (replica,).

        y  (latent, 2 · sample, component): for each latent the rows of its first environment, then of its second
        """
        n, size, components = y.shape
        replicas = len(self.head)
        flat = y.reshape(1, n * size, components).expand(replicas, -1, -1)
        h = self.encoder(flat)
        own = (
            h.reshape(replicas, n, size, n).diagonal(dim1=1, dim2=3).transpose(1, 2)
        )  # replica, latent, sample
        quadratic, linear, constant = self.head.unbind(2)
        logits = (quadratic * own + linear) * own + constant
        if self.curve is not None:
            logits = logits + self.curve(own.reshape(replicas * n, size, 1)).reshape(replicas, n, size)
        first, second = logits.chunk(2, -1)
        log_loss = (functional.softplus(-first).mean(-1) + functional.softplus(second).mean(-1)) / 2
        if self.decoder is None:
            return log_loss, torch.zeros(replicas, device=y.device)
        return log_loss, ((self.decoder(h) - flat) ** 2).mean((1, 2))

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW."""
        groups = self.encoder.groups(decay)
        groups += [] if self.decoder is None else self.decoder.groups(decay)
        groups += [] if self.curve is None else self.curve.groups(1e-2)
        return [*groups, {"params": [self.head], "weight_decay": 0.0}]


def fit(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    rows: np.ndarray,
    settings: Settings,
    seed: int,
    progress: Progress,
    place: Place = HERE,
) -> Fitted:
    """Train restarts from linear encoders and keep the one of lowest held-out loss.

    pairs  for each latent the samples (sample, component) of its two environments
    rows   (restart, latent, component): where each restart begins
    """
    generator = torch.Generator().manual_seed(seed)
    samples = [[torch.as_tensor(y, dtype=torch.float32) for y in pair] for pair in pairs]
    shuffled = [[y[torch.randperm(len(y), generator=generator)] for y in pair] for pair in samples]
    cuts = [[max(1, int(settings.held_out * len(y))) for y in pair] for pair in shuffled]
    training = [[y[cut:] for y, cut in zip(pair, two)] for pair, two in zip(shuffled, cuts)]
    held = [[y[:cut] for y, cut in zip(pair, two)] for pair, two in zip(shuffled, cuts)]
    model = StructuredRatio(torch.as_tensor(rows, dtype=torch.float32), settings, generator)
    model = model.to(place.device)
    size = min(1000, max(len(y) for pair in held for y in pair))
    checks = _drawn(held, size, generator).to(place.device)

    def total(log_loss: Tensor, error: Tensor) -> Tensor:
        return log_loss.sum(1) + settings.reconstruction * error

    def shown(step: int, losses: Tensor) -> Losses:
        values = {f"restart {k + 1}": float(loss) for k, loss in enumerate(losses)}
        return Losses(step, "held-out log loss and squared error", values, "network")

    trained = train(
        model,
        lambda batch: total(*model.losses(batch)),
        lambda g: _drawn(training, settings.batch, g).to(place.device),
        generator,
        Plan(settings.steps, settings.rate, look=50, patience=12),
        held_out=lambda: total(*model.losses(checks)),
        groups=model.groups(settings.decay),
        progress=progress,
        stage="encoder",
        shown=shown,
        checkpoint=place.checkpoint("encoder"),
    )
    best = trained.best
    with torch.no_grad():
        _, error = model.losses(checks)
        latents = model.encoder(checks.flatten(0, 1).expand(len(rows), -1, -1)).double().cpu().numpy()
    return Fitted(
        encoder=network_of(model.encoder, best),
        decoder=None if model.decoder is None else network_of(model.decoder, best),
        losses=tuple(float(loss) for loss in trained.losses.sort().values),
        reconstruction=float(error[best]),
        agreement=agreement_of(latents, best),
        trained=trained,
    )


def agreement_of(latents: np.ndarray, best: int) -> np.ndarray:
    """|Rank correlations| (latent,) of replica ``best`` with the other that agrees with it best in its worst latent.

    latents  (replica, sample, latent)
    """
    ranks = [rankdata(z, axis=0) - (len(z) + 1) / 2 for z in latents]
    first = ranks.pop(best)
    found = [np.abs((first * z).sum(0)) / np.sqrt((first**2).sum(0) * (z**2).sum(0)) for z in ranks]
    return max(found, key=min, default=np.full(first.shape[1], np.nan))


def network_of(module: ResidualNetwork, replica: int) -> Network:
    """One replica as plain numbers."""

    def numbers(parameter: Tensor) -> np.ndarray:
        return np.asarray(parameter[replica].detach().double().cpu().numpy())

    return Network(
        skip=numbers(module.skip).T,
        bias=numbers(module.bias)[0],
        weights=tuple(numbers(weight).T for weight in module.weights),
        biases=tuple(numbers(bias)[0] for bias in module.biases),
    )


def _drawn(samples: Sequence[Sequence[Tensor]], size: int, generator: torch.Generator) -> Tensor:
    """(latent, 2 · size, component): random rows of the first environment of each latent, then of its second."""
    return torch.stack(
        [
            torch.cat([y[torch.randint(len(y), (size,), generator=generator)] for y in pair])
            for pair in samples
        ]
    )
