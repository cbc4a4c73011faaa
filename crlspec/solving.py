"""The way from data to a Result: Problem, shuffled labels, score differences, estimator, names given back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.errors import SettingMismatch
from crlspec.progress import Recorder, silent
from crlspec.provenance import provenance, versions

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.data import Problem, Relabelling
    from crlspec.generative.model import Model
    from crlspec.inference.estimate import Estimate
    from crlspec.result import Result
    from crlspec.spec.schema import Spec
    from crlspec.spec.setting import Setting

__all__ = ["ScoreOracle", "restore", "solve", "true_scores"]

EXAMPLES = 20_000
"""Numbers of observational samples that a result keeps, about: at most a hundred samples, nine or more."""

ScoreOracle = Callable[[str, np.ndarray], np.ndarray]
"""(environment, x (sample, observed)) → the true d_x = s_obs − s_env there, (sample, observed)."""


def solve(
    spec: Spec,
    data: xr.DataTree,
    seed: int = 0,
    *,
    model: Model | None = None,
    progress: Callable[..., None] | None = None,
    device: str = "cpu",
    notes: Mapping[str, Any] | None = None,
    checkpoints: str | PathLike[str] | None = None,
    fabric: Any = None,
) -> Result:
    """Recover latents and their graph from data, under the assumptions of a spec.

    spec         declares the setting (or assumes it, with ``data:``/``assume:``), the scores and the estimator
    data         one environment a child, as ``model.sample`` and ``read_data`` give it; its truth is never read
    seed         of the shuffle of all labels and of every random choice of scores and estimator
    model        the compiled truth; only ``scores: {kind: exact}`` needs it
    progress     called as ``progress(stage, share)``
    device       where networks of scores and encoders are trained, as torch names it
    notes        further plain values for the provenance; ``seeds`` in it are those of other steps
    checkpoints  folder for the state of encoders that train, kept every second and never removed here: the same call
                 with the same data goes on from it, to the same result, and no other does
    fabric       a launched ``Fabric`` of Lightning: encoders are trained over all its processes, each of which makes
                 this same call

    Where the number of latents is left to the data it is counted first, and status and provenance say why so many.

    Returns the Result; look at its ``status`` before you use it: an undecided estimation is returned too.
    Raises SettingMismatch where the estimator cannot take the setting, or exact scores lack the model, and
    DataError where the data do not fit the spec.
    """
    from crlspec.data import Problem, provenance_of
    from crlspec.data.tree import IMAGE
    from crlspec.inference import estimator_for
    from crlspec.inference.checks.latent_count import count_latents, with_count
    from crlspec.inference.training_curves import with_training
    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.result import Result
    from crlspec.scores import scores_for
    from crlspec.spec.identifiability import promise
    from crlspec.spec.load import dump
    from crlspec.spec.setting import Setting

    report = Recorder(silent if progress is None else progress)
    setting = Setting.of(spec)
    estimator_for(spec.estimator).accepts(setting)
    problem = Problem.from_data(data, setting)
    where = device if fabric is None else str(fabric.device)
    processes = 1 if fabric is None else fabric.world_size
    folder = (
        None if checkpoints is None else Path(checkpoints) / _digest(spec, seed, where, processes, problem)
    )
    estimator = estimator_for(spec.estimator, TrainingContext(where, folder, fabric))
    problem, counted = count_latents(problem, estimator.thresholds.dimension)
    if counted is not None:
        report(f"latents counted: {counted.count}")
        estimator.accepts(problem.setting)
    shuffled, relabelling = problem.shuffled(seed)
    exact = None
    if spec.scores.kind == "exact":
        if model is None:
            raise SettingMismatch(
                "Got scores: {kind: exact} without a model",
                "the compiled truth that the exact scores are taken from",
                "Pass model=crlspec.compile(spec, seed), or choose scores: {kind: auto}.",
            )
        exact = true_scores(model, relabelling.environments)
    estimate = estimator.solve(shuffled, scores_for(spec.scores, exact, device), seed, report)
    estimate = with_training(estimate, report)
    declared = spec if model is None else model.spec
    kept = dict(notes or {})
    if IMAGE in (source := provenance_of(data)):
        kept["image"] = source[IMAGE]
    if IMAGE in source or estimate.decoder is not None:
        estimate = _with_examples(estimate, problem)
    if counted is not None:
        estimate = with_count(estimate, counted)
        kept["latents"] = {"count": counted.count, "why": str(counted)}
    if (alpha := getattr(estimator, "alpha", None)) is not None:
        kept["alpha"] = alpha
    kept["thresholds"] = asdict(estimator.thresholds)
    seeds = {**kept.pop("seeds", {}), "solve": seed}
    return Result.from_estimate(
        restore(estimate, relabelling, problem.setting),
        problem,
        spec=declared,
        verdict=promise(problem.setting, spec.estimator.kind),
        provenance=provenance(dump(declared), seeds, truth=model is not None, **kept),
    )


def _digest(spec: Spec, seed: int, device: str, processes: int, problem: Problem) -> str:
    """Sixteen hexadecimal digits that tell this computation from any other: spec, seed, data, device, versions."""
    from crlspec.spec.load import dump

    found = hashlib.sha256(
        json.dumps([dump(spec), seed, device, processes, versions(), problem.observed]).encode()
    )
    for name, x in problem.samples.items():
        found.update(f"{name} {x.shape}".encode())
        found.update(x.data)
    return found.hexdigest()[:16]


def _with_examples(estimate: Estimate, problem: Problem) -> Estimate:
    """The estimate with some observational samples in its diagnostics, to be shown beside what comes back of them."""
    import xarray as xr

    x = problem.samples[problem.observational]
    x = x[: max(9, min(100, EXAMPLES // x.shape[1]))]
    examples = xr.DataArray(x, dims=("sample", "observed"))
    return replace(estimate, diagnostics={**estimate.diagnostics, "examples": examples})


def true_scores(model: Model, environments: Mapping[str, str]) -> ScoreOracle:
    """The exact score differences of a compiled model, asked for under other names of the environments.

    environments  asked name → the model's name

    Raises SettingMismatch where the mixing has no inverse, so that no point x tells its latents.
    """
    from crlspec.results.evaluate import exact_differences

    def difference(environment: str, x: np.ndarray) -> np.ndarray:
        found = exact_differences(model, environments[environment], x)
        if found is None:
            raise SettingMismatch(
                "Got exact scores with a mixing that has no inverse",
                "a mixing with an inverse, such as linear or glm",
                "Choose scores: {kind: ratio}.",
            )
        return found

    return difference


def restore(estimate: Estimate, relabelling: Relabelling, setting: Setting) -> Estimate:
    """An estimate made under shuffled labels, with the names given back, latents in the setting's order.

    Where the targets are concealed, no latent has a name of its own: the k-th latent is then the one that
    the k-th interventional environment showed.
    """
    environments = dict(relabelling.environments)
    if (
        not estimate.environment_of
    ):  # no latent is tied to an environment: they keep the names of the estimator
        return estimate.renamed({name: name for name in estimate.latents}, environments)
    latents = dict(relabelling.latents)
    if setting.targets is None:
        rank = {name: k for k, name in enumerate(setting.environments)}
        targeted_by = {z: rank[environments[e]] for z, e in estimate.environment_of.items()}
        ordered = sorted(estimate.latents, key=lambda z: targeted_by[z])
        latents = dict(zip(ordered, setting.latents, strict=True))
    named = estimate.renamed(latents, environments)
    return _reordered(named, [named.latents.index(z) for z in setting.latents])


def _reordered(estimate: Estimate, rows: list[int]) -> Estimate:
    """The same estimate with its latents in another order."""
    names = [estimate.latents[k] for k in rows]
    return replace(
        estimate,
        latents=tuple(names),
        environment_of={z: estimate.environment_of[z] for z in names},
        encoder=estimate.encoder.rows(rows),
        mixing=None if estimate.mixing is None else estimate.mixing[:, rows],
        decoder=None if estimate.decoder is None else estimate.decoder.rows(rows),
        stages=tuple(
            stage if stage.encoder is None else replace(stage, encoder=stage.encoder.rows(rows))
            for stage in estimate.stages
        ),
        diagnostics={
            key: array.sel(latent=names) if "latent" in array.coords else array
            for key, array in estimate.diagnostics.items()
        },
    )
