"""Images made into columns that estimators take: which of them do, and by what code."""

from __future__ import annotations

from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference.encoders.autoencoder_code import fit_autoencoder
from crlspec.inference.encoders.autoencoder_declaration import AutoencoderCode
from crlspec.inference.encoders.image_code import chosen_blur, fit_code
from crlspec.inference.encoders.image_declaration import ImageCode
from crlspec.maps.convolutional_code import AnyCode
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.progress import Progress, silent
from crlspec.registry import EstimatorDeclaration

__all__ = ["seen"]


def seen(
    problem: Problem,
    method: EstimatorDeclaration,
    seed: int,
    context: TrainingContext = HERE,
    progress: Progress = silent,
) -> tuple[Problem, AnyCode | None]:
    """The problem with a code of its images as its first columns, and that code; itself where it has no images.

    context  where a code that is learned is trained

    Raises SettingMismatch where the estimator does not take images, and DataError where they hardly vary.
    """
    if not problem.images:
        return problem, None
    asked = getattr(method, "image_code", None)
    if asked is None:
        raise SettingMismatch(
            f"{method.kind} cannot take this: it reads columns of numbers, and images are observed",
            method.takes,
            "Use estimator: {kind: gscale-i}, with two hard interventions on each latent; or give columns, such as "
            "readings of sensors, in place of the images.",
        )
    if asked.kind == "conv" and problem.observed:
        raise SettingMismatch(
            f"Got encoder: {{kind: conv}}, which looks at images alone, and {len(problem.observed)} "
            f"column{'s' * (len(problem.observed) > 1)} beside them",
            "images alone, or encoder: {kind: mlp}, which takes both",
            "Say encoder: {kind: mlp}, or leave the columns out.",
        )
    code: AnyCode
    if isinstance(asked, AutoencoderCode):
        code = _autoencoded(problem, asked, seed, context, progress)
    else:
        code = fit_code(problem.images, asked.code, seed, _blur(problem, asked, seed, progress))
    return problem.coded(code.names, code), code


def _blur(problem: Problem, asked: ImageCode, seed: int, progress: Progress) -> float:
    """In pixels; where it is left to the images, what they ask for is told."""
    if asked.blur != "auto":
        return asked.blur
    blur = chosen_blur(problem.images, len(problem.latents), seed)
    if blur > 0:
        progress(f"images blurred by {blur:g} pixels for their code")
    return blur


def _autoencoded(
    problem: Problem, asked: AutoencoderCode, seed: int, context: TrainingContext, progress: Progress
) -> AnyCode:
    if asked.kind == "pca":
        return fit_code(problem.images, asked.code, seed)
    return fit_autoencoder(problem.images, asked.code, asked.steps, seed, context=context, progress=progress)
