"""The block ``data:`` of a spec: where one's own data are, and what of them is observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from crlspec.registry import ClosedModel
from crlspec.spec.slots import fault

__all__ = ["Data", "Dims", "Dropped", "Images"]


class Dims(ClosedModel):
    """What the dimensions of a labelled file are called."""

    environment: Annotated[str | None, Field(description="The dimension of environments.")] = None
    sample: Annotated[str | None, Field(description="The dimension of samples.")] = None
    observed: Annotated[str | None, Field(description="The dimension of observed variables.")] = None


class Images(ClosedModel):
    """Images of experiments: the folder ``images_<folder>`` of each, averaged down to ``size`` pixels a side."""

    folder: Annotated[str, Field(description="The folder of the images is called images_ and this.")] = "64"
    size: Annotated[
        Annotated[int, Field(strict=True, ge=4, le=512)] | None,
        Field(description="Pixels a side after averaging; those of the files where left out."),
    ] = None


def _several(value: Any) -> Any:
    """One name as a list of one."""
    return (value,) if isinstance(value, str) else value


class Dropped(ClosedModel):
    """Columns to leave out."""

    drop: Annotated[
        tuple[str, ...],
        BeforeValidator(_several),
        Field(min_length=1, description="Columns that are left out."),
    ]


def _variables(value: Any) -> Any:
    return value if isinstance(value, Mapping | Dropped) else _several(value)


class Data(ClosedModel):
    """One's own data: a NetCDF, Zarr or AnnData file, one table, or a folder of tables, one per environment.

    With ``experiments`` a folder of experiments, each a folder with a table of its own name and images: which of them
    are the environments. What is observed are ``images``, ``variables`` (columns of the tables), or both.
    """

    examples = (
        "{path: screen.tsv, environment: condition, observational: control, variables: {drop: [id, batch]}, "
        "missing: drop-rows}",
        "{path: cells.h5ad, environment: guide, observational: control, layer: counts, "
        "transform: [log1p, standardise], components: 20}",
        "{path: assay.nc, variable: expression, dims: {environment: guide, sample: cell, observed: gene}}",
        "{path: tables, observational: obs, variables: [a, b, c, d]}",
        "{path: tunnel, experiments: [obs, do_red, do_green], observational: obs, images: {folder: '64', size: 16}, "
        "variables: [angle_1], truth: [red, green]}",
    )

    path: Annotated[
        str,
        Field(
            min_length=1, description="File or folder; a relative path is taken from the folder of the spec."
        ),
    ]
    environment: Annotated[
        str | None,
        Field(
            description="The column of one table, or the obs key of an AnnData, that names each row's environment."
        ),
    ] = None
    observational: Annotated[
        str | None, Field(description="The environment without intervention, by its name.")
    ] = None
    variable: Annotated[str, Field(description="The variable of a NetCDF or Zarr file that is observed.")] = (
        "x"
    )
    dims: Annotated[
        Dims | None, Field(description="What the dimensions of that variable are called, where not as here.")
    ] = None
    experiments: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        Field(
            description="The folders that are the environments, where each experiment has a folder of its own."
        ),
    ] = None
    images: Annotated[
        Images | None, Field(description="The images of experiments, where they are observed.")
    ] = None
    variables: Annotated[
        tuple[str, ...] | Dropped,
        BeforeValidator(_variables),
        Field(
            description="The columns that are observed, or which to drop. Columns of text must be dropped."
        ),
    ] = ()
    truth: Annotated[
        tuple[str, ...],
        Field(description="Columns kept aside as the true values of the latents; no estimator sees them."),
    ] = ()
    layer: Annotated[
        str | None, Field(description="The layer of an AnnData that is read, where it is not X.")
    ] = None
    missing: Annotated[
        Literal["refuse", "drop-rows"],
        Field(description="Whether a missing cell is refused, or its row left out and counted."),
    ] = "refuse"
    transform: Annotated[
        tuple[Literal["log1p", "standardise"], ...],
        BeforeValidator(_several),
        Field(
            description="What is done to every variable first, in this order; new data are treated the same."
        ),
    ] = ()
    components: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=10_000)] | None,
        Field(description="How many pooled principal components take the place of the variables."),
    ] = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.experiments is None and (self.images is not None or self.truth):
            raise fault(
                "images and truth are for folders of experiments",
                "list the experiments, e.g. experiments: [obs, do_a]; or leave them out.",
            )
        if self.experiments is not None and self._other():
            raise fault(
                f"{self._other()[0]} is not for folders of experiments",
                "leave it out, or write one table.",
            )
        if self.experiments is not None and self.images is None and not self.variables:
            raise fault(
                "nothing of the experiments is observed",
                "say images: {}, or variables: [column, …], or both.",
            )
        return self

    def _other(self) -> list[str]:
        """The keys that folders of experiments do not know, of those that are given."""
        given = {
            "environment": self.environment,
            "layer": self.layer,
            "variables.drop": isinstance(self.variables, Dropped),
            "missing": self.missing != "refuse",
            "transform": self.transform,
            "components": self.components,
        }
        return [key for key, value in given.items() if value]

    def reading(self) -> dict[str, Any]:
        """The keyword arguments of ``crlspec.data.read_data``."""
        dims = None if self.dims is None else self.dims.model_dump(exclude_none=True)
        found = {"variable": self.variable, "dims": dims, "observational": self.observational}
        if self.experiments is None:
            left_out = self.variables.drop if isinstance(self.variables, Dropped) else ()
            return {
                **found,
                "environment": self.environment,
                "variables": () if left_out else self.variables,
                "drop": left_out,
                "layer": self.layer,
                "missing": self.missing,
                "transform": self.transform,
                "components": self.components,
            }
        images = None if self.images is None else (self.images.folder, self.images.size)
        wanted = {
            "names": self.experiments,
            "images": images,
            "variables": self.variables,
            "truth": self.truth,
        }
        return {**found, "experiments": wanted}
