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

from crlspec.data.digest import data_digest
from crlspec.errors import DataError, SettingMismatch
from crlspec.given import named_by_environments, steps_of, taken
from crlspec.inference import estimator_for
from crlspec.inference.checks.fitting import fitting, problem_of
from crlspec.numerics.batches import batches
from crlspec.numerics.rows import digest_of
from crlspec.progress import Recorder, silent
from crlspec.provenance import provenance, versions

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.data import Problem, Relabelling
    from crlspec.data.prepare import Prepared
    from crlspec.generative.model import Model
    from crlspec.inference.base import Estimator
    from crlspec.inference.check import Check
    from crlspec.inference.estimate import Estimate
    from crlspec.maps.convolutional_code import AnyCode
    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.progress import Progress
    from crlspec.registry import EstimatorDeclaration, ScoresDeclaration
    from crlspec.result import Result
    from crlspec.scores.base import ScoreDifference
    from crlspec.spec.schema import Spec
    from crlspec.spec.setting import Setting
    from crlspec.spec.verdict import Verdict

__all__ = ["ScoreOracle", "restore", "solve", "true_scores"]

ScoreOracle = Callable[[str, np.ndarray], np.ndarray]
"""(environment, x (sample, observed)) → the true d_x = s_obs − s_env there, (sample, observed)."""


