"""Encoders from classifiers that carry the structure of two hard interventions on each latent.

The log ratio of the two environments of a latent, log q_i(z_i) − log q̃_i(z_i), depends on that latent alone,
whatever the mechanisms, and that of either and the observational one on it and its parents. So one classifier tells
all environments apart: the logit of environment k of latent i is φ_ik(h_i(x)) − ψ_i(h(x)), and 0 where nobody
intervenes, with one encoder h for all latents. Heads φ_ik are exactly quadratic where the noise is Gaussian, ψ_i is a
network. A decoder that must give x back from h(x) keeps h injective: even φ_ik alone would fold z_i into |z_i|. Where
a latent begins at its log ratio its heads are monotone (:mod:`crlspec.inference.encoders.monotone_ratio`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from crlspec.inference.encoders.monotone_ratio import MonotoneRatio
from crlspec.inference.encoders.pictures import PictureParts, Pictures, eyes_of, lead_by_pictures
from crlspec.inference.encoders.recombine import recombined
from crlspec.inference.encoders.restarts import agreement_of, network_of
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.maps.convolutional import ConvolutionalMap
from crlspec.maps.maps import Network
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.parts import Parts
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.training import Plan, Trained, train
from crlspec.progress import Losses, Progress

__all__ = ["Fitted", "Settings", "StartingLatents", "Starts", "fit"]

StartingLatents = tuple[np.ndarray, np.ndarray]
"""Samples (point, component), and the latents (point, latent) that an encoder is led to there before all training."""

POINTS = 10_000
"""Samples at which the latents are given where encoders begin."""


@dataclass(frozen=True)
class Settings:
    """How the networks are made and trained.

    flexible  heads that follow any smooth log ratio, not quadratic ones alone
    width     hidden units of encoder and decoder; 0: a linear encoder and no decoder
    depth     hidden layers of the encoder
    back      hidden layers of the decoder
    batch     samples a step of every environment
    restarts  replicas, trained as one batch; two are made of their latents, and that of lower held-out loss is chosen
    steps     of the last training, at most; the restarts get half of them
    agreement least rank correlation of each latent at which two encoders have found the same, and no second
              generation is trained
    guided    steps at most towards the latents where encoders begin
    """

    flexible: bool
    width: int = 128
    depth: int = 3
    back: int = 2
    restarts: int = 4
    steps: int = 2000
    batch: int = 64
    rate: float = 4e-3
    decay: float = 0.03
    reconstruction: float = 3.0
    held_out: float = 0.1
    agreement: float = GscaleThresholds.agreement
    guided: int = 300


@dataclass(frozen=True)
class Starts:
    """Where restarts begin.

    rows     (restart, latent, component): linear encoders
    latents  where the last restarts begin, one for each
    turning  (restart, latent): whether the difference of the two heads of a latent may turn; None: all may
    """

    rows: np.ndarray
    latents: Sequence[StartingLatents] = ()
    turning: np.ndarray | None = None

    @property
    def may_turn(self) -> np.ndarray:
        """(restart, latent)."""
        return np.ones(self.rows.shape[:2], bool) if self.turning is None else self.turning


@dataclass(frozen=True)
class Fitted:
    """What came of the training.

    encoder, decoder  from and to the components; no decoder where nothing was reconstructed
    losses            (replica,) held-out losses of the last training in rising order, the first the chosen one's
    restarts          those of the restarts that it began with, where their latents were recombined
    generations       how often new restarts were trained and recombined
    eyes              what is added to the encoder's latents, of the images, where they were looked at
    reconstruction    squared error of a component
    agreement         (latent,) |rank correlations| of the chosen latents with those of the other replica that comes
                      nearest, NaN where there was one alone
    """

    encoder: Network
    decoder: Network | None
    losses: tuple[float, ...]
    reconstruction: float
    agreement: np.ndarray
    trained: Trained
    restarts: tuple[float, ...] = ()
    generations: int = 1
    eyes: ConvolutionalMap | None = None


class StructuredRatio(nn.Module):
    """Replicas of encoder, heads and decoder.

    rows      (replica, latent, component): linear encoders to start from
    pairs     for each latent the two environments that intervene on it, the observational one being 0
    turning   (replica, latent): whether the difference of its two heads may turn; None: all may
    pictures  where a convolutional network looks at the images too, and adds what it sees to the latents
    """

    placed: Tensor

    def __init__(
        self,
        rows: Tensor,
        pairs: Sequence[tuple[int, int]],
        settings: Settings,
        generator: torch.Generator,
        turning: Tensor | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        super().__init__()
        replicas, n, _ = rows.shape
        self.encoder = ResidualNetwork(rows.transpose(1, 2), settings.width, generator, settings.depth)
        back = torch.linalg.pinv(rows).transpose(1, 2)
        self.decoder = (
            ResidualNetwork(back, settings.width, generator, settings.back) if settings.width else None
        )
        self.curve = (
            BatchedNetwork(replicas * n * 2, 1, 16, generator, quadratic=True) if settings.flexible else None
        )
        self.head = nn.Parameter(rows.new_zeros(replicas, n, 2, 3, 1))
        self.mechanism = BatchedNetwork(replicas * n, n, 32, generator, quadratic=True)
        self.monotone = (
            None if turning is None or bool(turning.all()) else MonotoneRatio(~turning, settings.flexible)
        )
        placed = [first for first, _ in pairs] + [second for _, second in pairs]
        self.register_buffer("placed", torch.tensor(placed, dtype=torch.long))
        self.eyes = None if pictures is None else pictures.eyes(replicas, n, generator)

    def latents(self, flat: Tensor, images: Tensor | None = None) -> Tensor:
        """(replica, sample, component), and images (sample, channel, row, column) from 0 to 1 where there are any, to
        (replica, sample, latent)."""
        h: Tensor = self.encoder(flat)
        return h if self.eyes is None or images is None else h + self.eyes(images)

    def losses(self, y: Tensor, images: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Log loss of telling the environments (replica,) and squared error of the reconstruction (replica,).

        y       (environment, sample, component), the observational environment first
        images  (environment · sample, channel, row, column) from 0 to 1
        """
        environments, size, components = y.shape
        replicas, n = self.head.shape[:2]
        rows = environments * size
        flat = y.reshape(1, rows, components).expand(replicas, -1, -1)
        h = self.latents(flat, images)
        own = h.transpose(1, 2)[:, :, None]  # replica, latent, 1, row
        quadratic, linear, constant = self.head.unbind(3)
        replaced = (quadratic * own + linear) * own + constant
        if self.curve is not None:
            twice = own.expand(-1, -1, 2, -1).reshape(replicas * n * 2, rows, 1)
            replaced = replaced + self.curve(twice).reshape(replicas, n, 2, rows)
        if self.monotone is not None:
            replaced = self.monotone(replaced, own[:, :, 0])
        everything = h[:, None].expand(-1, n, -1, -1).reshape(replicas * n, rows, n)
        logits = replaced - self.mechanism(everything).reshape(replicas, n, 1, rows)
        all_logits = logits.new_zeros(replicas, environments, rows)
        all_logits[:, self.placed] = logits.transpose(1, 2).reshape(replicas, 2 * n, rows)
        labels = torch.arange(environments, device=y.device).repeat_interleave(size)
        log_probabilities = torch.log_softmax(all_logits, 1)[:, labels, torch.arange(rows, device=y.device)]
        if self.decoder is None:
            return -log_probabilities.mean(-1), y.new_zeros(replicas)
        return -log_probabilities.mean(-1), ((self.decoder(h) - flat) ** 2).mean((1, 2))

    def groups(self, decay: float) -> list[dict[str, object]]:
        """Parameter groups for AdamW."""
        groups = self.encoder.groups(decay)
        groups += [] if self.decoder is None else self.decoder.groups(decay)
        groups += self.mechanism.groups(1e-2)
        groups += [] if self.curve is None else self.curve.groups(1e-2)
        groups += [] if self.eyes is None else self.eyes.groups(decay)
        if self.monotone is not None:
            groups.append({"params": list(self.monotone.parameters()), "weight_decay": 0.0})
        return [*groups, {"params": [self.head], "weight_decay": 0.0}]


