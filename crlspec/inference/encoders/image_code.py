"""The code of images: principal components of a bounded random share of them, all environments alike.

Images are blurred, where asked, and averaged down to few numbers before their components are taken; both are linear,
so that the components found are carried back to images as they come. What comes back of a code is the regression of
the images on it.

A small thing that moves by more than its own size lights up other pixels each time. That takes as many components as
places, and images that show it at two places are equally far from each other wherever these are. A blur as wide as
its paths makes neighbours in the code neighbours in pose; then few leading components hold most of the variance.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import gaussian_filter

from crlspec.errors import DataError
from crlspec.maps.codes import PcaCode
from crlspec.numerics.batches import batches, rows_of, unit_interval

__all__ = ["chosen_blur", "fit_code"]

IMAGES = 6000
"""Images that the components are taken from, all environments together, at most."""

NUMBERS = 2**13
"""Numbers of an image, at most, whose components are taken: larger images are averaged down to so many."""

SMALLEST = 1e-9
"""Components of less variance than this share of the largest are rounding of float images: a convention."""

ROUNDING = 4.0
"""Components of less than so many times the variance that rounding to 256 levels makes are left out: a convention."""

BLURS = (0, 1 / 32, 1 / 16, 3 / 32, 1 / 8)
"""Deviations that are looked at, in sides of the image, the shorter."""

FEW, MOST = 4, 0.9
"""For each latent so many components must hold this share of the variance: a convention."""

JUDGED = 600
"""Images that the blur is chosen by, all environments together, at most."""


def fit_code(images: Mapping[str, np.ndarray], components: int, seed: int, blur: float = 0.0) -> PcaCode:
    """The leading principal components of images, as many as asked for or as are more than rounding.

    images  environment → (sample, channel, row, column), uint8 or float from 0 to 1
    blur    standard deviation in pixels of a Gaussian blur before all else

    Memory holds ``IMAGES`` images and no more. Raises DataError where the images hardly vary.
    """
    from sklearn.utils.extmath import randomized_svd

    rng = np.random.default_rng([seed, 0xC0DE])
    share = max(2, IMAGES // len(images))
    some = np.concatenate([_drawn(one, share, rng) for one in images.values()])
    factor = _factor(some.shape[1:])
    small = np.concatenate([_reduced(unit_interval(batch), blur, factor) for batch in batches(some)])
    shape = small.shape[1:]
    flat = small.reshape(len(small), -1)
    flat -= flat.mean(axis=0)
    wanted = min(components, len(flat) - 1, flat.shape[1])
    _, singular, directions = randomized_svd(
        flat, wanted, n_oversamples=20, n_iter=4, random_state=int(rng.integers(2**31))
    )
    variance = singular.astype(np.float64) ** 2 / len(flat)
    kept = int((variance > _least(some.dtype, factor, float(variance[0]))).sum())
    if kept == 0:
        raise DataError(
            "The images hardly vary: their differences are no larger than rounding to 256 levels makes.",
            "Give images that show what the latents change.",
        )
    code = (flat @ directions[:kept].T).astype(np.float64)
    mean, pictures = _regressed(some, code)
    filters = _carried_back(directions[:kept].reshape(kept, *shape), some.shape[2:], blur, factor)
    return PcaCode(filters, mean, pictures)


def chosen_blur(images: Mapping[str, np.ndarray], latents: int, seed: int) -> float:
    """The least blur in pixels, none at first, after which four components for each latent hold 90 % of the variance;
    none where no blur up to an eighth of the image does that. Takes what :func:`fit_code` takes."""
    rng = np.random.default_rng([seed, 0xB1E])
    share = max(2, JUDGED // len(images))
    some = unit_interval(np.concatenate([_drawn(one, share, rng) for one in images.values()]))
    factor = _factor(some.shape[1:])
    for part in BLURS:
        blur = part * min(some.shape[2:])
        flat = _reduced(some, blur, factor).reshape(len(some), -1).astype(np.float64)
        flat -= flat.mean(axis=0)
        variances = np.linalg.eigvalsh(flat @ flat.T if len(flat) < flat.shape[1] else flat.T @ flat)
        if variances[-FEW * latents :].sum() >= MOST * variances.sum():
            return blur
    return 0.0


def _drawn(images: np.ndarray, share: int, rng: np.random.Generator) -> np.ndarray:
    """A copy of so many images of an environment, all where there are no more."""
    if len(images) <= share:
        return rows_of(images, np.arange(len(images)))
    return rows_of(images, np.sort(rng.choice(len(images), share, replace=False)))


def _factor(shape: tuple[int, ...]) -> int:
    """Pixels a side that are averaged to one, so that few numbers are left."""
    channels, rows, columns = shape
    factor = 1
    while channels * -(-rows // factor) * -(-columns // factor) > NUMBERS:
        factor += 1
    return factor


def _counts(length: int, factor: int) -> np.ndarray:
    """How many pixels each of the averages along a side is of; the last one may be of fewer."""
    starts = np.arange(0, length, factor)
    return np.minimum(starts + factor, length) - starts


def _reduced(images: np.ndarray, blur: float, factor: int) -> np.ndarray:
    """Images blurred and averaged down: (sample, channel, fewer rows, fewer columns) float32."""
    if blur > 0:
        images = gaussian_filter(images, (0, 0, blur, blur), mode="constant")
    if factor > 1:
        for axis in (2, 3):
            counts = _counts(images.shape[axis], factor)
            sums = np.add.reduceat(images, np.arange(0, images.shape[axis], factor), axis=axis)
            images = sums / (counts[:, None] if axis == 2 else counts)
    return np.asarray(images, dtype=np.float32)


def _carried_back(directions: np.ndarray, sides: tuple[int, ...], blur: float, factor: int) -> np.ndarray:
    """The adjoint of ``_reduced``: directions of reduced images as directions of images."""
    for axis, side in zip((2, 3), sides, strict=True):
        counts = _counts(side, factor)
        directions = directions / (counts[:, None] if axis == 2 else counts)
        directions = np.repeat(directions, counts, axis=axis)
    if blur > 0:
        directions = gaussian_filter(directions, (0, 0, blur, blur), mode="constant")
    return np.asarray(directions, dtype=np.float32)


def _least(dtype: np.dtype, factor: int, largest: float) -> float:
    """The variance below which a component says nothing."""
    if dtype == np.uint8:
        return ROUNDING / (12 * 255**2 * factor**2)
    return SMALLEST * largest


def _regressed(images: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean image, and the slopes (component, channel, row, column) of the images on their centred code."""
    centred = code - code.mean(axis=0)
    total = np.zeros(images.shape[1:])
    products = np.zeros((code.shape[1], int(np.prod(images.shape[1:]))))
    start = 0
    for batch in batches(images):
        pixels = unit_interval(batch)
        total += pixels.sum(axis=0, dtype=np.float64)
        rows = centred[start : start + len(batch)].astype(np.float32)
        products += rows.T @ pixels.reshape(len(batch), -1)
        start += len(batch)
    slopes = np.linalg.solve(centred.T @ centred, products)
    mean = (total / len(images)).astype(np.float32)
    return mean, slopes.reshape(-1, *images.shape[1:]).astype(np.float32)
