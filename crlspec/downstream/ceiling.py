"""What a supervised network reaches from the same observations: measured on labelled data, or on a model's own.

Nobody should blame a method for what no one can see. A network is given the true latents of most rows and judged on
rows of the observational environment that it never saw; the same network with few labels tells what labels are worth.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crlspec.downstream.labelled import FEWEST_LABELS, Labelled, labelled
from crlspec.errors import DataError
from crlspec.progress import Progress, silent
from crlspec.results import metrics
from crlspec.results.ceiling import Ceiling, Own, Reached

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.numerics.supervised import Observations
    from crlspec.results.evaluate import Truth
    from crlspec.results.record import Record

__all__ = ["Prepared", "ceiling", "data_of", "prepared", "require_truth"]

JUDGED, MOST_JUDGED = 0.2, 2000
"""Share of the observational rows that judge, and how many at most."""

STREAM = 0xCE11


def ceiling(
    truth: Truth | xr.DataTree,
    *,
    result: Record | None = None,
    data: xr.DataTree | None = None,
    samples: int | None = None,
    seed: int = 0,
    labels: Sequence[int] = (),
    device: str = "cpu",
    progress: Progress = silent,
) -> Ceiling:
    """What a supervised network reaches for each latent from the observations of all environments.

    truth    a compiled model, or data with the true latents ``z`` beside the observations
    result   is judged on the same rows
    data     labelled data of the model, in place of fresh samples
    samples  of a model, in each environment; by default what its spec says
    seed     of fresh samples and of every other random choice: the same seed gives the same numbers on one device
    labels   numbers of labelled rows that the same network is given in turn, for comparison: those of the
             observational environment as far as they reach
    device   where networks are trained, as torch names it

    Raises SettingMismatch where no true latents are known, DataError where there are too few labelled rows, a latent
    does not vary, or the result cannot read the data.
    """
    began = time.perf_counter()
    model, tree = data_of(truth, data, samples, seed)
    ready = prepared(tree, seed)
    found, split = ready.labelled, ready.split
    _refuse_labels(labels, split)
    reached = _reached(ready, split.training, seed, device, progress)
    fewer = tuple(
        _reached(ready, split.drawn[:count], seed, device, progress) for count in sorted(set(labels))
    )
    own = None if result is None else _own(result, model, found, split.judged)
    return Ceiling(
        latents=found.latents,
        deviation=tuple(float(one) for one in split.deviation),
        network="convolutional" if found.images else "perceptron",
        observational=found.observational,
        rows=len(split.judged),
        reached=reached,
        fewer=fewer,
        own=own,
        seed=seed,
        seconds=round(time.perf_counter() - began, 3),
    )


def require_truth(data: xr.DataTree, labels: Sequence[int] = ()) -> None:
    """Raises what :func:`ceiling` would raise for these data, before anything is trained."""
    _refuse_labels(labels, prepared(data, 0).split)


@dataclass(frozen=True)
class Split:
    """Who judges and who is judged.

    judged, training  rows
    drawn             the training rows in the order in which they are labelled, the observational ones first
    mean, deviation   (latent,) of the latents without intervention, off the rows that judge
    columns           (row, component): white principal components of the columns
    """

    judged: np.ndarray
    training: np.ndarray
    drawn: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class Prepared:
    """Labelled data, and which rows judge."""

    labelled: Labelled
    split: Split

    @property
    def observations(self) -> Observations:
        """What networks are given."""
        from crlspec.numerics.supervised import Observations

        return Observations(self.labelled.images, self.split.columns)


def prepared(tree: xr.DataTree, seed: int) -> Prepared:
    """The labelled rows of data, split by the seed into those that judge and those that train.

    Raises what :func:`crlspec.downstream.labelled.labelled` raises, and DataError where a latent does not vary.
    """
    found = labelled(tree)
    return Prepared(found, _split(found, seed))


def _split(found: Labelled, seed: int) -> Split:
    from crlspec.numerics.supervised import white_columns

    rng = np.random.default_rng([seed, STREAM])
    here = rng.permutation(found.rows_of(found.observational))
    count = min(MOST_JUDGED, int(JUDGED * len(here)))
    judged, kept = np.sort(here[:count]), here[count:]
    others = [found.rows_of(name) for name in found.environments if name != found.observational]
    drawn = np.concatenate([kept, rng.permutation(np.concatenate(others))]) if others else kept
    training = np.sort(drawn)
    mean, deviation = found.z[kept].mean(axis=0), found.z[kept].std(axis=0)
    _refuse_constant(found, judged, deviation)
    return Split(judged, training, drawn, mean, deviation, white_columns(found.columns, training))


def _refuse_constant(found: Labelled, judged: np.ndarray, deviation: np.ndarray) -> None:
    still = [
        name
        for k, name in enumerate(found.latents)
        if not deviation[k] > 1e-12 * np.abs(found.z[judged, k]).max() or np.ptp(found.z[judged, k]) == 0
    ]
    if still:
        raise DataError(
            f"Environment '{found.observational}': {', '.join(still)} {'does' if len(still) == 1 else 'do'} not vary "
            "there, so nothing can be said of how well it is seen.",
            "Leave them out of the truth, or give an observational environment in which they vary.",
        )


def _refuse_labels(labels: Sequence[int], split: Split) -> None:
    for count in labels:
        if not FEWEST_LABELS <= count <= len(split.drawn):
            raise DataError(
                f"{count} labels were asked for, and {FEWEST_LABELS} to {len(split.drawn)} can be given.",
                "Ask for numbers of labels in that range, or give more samples.",
            )


def _reached(ready: Prepared, rows: np.ndarray, seed: int, device: str, progress: Progress) -> Reached:
    import torch

    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.numerics.supervised import fit_supervised

    found, split = ready.labelled, ready.split
    whole = len(rows) == len(split.training)
    number = int(np.random.default_rng([seed, STREAM, len(rows)]).integers(2**62))
    observations = ready.observations
    fitted = fit_supervised(
        observations,
        (found.z - split.mean) / split.deviation,
        rows,
        torch.Generator().manual_seed(number),
        context=TrainingContext(device),
        progress=progress,
        stage="ceiling" if whole else f"ceiling, {len(rows)} labels",
    )
    truth = (found.z[split.judged] - split.mean) / split.deviation
    guess = fitted(observations, split.judged)
    errors = guess - truth
    r2 = 1 - (errors**2).mean(axis=0) / truth.var(axis=0)
    return Reached(
        len(rows),
        _plain(r2),
        _plain(np.diagonal(metrics.absolute_correlations(truth, guess))),
        _plain(np.diagonal(metrics.rank_correlations(truth, guess))),
        _plain(np.abs(errors).mean(axis=0)),
    )


def _own(result: Record, model: Truth | None, found: Labelled, rows: np.ndarray) -> Own:
    """What a result reaches on rows of the observational environment."""
    z_hat = result.encoder(found.dataset(rows))["z_hat"].transpose("sample", "latent").values
    pearson = metrics.absolute_correlations(found.z[rows], z_hat)
    ranks = metrics.rank_correlations(found.z[rows], z_hat)
    columns = _standing(result, model, found.latents, pearson)
    picked = [(i, k) for i, k in enumerate(columns)]
    return Own(
        tuple(None if k < 0 else result.names[k] for k in columns),
        tuple(0.0 if k < 0 else float(pearson[i, k]) for i, k in picked),
        tuple(0.0 if k < 0 else float(ranks[i, k]) for i, k in picked),
    )


def _standing(
    result: Record, model: Truth | None, latents: tuple[str, ...], correlations: np.ndarray
) -> list[int]:
    """For each true latent the recovered one that stands for it, −1 for none: by its name where targets or pairs were
    declared, by the target of its environment where a model tells it, else by the best assignment."""
    setting = result.setting
    declared = setting is not None and (setting.targets is not None or setting.pairs is not None)
    if declared and set(latents) == set(result.names):
        return [result.names.index(name) for name in latents]
    if model is not None and result.environment_of:
        targets = [tuple(model.environments[result.environment_of[name]].targets) for name in result.names]
        singles = [one[0] for one in targets if len(one) == 1]
        if len(set(singles)) == len(result.names) == len(singles):
            return [singles.index(name) if name in singles else -1 for name in latents]
    return [int(k) for k in metrics.best_matching(correlations)]


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def data_of(
    truth: Truth | xr.DataTree, data: xr.DataTree | None, samples: int | None, seed: int
) -> tuple[Truth | None, xr.DataTree]:
    """The model, where there is one, and the labelled data."""
    import xarray as xr

    if isinstance(truth, xr.DataTree):
        return None, truth
    return truth, truth.sample(samples, seed=seed) if data is None else data
