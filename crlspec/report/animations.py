"""Images that move: what is observed while one latent goes to and fro, as an animated GIF."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crlspec.disk.write import write_file
from crlspec.report.images import as_images, beside, by_camera, image_shape, png

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["animation", "frames", "gif", "moving", "write_animations"]

REACH, FRAMES = 2.5, 17
"""How far a latent goes, in standard deviations, and how many images it takes from end to end."""

MILLISECONDS = 80
"""Of a frame."""

SIDE = 128
"""Pixels a side, about, to which smaller images are enlarged."""


def frames(result: Record, latent: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """(value, row, column, 3) float from 0 to 1: the decoder's images while a latent takes these values, those of all
    cameras beside each other. Values are in observational standard deviations, all other latents at their mean.

    Raises DataError where the result has no images, or no such latent; EstimationError where it has no decoder.
    """
    from crlspec.errors import DataError

    moved = result.standardised.traverse(latent, values)
    cameras = result.provenance.get("cameras") or ["camera"]
    if result.estimate.code is not None:
        lines = by_camera(moved.values, len(cameras))
    elif (shape := image_shape(result)) is not None:
        lines = [as_images(moved.transpose("value", "observed").values, shape)]
    else:
        raise DataError(
            "the observations of this result are columns, and no images",
            remedy="Take result.traverse(latent, values), and draw the columns.",
        )
    return beside(lines)


def animation(result: Record, latent: str, *, side: int = SIDE) -> bytes:
    """An animated GIF: the images of :func:`frames` while a latent goes from −2.5 to 2.5 standard deviations and
    back.

    side  pixels to which a smaller image is enlarged, by a whole factor
    """
    there = frames(result, latent, np.linspace(-REACH, REACH, FRAMES))
    return gif([*there, *there[-2:0:-1]], side=side)


def gif(pictures: Sequence[np.ndarray], *, side: int = SIDE) -> bytes:
    """An endless animated GIF of pictures (row, column, 3) float from 0 to 1; the same pictures give the same
    bytes."""
    from PIL import Image

    factor = max(1, side // pictures[0].shape[0])
    large = [
        Image.fromarray(np.asarray(np.round(255 * one), dtype=np.uint8)).resize(
            (one.shape[1] * factor, one.shape[0] * factor), Image.Resampling.NEAREST
        )
        for one in pictures
    ]
    # one palette for all frames, taken from all of them, so that colours do not flicker
    together = Image.fromarray(np.concatenate([np.asarray(one) for one in large[:: max(1, len(large) // 8)]]))
    palette = together.quantize(128)
    drawn = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in large]
    buffer = io.BytesIO()
    drawn[0].save(
        buffer, "GIF", save_all=True, append_images=drawn[1:], duration=MILLISECONDS, loop=0, optimize=True
    )
    return buffer.getvalue()


def moving(result: Record, latent: str) -> str:
    """An HTML picture of a latent in motion; who asks for less motion sees it at rest."""
    alt = escape(f"What is observed while {latent} moves to and fro.", quote=True)
    at_rest = _data("png", png(frames(result, latent, [0.0])[0]))
    return (
        f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{at_rest}">'
        f'<img class="moving" alt="{alt}" src="{_data("gif", animation(result, latent))}"></picture>'
    )


def write_animations(result: Record, folder: Path) -> tuple[Path, ...]:
    """``traversal_<latent>.gif`` for every latent, in place of those of a former result; none where no images were
    observed, or nothing decodes."""
    estimate = result.estimate
    decodes = estimate.mixing is not None or estimate.decoder is not None
    if not decodes or (estimate.code is None and image_shape(result) is None):
        return ()
    written = []
    for latent in result.names:
        path = folder / f"traversal_{re.sub(r'[^0-9A-Za-z_.-]', '-', latent)}.gif"
        written.append(write_file(path, animation(result, latent), force=True))
    return tuple(written)


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
