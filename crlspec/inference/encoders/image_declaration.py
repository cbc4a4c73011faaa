"""What a spec says of how an estimator looks at images. Without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crlspec.registry import ClosedModel, Number

__all__ = ["ImageCode", "Looking"]

Looking = Literal["auto", "mlp", "conv"]


class ImageCode(ClosedModel):
    """How an estimator looks at images: by a code of so many numbers, their principal components, and a perceptron
    behind it (``mlp``), beside which a convolutional network looks at the images themselves (``conv``).
    ``auto`` looks at the images where the code does not tell what a classifier of the pixels does. ``blur`` is the
    deviation, in pixels, of a Gaussian blur before the code.

    An estimator takes images where its declaration gives one of these as ``image_code``.
    """

    kind: Looking = "auto"
    code: Annotated[int, Field(strict=True, ge=2, le=64)] = 64
    blur: Annotated[Number, Field(ge=0, le=100)] = 0.0