def fit(
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    starts: Starts,
    settings: Settings,
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
    more: Callable[[], Starts] | None = None,
    pictures: Pictures | None = None,
) -> Fitted:
    """Train restarts for half the steps, recombine their latents (:mod:`crlspec.inference.encoders.recombine`), train
    the two that come of it, and keep the one of lower held-out loss. One restart alone is trained for all steps.

    Where the two do not end alike, new restarts are trained, and their latents recombined with those of the two: a
    second and last generation, kept if its loss is lower. No latent meets one there that it came of, so agreement
    still means something.

    samples  (sample, component) of every environment, the observational first
    pairs    for each latent the two environments that intervene on it
    starts   of the restarts
    more     those of a second generation; None: there is none
    pictures of the samples, where a convolutional network looks at them too: then restarts are trained for all steps,
             and none are recombined
    """
    generator = torch.Generator().manual_seed(seed)
    parts: Parts | PictureParts = (
        Parts.split(samples, generator, settings.held_out, context)
        if pictures is None
        else PictureParts.split(samples, pictures, generator, settings.held_out, context)
    )
    chance = context.chance(generator) if pictures is None else generator  # rows of images are read here
    before = 0

    def trained(name: str, starts: Starts, steps: int) -> tuple[StructuredRatio, Trained]:
        nonlocal before
        rows, turning = torch.as_tensor(starts.rows, dtype=torch.float32), torch.as_tensor(starts.may_turn)
        model = StructuredRatio(rows, pairs, settings, generator, turning, pictures).to(context.device)
        if starts.latents:
            guided = min(settings.guided, steps)
            _lead(model, starts.latents, guided, chance, progress, context, name, pictures)
        shorter = replace(settings, steps=steps)
        last = _train(model, parts, shorter, chance, progress, context, name, before)
        before += steps
        return model, last

    def generation(
        age: str, starts: Starts, encoders: list[Network], may_turn: list[np.ndarray]
    ) -> tuple[StructuredRatio, Trained, tuple[float, ...], np.ndarray]:
        """``encoders`` and ``may_turn`` of an earlier one, whose latents are recombined too."""
        model, first = trained(f"{age}restart", starts, max(1, settings.steps // 2))
        encoders = encoders + _encoders(model)
        latents, sources = recombined([[encoder(y) for y in samples] for encoder in encoders], pairs)
        turning = np.concatenate([*may_turn, starts.may_turn])[sources, np.arange(len(pairs))]
        model, last = trained(f"{age}encoder", _led_to(latents, samples, turning, seed), settings.steps)
        return model, last, _rising(first.losses), turning

    if len(starts.rows) == 1 or pictures is not None:
        return _kept(*trained("encoder", starts, settings.steps), parts)
    model, last, losses, turning = generation("", starts, [], [])
    found = _kept(model, last, parts, losses)
    if more is not None and found.agreement.min() < settings.agreement:
        model, last, losses, _ = generation("new ", more(), _encoders(model), [turning])
        second = replace(_kept(model, last, parts, losses), generations=2)
        return second if second.losses[0] <= found.losses[0] else replace(found, generations=2)
    return found


def _encoders(model: StructuredRatio) -> list[Network]:
    return [network_of(model.encoder, replica) for replica in range(len(model.head))]


def _led_to(latents: np.ndarray, samples: Sequence[np.ndarray], turning: np.ndarray, seed: int) -> Starts:
    """Rows by least squares, and all else, towards latents (start, sample, latent) at all samples in turn."""
    y = np.concatenate(samples)
    design = np.column_stack([y, np.ones(len(y))])
    coefficients = np.linalg.lstsq(design, np.concatenate(latents, 1), rcond=None)[0]
    rows = coefficients[:-1].T.reshape(len(latents), latents.shape[2], -1)
    some = np.random.default_rng([seed, 0xC2055]).permutation(len(y))[:POINTS]
    return Starts(rows, [(y[some], z[some]) for z in latents], turning)


def _train(
    model: StructuredRatio,
    parts: Parts | PictureParts,
    settings: Settings,
    generator: torch.Generator,
    progress: Progress,
    context: TrainingContext,
    name: str,
    before: int,
) -> Trained:
    """``before``: steps that were made before these, where the curves begin."""

    def total(log_loss: Tensor, error: Tensor) -> Tensor:
        return len(model.placed) // 2 * log_loss + settings.reconstruction * error

    def shown(step: int, losses: Tensor) -> Losses:
        values = {f"{name} {k + 1}": float(loss) for k, loss in enumerate(losses)}
        return Losses(before + step, "held-out log loss and squared error", values, "network")

    return train(
        model,
        lambda batch: total(*model.losses(*batch)),
        lambda g: parts.batch(settings.batch, g, context),
        generator,
        Plan(settings.steps, settings.rate, look=50, patience=12),
        held_out=lambda: total(*model.losses(*parts.checks)),
        groups=model.groups(settings.decay),
        progress=progress,
        stage=name,
        shown=shown,
        checkpoint=context.checkpoint(name),
        fabric=context.fabric,
    )


def _kept(
    model: StructuredRatio, trained: Trained, parts: Parts | PictureParts, restarts: tuple[float, ...] = ()
) -> Fitted:
    best, checks = trained.best, parts.checks
    with torch.no_grad():
        _, error = model.losses(*checks)
        flat = checks[0].flatten(0, 1).expand(len(model.head), -1, -1)
        latents = model.latents(flat, *checks[1:]).double().cpu().numpy()
    return Fitted(
        encoder=network_of(model.encoder, best),
        decoder=None if model.decoder is None else network_of(model.decoder, best),
        losses=_rising(trained.losses),
        reconstruction=float(error[best]),
        agreement=agreement_of(latents, best),
        trained=trained,
        restarts=restarts,
        eyes=None if model.eyes is None else eyes_of(model.eyes, best),
    )


def _rising(losses: Tensor) -> tuple[float, ...]:
    return tuple(float(loss) for loss in losses.sort().values)


def _lead(
    model: StructuredRatio,
    starting_latents: Sequence[StartingLatents],
    steps: int,
    generator: torch.Generator,
    progress: Progress,
    context: TrainingContext,
    name: str,
    pictures: Pictures | None = None,
) -> None:
    """Bring encoders and decoders of the last replicas near their starting latents; leave the others alone."""
    if pictures is not None:
        lead_by_pictures(model, model, starting_latents, pictures, steps, generator, progress, context, name)
        return
    replicas = len(model.head)
    own = [starting_latents[max(0, k - replicas + len(starting_latents))] for k in range(replicas)]
    y, z = (
        torch.tensor(np.stack(values), dtype=torch.float32, device=context.device)
        for values in zip(*own, strict=True)
    )
    led = (torch.arange(replicas, device=context.device) >= replicas - len(starting_latents)).float()

    def loss(index: Tensor) -> Tensor:
        inputs, latents = y[:, index], z[:, index]
        error = ((model.encoder(inputs) - latents) ** 2).mean((1, 2))
        if model.decoder is not None:
            error = error + ((model.decoder(latents) - inputs) ** 2).mean((1, 2))
        return led * error

    parts = [model.encoder] if model.decoder is None else [model.encoder, model.decoder]
    train(
        model,
        loss,
        lambda g: torch.randint(y.shape[1], (512,), generator=g, device=g.device),
        generator,
        Plan(steps, 4e-3),
        groups=[group for part in parts for group in part.groups(0.0)],
        progress=progress,
        stage="start",
        checkpoint=context.checkpoint(f"start of {name}"),
    )
