"""Where in a spec's file a latent that cannot be drawn is declared, and by which equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crlspec.errors import SpecError
from crlspec.generative.scm import DrawError
from crlspec.spec.explain import place
from crlspec.spec.interventions import ReplacedMechanism

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec

__all__ = ["placed"]


def placed(error: DrawError, spec: Spec, environment: str) -> SpecError:
    """The error of a draw with file, line and column of what declares the latent in an environment.

    spec  resolved; it remembers the file that it was declared in
    """
    source, latent = spec._declared, error.latent
    replaced = (spec.environments or {}).get(environment, {}).get(latent)
    path: tuple[str, ...] = ("latents", latent) if spec.equations is not None else ("scm",)
    if source is not None and ("environments", environment, latent) in source.values:
        path = ("environments", environment, latent)
    equation = replaced if isinstance(replaced, str) else (spec.equations or {}).get(latent)
    words = error.message.rstrip(".")
    message = f"{words}, in the environment {environment}"
    if equation is not None and not isinstance(replaced, ReplacedMechanism):
        message = f"{message}: {latent} = {equation}"
    return SpecError([place(source, path, message, f"{error.remedy}.")])
