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

    environment: str | None = None
    sample: str | None = None
    observed: str | None = None


class Images(ClosedModel):
    """Images of experiments: the folder ``images_<folder>`` of each, averaged down to ``size`` pixels a side."""

    folder: str = "64"
    size: Annotated[int, Field(strict=True, ge=4, le=512)] | None = None


def _several(value: Any) -> Any:
    """One name as a list of one."""
    return (value,) if isinstance(value, str) else value


class Dropped(ClosedModel):
    """Columns to leave out."""

    drop: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]


def _variables(value: Any) -> Any:
    return value if isinstance(value, Mapping | Dropped) else _several(value)


class Data(ClosedModel):
    """One's own data: a NetCDF, Zarr or AnnData file, one table, or a folder of tables, one per environment.

    ``environment`` names the column of one table, or the obs key of an AnnData, that says each row's environment.
    ``variables`` lists the columns that are observed, or says which to ``drop``; columns of text must be dropped.
    ``layer`` is that of an AnnData, where it is not X. ``missing`` says whether rows with missing cells are refused
    or dropped. ``transform`` is applied to every variable (``log1p``, ``standardise``, in this order as given), and
    ``components`` takes so many pooled principal components before everything else.

    With ``experiments`` a folder of experiments, each a folder with a table of its own name and images: which of them
    are the environments. What is observed are ``images``, ``variables`` (columns of the tables), or both; ``truth``
    are columns kept aside as the latents' true values, which no estimator sees.
    """

    path: Annotated[str, Field(min_length=1)]
    environment: str | None = None
    observational: str | None = None
    variable: str = "x"
    dims: Dims | None = None
    experiments: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    images: Images | None = None
    variables: Annotated[tuple[str, ...] | Dropped, BeforeValidator(_variables)] = ()
    truth: tuple[str, ...] = ()
    layer: str | None = None
    missing: Literal["refuse", "drop-rows"] = "refuse"
    transform: Annotated[tuple[Literal["log1p", "standardise"], ...], BeforeValidator(_several)] = ()
    components: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None

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
