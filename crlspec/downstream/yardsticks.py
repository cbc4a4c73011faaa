"""What simpler ways reach from the same observations: without contrast, from log ratios alone, and with labels.

A result that is no better than an autoencoder that never heard of environments learned nothing from them. One that
is no better than the log ratios of its environments needed no encoder. And if a network with twenty labels beats it,
twenty labels are cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crlspec.downstream.ceiling import Prepared, ceiling, data_of, prepared
from crlspec.progress import Progress, silent
from crlspec.results import metrics
from crlspec.results.yardsticks import Yardstick, Yardsticks

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.results.evaluate import Truth
    from crlspec.results.record import Record

__all__ = ["LABELS", "yardsticks"]

LABELS = (10, 50, 200, 1000)
"""Labelled rows that a supervised network is given in turn, as far as there are so many."""

STEPS = 1500
"""Of the autoencoder, at most."""

STREAM = 0x9A2D


def yardsticks(
    truth: Truth | xr.DataTree,
    *,
    result: Record,
    data: xr.DataTree | None = None,
    samples: int | None = None,
    seed: int = 0,
    labels: Sequence[int] | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> Yardsticks:
    """A result, the ceiling, and what simpler ways reach, all judged on the same rows, which none of them is given.

    truth    a compiled model, or data with the true latents ``z`` beside the observations
    result   that is measured
    data     labelled data of the model, in place of fresh samples
    samples  of a model, in each environment; by default what its spec says
    labels   numbers of labelled rows for the supervised network; None: 10, 50, 200 and 1000, as far as there are so
             many

    The first way without labels is an autoencoder with one number a latent, matched to the latents at its best (of
    columns their principal components); the second, where it is known which environments intervene on a latent, the
    log ratio of the two, or of one and none, by a classifier of all environments.

    Raises what :func:`crlspec.ceiling` raises.
    """
    model, tree = data_of(truth, data, samples, seed)
    found = prepared(tree, seed)
    if labels is None:
        labels = [count for count in LABELS if count <= len(found.split.training)]
    ceil = ceiling(
        truth if model is None else model,
        result=result,
        data=None if model is None else tree,
        seed=seed,
        labels=labels,
        device=device,
        progress=progress,
    )
    unlabelled = [_without_contrast(found, seed, device, progress)]
    shown = _environments(model, result, found)
    if shown is not None:
        unlabelled.append(_log_ratios(found, shown, seed, device, progress))
    return Yardsticks(ceil, tuple(unlabelled))


def _without_contrast(found: Prepared, seed: int, device: str, progress: Progress) -> Yardstick:
    """As many numbers as latents, from observations that are not told apart."""
    import torch

    from crlspec.numerics.autoencoder_training import train_autoencoder
    from crlspec.numerics.checkpoints import TrainingContext

    n, judged = len(found.labelled.latents), found.split.judged
    if not found.labelled.images:
        codes = found.split.columns[judged][:, :n].astype(float)
        return _matched("principal components", found, np.pad(codes, ((0, 0), (0, n - codes.shape[1]))))
    trained = train_autoencoder(
        found.observations,
        found.split.training,
        n,
        STEPS,
        torch.Generator().manual_seed(_number(seed, 0)),
        context=TrainingContext(device),
        progress=progress,
        stage="autoencoder without contrast",
    )
    return _matched("autoencoder, no contrast", found, trained(found.observations, judged))


def _log_ratios(
    found: Prepared, shown: Sequence[tuple[str, str]], seed: int, device: str, progress: Progress
) -> Yardstick:
    """Of each latent the log ratio of two environments, by a classifier of all."""
    import torch

    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.numerics.supervised import fit_supervised, log_loss

    names = list(found.labelled.environments)
    classes = np.zeros((len(found.labelled.z), len(names)))
    for k, (start, stop) in enumerate(found.labelled.environments.values()):
        classes[start:stop, k] = 1
    fitted = fit_supervised(
        found.observations,
        classes,
        found.split.training,
        torch.Generator().manual_seed(_number(seed, 1)),
        loss=log_loss,
        context=TrainingContext(device),
        progress=progress,
        stage="log ratios",
    )
    logits = fitted(found.observations, found.split.judged)
    ratios = np.stack([logits[:, names.index(a)] - logits[:, names.index(b)] for a, b in shown], axis=1)
    truth = found.labelled.z[found.split.judged]
    return Yardstick(
        "log ratios alone",
        0,
        _plain(np.diagonal(metrics.absolute_correlations(truth, ratios))),
        _plain(np.diagonal(metrics.rank_correlations(truth, ratios))),
    )


def _matched(name: str, found: Prepared, codes: np.ndarray) -> Yardstick:
    """The codes (row, number) as the latents that they fit best, each one latent."""
    truth = found.labelled.z[found.split.judged]
    pearson = metrics.absolute_correlations(truth, codes)
    ranks = metrics.rank_correlations(truth, codes)
    picked = [(i, int(k)) for i, k in enumerate(metrics.best_matching(pearson))]
    return Yardstick(
        name,
        0,
        tuple(0.0 if k < 0 else float(pearson[i, k]) for i, k in picked),
        tuple(0.0 if k < 0 else float(ranks[i, k]) for i, k in picked),
    )


def _environments(model: Truth | None, result: Record, found: Prepared) -> tuple[tuple[str, str], ...] | None:
    """For each true latent the two environments whose log ratio depends on it, or the one and the observational; None
    where nobody tells."""
    setting, names = result.setting, set(found.labelled.environments)
    if model is not None:
        hit = {name: tuple(one.targets) for name, one in model.environments.items()}
    elif setting is not None and setting.targets is not None:
        hit = {name: tuple(one) for name, one in setting.targets.items()}
    elif (
        setting is not None
        and setting.pairs is not None
        and set(setting.latents) == set(found.labelled.latents)
    ):
        pairs = zip(setting.latents, setting.pairs, strict=True)
        hit = {name: (latent,) for latent, pair in pairs for name in pair}
    else:
        return None
    told = []
    for latent in found.labelled.latents:
        own = [name for name, targets in hit.items() if targets == (latent,) and name in names]
        if not own or len(own) > 2:
            return None
        told.append((own[0], own[1] if len(own) == 2 else found.labelled.observational))
    return tuple(told)


def _number(seed: int, way: int) -> int:
    return int(np.random.default_rng([seed, STREAM, way]).integers(2**62))


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
