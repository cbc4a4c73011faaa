"""What a spec says of how an estimator looks at images. Without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crlspec.registry import ClosedModel, Number

__all__ = ["ImageCode", "Looking"]

Looking = Literal["auto", "mlp", "conv"]


class ImageCode(ClosedModel):
    """How an estimator looks at images: by a code, their principal components, and a network behind it.

    An estimator takes images where its declaration gives one of these as ``image_code``.
    """

    kind: Annotated[
        Looking,
        Field(
            description="mlp: a perceptron of the code; conv: beside it a convolutional network of the images; auto: "
            "conv where the code does not tell what a classifier of the pixels does."
        ),
    ] = "auto"
    code: Annotated[int, Field(strict=True, ge=2, le=64, description="How many principal components.")] = 64
    blur: Annotated[
        Annotated[Number, Field(ge=0, le=100)] | Literal["auto"],
        Field(
            description="The deviation, in pixels, of a Gaussian blur before the code; auto: the least after which "
            "few components hold most of what varies."
        ),
    ] = "auto"