def solve(
    spec: Spec,
    data: Any,
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
    data         one environment a child, as ``model.sample`` and ``read_data`` give it, or what else ``read_data``
                 takes; its truth is not read, but for ``calibrate: {labels: 20}``, after the estimate. Transforms and
                 components are those of the spec, or else those that the data were read with
    seed         of the shuffle of all labels and of every random choice of scores and estimator
    model        the compiled truth; only ``scores: {kind: exact}`` needs it
    progress     called as ``progress(stage, share)``
    device       where networks of scores and encoders are trained, as torch names it; on a CPU in one thread, so that
                 results do not depend on their number
    notes        further plain values for the provenance; ``seeds`` in it are those of other steps
    checkpoints  folder for the state of encoders that train, kept every second and never removed here: the same call
                 with the same data goes on from it, to the same result, and no other does
    fabric       a launched ``Fabric`` of Lightning: encoders are trained over all its processes, each of which makes
                 this same call

    Where the number of latents is left to the data it is counted first, and status and provenance say why so many.
    Where no theorem covers the estimator in the setting, the status is undecided at best.
    Labels (``calibrate``) are read once the estimate is complete, and change nothing but the units of its latents.
    Where they cannot be used latents have none, and the provenance says why (``calibration_refused``).

    Returns the Result; look at its ``status`` before you use it: an undecided estimation is returned too.
    Raises SettingMismatch where the estimator cannot take the setting, or exact scores lack the model, and
    DataError where the data do not fit the spec, or there are no labels where some are declared. WrongType for what
    is no spec, or no data.
    """
    from crlspec.data.prepare import prepared
    from crlspec.inference.checks.design import effective_sizes, examined, refuse_faults
    from crlspec.inference.checks.latent_count import count_latents, with_count
    from crlspec.inference.checks.noise import noise_checks
    from crlspec.numerics.checkpoints import TrainingContext
    from crlspec.numerics.threads import one_thread
    from crlspec.results.declared_labels import calibrated_as_declared, require_labels
    from crlspec.results.examples import shown_as_image, with_examples, with_eyes, with_sheet
    from crlspec.results.training_curves import with_training
    from crlspec.scores import scores_for
    from crlspec.spec.identifiability import promise
    from crlspec.spec.load import dump
    from crlspec.spec.setting import Setting

    spec, data = taken(spec, data)
    report, setting = Recorder(silent if progress is None else progress), Setting.of(spec)
    method = _method(spec, setting)
    ready = prepared(data, *steps_of(spec))
    problem = problem_of(ready.tree, named_by_environments(setting, spec, ready.tree), report)
    require_labels(spec.calibrate, data, problem.observational)
    where = device if fabric is None else str(fabric.device)
    processes = 1 if fabric is None else fabric.world_size
    folder = (
        None if checkpoints is None else Path(checkpoints) / _digest(spec, seed, where, processes, problem)
    )
    estimator = estimator_for(method, TrainingContext(where, folder, fabric))
    thresholds = estimator.thresholds
    with one_thread():
        problem, counted = count_latents(problem, thresholds)
        if counted is not None:
            report(f"latents counted: {counted.count}")
            estimator.accepts(problem.setting)
        problem = fitting(problem, estimator, spec.scores, method.kind, report)
        problem, code = _seen(problem, method, seed, TrainingContext(where, folder, fabric), report)
        report("checks", 0.0)
        design = refuse_faults(examined(problem, thresholds))
        problem = replace(problem, effective=effective_sizes(problem, design, thresholds.design))
        shuffled, relabelling = problem.shuffled(seed)
        oracle = _oracle(spec.scores, model, relabelling)
        scores = scores_for(spec.scores, thresholds.gaussian, oracle, device)
        estimate = with_training(_estimated(estimator, shuffled, scores, seed, report, design), report)
        problem, code, estimate = with_eyes(problem, code, estimate)
        estimate = with_examples(estimate, code, problem, shown_as_image(data))
    if counted is not None:
        estimate = with_count(estimate, counted)
    verdict, estimate = promise(problem.setting, method), restore(estimate, relabelling, problem.setting)
    design += noise_checks(estimate, problem, ready.components, estimator)
    estimate = with_sheet(_checked(estimate, design, method, problem.setting, verdict), problem)
    declared = spec if model is None else model.spec
    kept = {
        "name": spec.name,
        "citation": method.citation,
        "method": method.kind,
        **_scores_of(spec.scores, estimate),
        **_notes(declared, data, estimator),
        **({} if spec.profile is None else {"profile": spec.profile}),
        **({} if counted is None else {"latents": {"count": counted.count, "why": str(counted)}}),
        **(notes or {}),
        "digest": data_digest(problem),
    }
    seeds = {**kept.pop("seeds", {}), "solve": seed}
    told = provenance(dump(declared), seeds, truth=model is not None, **kept)
    return calibrated_as_declared(
        _recorded(estimate, problem, ready, verdict, told), spec.calibrate, data, seed
    )


def _scores_of(declared: ScoresDeclaration, estimate: Estimate) -> dict[str, str]:
    """The kind of the scores that were used, the chosen one of ``auto``; nothing where none were."""
    values = estimate.diagnostics.get("score_values")
    if values is None or declared.kind != "auto":
        return {} if values is None else {"scores": declared.kind}
    return {"scores": "gaussian" if values.attrs.get("gaussian") else "ratio"}


def _recorded(
    estimate: Estimate, problem: Problem, ready: Prepared, verdict: Verdict, told: Mapping[str, Any]
) -> Result:
    """The result of an estimate, in terms of the variables that the data had before components were taken."""
    from crlspec.result import Result
    from crlspec.results.loadings import explained, with_loadings

    setting = problem.setting
    if ready.components is not None:
        told = {**told, "components": ready.components.as_values()}
        setting = replace(setting, observed=None)
    estimate, source = explained(estimate, problem, ready)
    result = Result.from_estimate(estimate, source, verdict=verdict, setting=setting, provenance=told)
    return replace(with_loadings(result, source), preparation=ready.transform)


def _seen(
    problem: Problem, method: EstimatorDeclaration, seed: int, context: TrainingContext, report: Progress
) -> tuple[Problem, AnyCode | None]:
    """The problem with a code of its images as its first columns; what codes images is loaded where there are any."""
    if not problem.images:
        return problem, None
    from crlspec.inference.encoders.seeing import seen

    return seen(problem, method, seed, context, report)


def _method(spec: Spec, setting: Setting) -> EstimatorDeclaration:
    """The estimator that the spec names or the verdict does. Raises SettingMismatch where it cannot take the setting,
    or where there is none."""
    from crlspec.spec.choice import estimator_of, refusal_without

    method = estimator_of(spec)
    if method is None:
        reason, remedy = refusal_without(setting)
        raise SettingMismatch(reason, "a setting that an estimator takes", remedy)
    estimator_for(method).accepts(setting)
    return method


def _estimated(
    estimator: Estimator,
    problem: Problem,
    scores: ScoreDifference,
    seed: int,
    report: Recorder,
    design: tuple[Check, ...],
) -> Estimate:
    """What the estimator gives. Raises DataError in place of every error of arithmetic."""
    try:
        return estimator.solve(problem, scores, seed, report)
    except DataError as error:
        raise said_before(design, error) from error
    except (np.linalg.LinAlgError, FloatingPointError, OverflowError) as error:
        raise broken_down(error) from error
    except RuntimeError as error:  # torch has a LinAlgError of its own, which numpy does not know
        if "LinAlgError" not in type(error).__name__:
            raise
        raise broken_down(error) from error


def said_before(design: tuple[Check, ...], error: DataError) -> DataError:
    """The error of an estimator; where a check of the design had named an environment already, what that said."""
    refuted = [check for check in design if check.consequence == "refuted" and check.environments]
    if not refuted:
        return error
    remedies = [text for text in (refuted[0].remedy, error.remedy) if text]
    return DataError(
        " ".join([*(check.message for check in refuted), str(error.message)]), " Or: ".join(remedies)
    )


def broken_down(error: Exception) -> DataError:
    """What is said where the arithmetic of an estimator breaks down on data that no check objected to."""
    return DataError(
        f"The computation failed on these data ({error}). Some covariance is singular, or a number is out of range.",
        "Look for variables that are nearly functions of each other, and for extreme values. Or give more samples.",
    )


def _checked(
    estimate: Estimate,
    design: tuple[Check, ...],
    method: EstimatorDeclaration,
    setting: Setting,
    verdict: Verdict,
) -> Estimate:
    """The estimate with all checks, those of the design first, and the status that follows from them: undecided at
    best where the verdict is that no theorem covers the run."""
    from crlspec.inference.status import (
        as_check,
        beyond_theory,
        relative_to_hardness,
        roots_on_trust,
        status_of_checks,
    )

    own = estimate.checks or (as_check(estimate.status),)
    missing = [one.text for one in verdict.missing if one.assumption not in ("method", "independence")]
    theory = () if verdict.covered else (beyond_theory(method.kind, setting, missing),)
    trust = () if method.baseline else (*relative_to_hardness(setting), *roots_on_trust(setting, estimate))
    checks = (*theory, *design, *own, *trust)
    status = estimate.status
    if any(check.objects for check in checks):
        status = status_of_checks(checks)
    return replace(estimate, checks=checks, status=status)


def _oracle(scores: ScoresDeclaration, model: Model | None, relabelling: Relabelling) -> ScoreOracle | None:
    """The true score differences, for scores that need them. Raises SettingMismatch where there is no model."""
    if not scores.needs_truth:
        return None
    if model is None:
        raise SettingMismatch(
            f"Got scores: {{kind: {scores.kind}}} without a model",
            "the compiled truth that the scores are taken from",
            "Pass model=crlspec.compile(spec, seed), or choose scores: {kind: auto}.",
        )
    return true_scores(model, relabelling.environments)


def _notes(spec: Spec, data: xr.DataTree, estimator: Estimator) -> dict[str, Any]:
    """What of data, estimator and plug-ins is kept in the provenance."""
    from crlspec.data import provenance_of
    from crlspec.data.images import CAMERAS
    from crlspec.results.examples import shown_as_image
    from crlspec.spec.plugins import packages_of, plugins_of

    found: dict[str, Any] = {}
    if image := shown_as_image(data):
        found["image"] = image
    if cameras := provenance_of(data).get(CAMERAS):
        found[CAMERAS] = cameras
    if (alpha := getattr(estimator, "alpha", None)) is not None:
        found["alpha"] = alpha
    found["thresholds"] = asdict(estimator.thresholds)
    if plugins := plugins_of(spec):
        found["plugins"] = list(plugins)
    if packages := packages_of(spec):
        found["packages"] = packages
    return found


def _digest(spec: Spec, seed: int, device: str, processes: int, problem: Problem) -> str:
    """Sixteen hexadecimal digits that tell this computation from any other: spec, seed, data, device, versions."""
    from crlspec.spec.load import dump
    from crlspec.spec.plugins import packages_of

    code = {**versions(), **packages_of(spec)}
    text = dump(spec.without_labels())
    found = hashlib.sha256(json.dumps([text, seed, device, processes, code, problem.observed]).encode())
    for name, x in problem.samples.items():
        found.update(f"{name} {x.shape}".encode())
        found.update(digest_of(x))
    for name, images in problem.images.items():
        found.update(f"{name} {images.shape} {images.dtype}".encode())
        for batch in batches(images):
            found.update(np.ascontiguousarray(batch).data)
    return found.hexdigest()[:16]


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
    the k-th interventional environment showed. Of latents that known targets do not tell apart it is likewise.
    """
    from crlspec.spec.known import Known

    environments = dict(relabelling.environments)
    if (
        not estimate.environment_of
    ):  # no latent is tied to an environment: they keep the names of the estimator
        return estimate.renamed({name: name for name in estimate.latents}, environments)
    latents = dict(relabelling.latents)
    if setting.targets is None:
        rank = {name: k for k, name in enumerate(setting.environments)}
        targeted_by = {z: rank[environments[e]] for z, e in estimate.environment_of.items()}
        for names in (setting.known or Known()).classes(setting.latents):
            mine = [z for z in estimate.latents if relabelling.latents[z] in names]
            latents.update(zip(sorted(mine, key=lambda z: targeted_by[z]), names, strict=True))
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
            key: array.isel(latent=array.indexes["latent"].get_indexer(names))
            if "latent" in array.indexes
            else array
            for key, array in estimate.diagnostics.items()
        },
    )
