"""What a spec says of how an estimator looks at images. Without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crlspec.registry import ClosedModel, Number

__all__ = ["ImageCode"]


class ImageCode(ClosedModel):
    """How an estimator looks at images: by a code of so many numbers, their principal components, and a perceptron
    behind it (``mlp``, which ``auto`` is). ``blur`` is the deviation, in pixels, of a Gaussian blur before that.

    An estimator takes images where its declaration gives one of these as ``image_code``.
    """

    kind: Literal["auto", "mlp"] = "auto"
    code: Annotated[int, Field(strict=True, ge=2, le=64)] = 64
    blur: Annotated[Number, Field(ge=0, le=100)] = 0.0
