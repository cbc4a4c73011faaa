"""The face of a result: what was recovered, with the questions that it can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crlspec.disk.folder import refuse_half
from crlspec.downstream.graph_questions import GraphQuestions
from crlspec.downstream.model_questions import ModelQuestions
from crlspec.errors import DataError
from crlspec.results import storage, unseen
from crlspec.results.ceiling import Ceiling
from crlspec.results.record import Record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from crlspec.results.evaluate import Truth

__all__ = ["Result", "open_result"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Record, GraphQuestions, ModelQuestions):
    """What was recovered from data, and what it can be asked; see :class:`~crlspec.results.record.Record`."""

    def report(self, path: str | Path, model: Truth | None = None, force: bool = False) -> Path:
        """Write report.html, one page that needs nothing else; with the model, beside the truth."""
        from crlspec.report.report import write_report

        return write_report(self, path, self.goodness_of_fit, model=model, force=force)

    def calibrate(
        self,
        labels: pd.DataFrame | Mapping[str, Any],
        data: np.ndarray | xr.DataArray | xr.Dataset | None = None,
        *,
        latents: Mapping[str, str] | None = None,
        unit: str = "",
    ) -> Self:
        """This result with latents in the units of labels: a monotone map for each, fitted to a few labelled rows.

        labels   table or mapping: a column of true values for each labelled latent, five or more; without ``data``
                 also ``environment`` and ``row`` (from 0), which say the rows of :attr:`latents` that are labelled
        data     the labelled observations, as :meth:`transform` takes them, in the order of the labels
        latents  column → latent. Left out, columns go by the latents' names; where targets were concealed, so that
                 latents are anonymous, by rank correlation
        unit     of the labels, for texts: ``"degrees"``

        ``transform``, ``encoder``, ``latents``, ``decoder`` and ``traverse`` then speak in these units. Edges,
        strengths, ``mixing``, and all that is asked of the fitted model (``model``, ``do``, ``effects`` …) stay in
        observational standard deviations, and the status stays what it is; ``calibration[latent]`` gives units for
        standard deviations, its ``inverse`` the way back.
        Calibrating again starts from the latents as they were recovered.

        Raises DataError for labels that do not fit, and EstimationError where they do not tell which column is which
        latent.
        """
        from crlspec.results.calibrate import calibrate

        return self.calibrated(calibrate(self.standardised, labels, data, latents, unit))

    def ceiling(
        self,
        truth: Truth | xr.DataTree | None = None,
        *,
        data: xr.DataTree | None = None,
        samples: int | None = None,
        seed: int = 0,
        labels: Sequence[int] = (),
        device: str = "cpu",
    ) -> Ceiling:
        """What a supervised network reaches for each latent from the same observations, and this result beside it.

        truth   the model that made the data, or data with the true latents beside them; without, the ceiling that the
                result keeps
        labels  numbers of labelled rows with which the same network is tried as well

        The other arguments are those of :func:`crlspec.ceiling`. Raises DataError without a truth where no ceiling
        is kept.
        """
        if truth is not None:
            from crlspec.downstream.ceiling import ceiling

            return ceiling(
                truth, result=self, data=data, samples=samples, seed=seed, labels=labels, device=device
            )
        kept = self.provenance.get(unseen.KEY)
        if kept is None:
            raise DataError(
                "this result keeps no ceiling",
                remedy="Give the truth: result.ceiling(model), or data with the true latents; or run with --ceiling.",
            )
        return Ceiling.from_values(kept)

    def with_ceiling(self, ceiling: Ceiling) -> Self:
        """The same result, which keeps the ceiling and claims nothing of latents that nobody can see: the check
        ``ceiling`` names them, and the status says it. All of them hidden, it is undecided."""
        return unseen.with_ceiling(self, ceiling)


def open_result(path: str | Path) -> Result:
    """A Result from the NetCDF file that :meth:`Result.save` wrote, or from the run folder that holds ``result.nc``.

    Raises DataError if there is no such file, it holds no result, or a damaged one.
    """
    file = Path(path) / "result.nc" if Path(path).is_dir() else Path(path)
    refuse_half(file.parent)
    tree = storage.read_tree(file)
    estimate, observed, latents, facts = storage.unpack(tree, file)
    calibration = storage.calibration_in(tree, latents, file)
    result = Result(
        estimate,
        observed,
        latents,
        facts["observational"],
        facts["identified"],
        facts.get("assumed", {}),
        facts["provenance"],
    )
    return result if calibration is None else result.calibrated(calibration)
