"""New starts from several encoders, latent by latent: a restart that has one latent wrong may have the others right.

Each latent of each restart is judged alone, by how well it tells the two environments of that latent apart: one that
takes the wrong sign in part of the space, or mixes in others, tells less. The best of every latent make one start,
the second best another; where both are trained on and end alike, two restarts had found the same latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["pair_losses", "recombined"]

BINS = 64


def pair_losses(latents: Sequence[Sequence[np.ndarray]], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(restart, latent): log loss in nats of telling the two environments of a latent by it alone, log 2 for none.

    By shares in bins of equal counts, whatever the form of the log ratio.

    latents  of every restart, (sample, latent) of every environment
    """
    return np.array([[_loss(z[a][:, i], z[b][:, i]) for i, (a, b) in enumerate(pairs)] for z in latents])


def recombined(
    latents: Sequence[Sequence[np.ndarray]], pairs: Sequence[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Two starts (2, sample, latent), at the samples of all environments in turn, each latent of mean 0 and
    variance 1; and which restart each is from (2, latent)."""
    ranked = pair_losses(latents, pairs).argsort(0, kind="stable")[:2]
    whole = np.stack([np.concatenate(z) for z in latents])
    starts = np.stack([whole[chosen, :, np.arange(len(pairs))].T for chosen in ranked])
    return (starts - starts.mean(1, keepdims=True)) / starts.std(1, keepdims=True), ranked


def _loss(first: np.ndarray, second: np.ndarray) -> float:
    edges = np.quantile(np.concatenate([first, second]), np.linspace(0, 1, BINS + 1)[1:-1])
    counts = np.stack(
        [np.bincount(np.searchsorted(edges, values), minlength=BINS) for values in (first, second)]
    )
    total = counts.sum(0)
    share = counts / np.maximum(total, 1)
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(0)
    return float((entropy * total).sum() / total.sum())
