"""Starting latents of restarts that share no error: each from a classifier of its own, away from its samples.

Where a log ratio is monotone it is the latent already, and restarts that began at one classifier's would agree on
its errors too. So each restart gets a classifier that saw one half of the samples, and begins at its log ratios on
the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.encoders.environment_classifier import environment_logits
from crlspec.inference.encoders.sign_starts import signed_latents
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.progress import Progress

__all__ = ["halved_latents"]


def halved_latents(
    samples: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    sided: Sequence[Sequence[bool]],
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
    steps: int = 2000,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Samples and latents there, for each restart, as :func:`crlspec.inference.encoders.sign_starts.signed_latents`.

    The first two classifiers see opposite halves of every environment, so do the next two, and so on. Halves are
    equal: where samples are odd in number, one of them is in neither.

    sided  for each restart what ``signed_latents`` takes
    steps  of each classifier, at most
    """
    rng = np.random.default_rng([seed, 0x4A1F])
    found = []
    half, other = list[np.ndarray](), list[np.ndarray]()
    for k, folded in enumerate(sided):
        if k % 2 == 0:
            mixed = [rng.permutation(len(y))[: len(y) // 2 * 2].reshape(2, -1) for y in samples]
            half, other = (
                [y[np.sort(p[side])] for y, p in zip(samples, mixed, strict=True)] for side in (0, 1)
            )
        else:
            half, other = other, half
        own = int(rng.integers(2**31))
        name = f"environments of half {k + 1}, seed {seed}"
        logits = environment_logits(half, own, progress, context, steps, other, name)
        found += signed_latents(other, logits, pairs, 1, own, folded)
    return found
