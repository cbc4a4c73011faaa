"""Samples and images that a result keeps, so that they can be shown without the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.data import Problem
    from crlspec.inference.estimate import Estimate
    from crlspec.maps.convolutional_code import AnyCode

__all__ = ["shown_as_image", "with_examples", "with_eyes", "with_sheet"]

EXAMPLES = 20_000
"""Numbers of observational samples that a result keeps, about: at most a hundred samples, nine or more."""

EXAMPLE_IMAGES, SHEET = 9, 5
"""Observational images that a result keeps to show what comes back of them, and images of every environment."""


def shown_as_image(data: xr.DataTree) -> Any:
    """[row, column, channel] where the first observed variables are pixels; None elsewhere."""
    from crlspec.data import provenance_of
    from crlspec.data.tree import IMAGE

    return provenance_of(data).get(IMAGE)


def with_examples(estimate: Estimate, code: AnyCode | None, problem: Problem, shown: bool) -> Estimate:
    """The estimate with its code of images, and samples to be shown: where they are images, or it has a decoder."""
    if shown or estimate.decoder is not None:
        estimate = _with_samples(estimate, problem)
    return estimate if code is None else _with_code(estimate, code, problem)


def _with_samples(estimate: Estimate, problem: Problem) -> Estimate:
    """The estimate with some observational samples in its diagnostics, to be shown beside what comes back of them."""
    import xarray as xr

    x = problem.samples[problem.observational]
    x = x[: max(9, min(100, EXAMPLES // x.shape[1]))]
    examples = xr.DataArray(x, dims=("sample", "observed"))
    return replace(estimate, diagnostics={**estimate.diagnostics, "examples": examples})


def with_eyes(
    problem: Problem, code: AnyCode | None, estimate: Estimate
) -> tuple[Problem, AnyCode | None, Estimate]:
    """Problem and code with what the estimator sees of images beyond the code, where it does."""
    if estimate.eyes is None:
        return problem, code, estimate
    from crlspec.maps.codes import PcaCode

    assert isinstance(code, PcaCode)  # no other code is looked beyond
    code = replace(code, eyes=estimate.eyes)
    bare = {name: x[:, problem.code_size :] for name, x in problem.samples.items()}
    uncoded = replace(problem, observed=problem.observed[problem.code_size :], samples=bare)
    return uncoded.coded(code.names, code), code, replace(estimate, eyes=None)


def _with_code(estimate: Estimate, code: AnyCode, problem: Problem) -> Estimate:
    """The estimate that was made behind a code of images, with some observational images to be shown."""
    import xarray as xr

    images = np.array(problem.images[problem.observational][:EXAMPLE_IMAGES])
    examples = xr.DataArray(images, dims=("sample", "channel", "row", "column"))
    return replace(estimate, code=code, diagnostics={**estimate.diagnostics, "example_images": examples})


def with_sheet(estimate: Estimate, problem: Problem) -> Estimate:
    """The estimate with some images of every environment, where there are images, to be shown: as many of each."""
    import xarray as xr

    if not problem.images:
        return estimate
    names = (problem.observational, *problem.environments)
    count = min(SHEET, *(len(problem.images[name]) for name in names))
    images = np.stack([problem.images[name][:count] for name in names])
    coords = {"environment": np.array(names, dtype=object)}
    sheet = xr.DataArray(images, coords, ("environment", "example", "channel", "row", "column"))
    return replace(estimate, diagnostics={**estimate.diagnostics, "contact_sheet": sheet})
