"""What a spec says of the autoencoder that images go through first. Without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crlspec.registry import ClosedModel

__all__ = ["AutoencoderCode"]


class AutoencoderCode(ClosedModel):
    """How images become a code."""

    kind: Annotated[
        Literal["autoencoder", "pca"],
        Field(description="By a convolutional autoencoder, or by the principal components of the images."),
    ] = "autoencoder"
    code: Annotated[int, Field(strict=True, ge=2, le=64, description="How many numbers the code has.")] = 24
    steps: Annotated[
        int,
        Field(
            strict=True, ge=10, le=10**6, description="The most steps that the autoencoder is trained for."
        ),
    ] = 1500
