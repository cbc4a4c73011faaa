"""Rules that images must keep before any estimator sees them; each broken one is a Finding with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.images import VARIABLE, image_array
from crlspec.data.tree import environments_of
from crlspec.data.validate import Finding, place
from crlspec.numerics.batches import batches

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["equal_images", "image_findings", "images_of"]


def images_of(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """Environment → images (sample, channel, row, column), where it has some: read-only views."""
    found = {}
    for name in environments_of(tree):
        node = tree.children[name]
        if VARIABLE in node.variables:
            view = image_array(node[VARIABLE], place(tree, name)).values.view()
            view.flags.writeable = False
            found[name] = view
    return found


def image_findings(images: Mapping[str, np.ndarray], places: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the images of some environments: missing here, of another shape there, values out of range,
    or all the same.

    places  environment → how an error names it, of all that should have images
    """
    if not images:
        return []
    first = next(iter(images))
    findings = [
        Finding(
            f"{where} has no images, '{first}' has.",
            "Give every environment images, or none.",
        )
        for name, where in places.items()
        if name not in images
    ]
    for name, array in images.items():
        where = places.get(name, f"Environment '{name}'")
        if array.shape[1:] != images[first].shape[1:] or array.dtype != images[first].dtype:
            findings.append(
                Finding(
                    f"{where}: its images are {_kind(array)}, those of '{first}' {_kind(images[first])}.",
                    "Give every environment images of one shape and type.",
                )
            )
        findings += _faults(where, array)
    return findings


def _kind(images: np.ndarray) -> str:
    channels, rows, columns = images.shape[1:]
    return f"{columns} × {rows} pixels of {channels} channel{'s' * (channels > 1)}, {images.dtype}"


def _faults(where: str, images: np.ndarray) -> list[Finding]:
    """Values that are no numbers or out of range (floats alone), and images that are all the same."""
    first, same, start = np.array(images[0]), True, 0
    missing: list[int] = []
    outside: list[int] = []
    span = (0.0, 0.0)
    for batch in batches(images):
        same = same and bool((batch == first).all())
        if batch.dtype != np.uint8:
            flat = batch.reshape(len(batch), -1)
            low, high = flat.min(axis=1), flat.max(axis=1)
            missing += list(start + np.flatnonzero(~np.isfinite(low + high)))
            wrong = np.flatnonzero((low < 0) | (high > 1))
            if len(wrong) and not outside:
                span = (float(low[wrong[0]]), float(high[wrong[0]]))
            outside += list(start + wrong)
        start += len(batch)
    if missing:
        text = f"{where}, image {missing[0] + 1} holds NaN or infinity ({len(missing)} of {len(images)} do)."
        return [Finding(text, "Mend these images, or leave them out.")]
    if outside:
        text = (
            f"{where}, image {outside[0] + 1}: its values go from {span[0]:g} to {span[1]:g}, not within 0 to 1 "
            f"({len(outside)} of {len(images)} images)."
        )
        return [Finding(text, "Divide them by what white is, or give uint8 from 0 to 255.")]
    if same and len(images) > 1:
        return [Finding(f"{where}: every image is the same.", "Give the images of this environment.")]
    return []


def equal_images(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of images are the same, number for number."""
    if one.shape != other.shape or not np.array_equal(one[:4], other[:4]):
        return False
    return all(np.array_equal(a, b) for a, b in zip(batches(one), batches(other), strict=True))
