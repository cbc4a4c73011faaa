"""What a spec says of the autoencoder that images go through first. Without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crlspec.registry import ClosedModel

__all__ = ["AutoencoderCode"]


class AutoencoderCode(ClosedModel):
    """How images become a code of so many numbers: by a convolutional ``autoencoder``, trained for so many ``steps``
    at most to give the images back, or by their principal components (``pca``)."""

    kind: Literal["autoencoder", "pca"] = "autoencoder"
    code: Annotated[int, Field(strict=True, ge=2, le=64)] = 24
    steps: Annotated[int, Field(strict=True, ge=10, le=10**6)] = 1500
