"""The face of a result: what was recovered, with the questions that it can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crlspec.data.prepare import Transform
from crlspec.disk.folder import refuse_half
from crlspec.downstream.graph_questions import GraphQuestions
from crlspec.downstream.model_questions import ModelQuestions
from crlspec.errors import DataError
from crlspec.progress import Progress, silent
from crlspec.results import storage, unseen
from crlspec.results.ceiling import Ceiling
from crlspec.results.record import Record
from crlspec.results.yardsticks import KEY, Yardsticks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from crlspec.downstream.proposals.propose import Next
    from crlspec.report.plots import Plots
    from crlspec.results.evaluate import Truth

__all__ = ["Result", "open_result"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Record, GraphQuestions, ModelQuestions):
    """What was recovered from data, and what it can be asked; see :class:`~crlspec.results.record.Record`."""

    @property
    def plot(self) -> Plots:
        """Charts, each a matplotlib Axes: ``result.plot.graph(ax=…)``, ``latents``, ``scores``, ``loadings``,
        ``training``."""
        from crlspec.report.plots import Plots

        return Plots(self)

    def _repr_html_(self) -> str:
        from crlspec.report.glance import result_card

        return result_card(self)

    def report(
        self,
        path: str | Path,
        model: Truth | None = None,
        force: bool = False,
        *,
        evaluation: xr.Dataset | None = None,
    ) -> Path:
        """Write report.html, one page that needs nothing else; with the model, beside the truth.

        evaluation  what :meth:`evaluate` says of the model, where it is at hand
        """
        from crlspec.report.report import write_report

        return write_report(self, path, self.goodness_of_fit, model=model, evaluation=evaluation, force=force)

    def animate(self, folder: str | Path) -> tuple[Path, ...]:
        """Write ``traversal_<latent>.gif`` for every latent into a folder, in place of those of a former result.

        It shows the decoder's images while the latent goes from −2.5 to 2.5 standard deviations and back, all others
        at their mean.

        Gives the files; none where no images are observed, or where nothing decodes.
        """
        from crlspec.report.animations import write_animations

        return write_animations(self, Path(folder))

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

    def annotate(self, adata: Any, layer: str | None = None) -> Any:
        """The AnnData, changed in place, with the latents of every cell in ``obsm["X_crlspec"]``, and their names,
        environments, variables, the graph, status and provenance in ``uns["crlspec"]``.

        layer  where not X, nor the layer that the result was made from, is to be read

        Raises DataError where it lacks a variable that the encoder takes.
        """
        from crlspec.results.annotated import annotated

        return annotated(self, adata, layer)

    def next(
        self,
        rows: int | None = None,
        *,
        draws: int = 20,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Next:
        """Which further rows, or which further environment, would decide this result, where it is undecided: a ranked
        table with intervals, by simulation from what was fitted.

        rows      new rows of each measurement; None: as many as the middle environment has
        draws     simulated data sets of each measurement that is simulated
        seed      of the simulation
        progress  called as ``progress("simulated", done, total)``

        Raises SettingMismatch for results of which no rows can be drawn: their latents are not linear-Gaussian behind
        a linear mixing.
        """
        from crlspec.downstream.proposals.propose import propose

        return propose(self, rows, draws=draws, seed=seed, progress=progress or silent)

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

    def yardsticks(
        self,
        truth: Truth | xr.DataTree | None = None,
        *,
        data: xr.DataTree | None = None,
        samples: int | None = None,
        seed: int = 0,
        labels: Sequence[int] | None = None,
        device: str = "cpu",
    ) -> Yardsticks:
        """This result beside what simpler ways reach on the same rows: an autoencoder without contrast, the log
        ratios of environments alone, and the supervised network with few labels and with all.

        truth   the model that made the data, or data with the true latents beside them; without, the yardsticks that
                the result keeps
        labels  numbers of labelled rows; None: 10, 50, 200 and 1000, as far as there are so many

        The other arguments are those of :meth:`ceiling`. Raises DataError without a truth where none are kept.
        """
        if truth is not None:
            from crlspec.downstream.yardsticks import yardsticks

            return yardsticks(
                truth, result=self, data=data, samples=samples, seed=seed, labels=labels, device=device
            )
        kept = self.provenance.get(KEY)
        if kept is None:
            raise DataError(
                "this result keeps no yardsticks",
                remedy="Give the truth: result.yardsticks(model), or data with the true latents; or run with "
                "--yardsticks.",
            )
        return Yardsticks.of(self.ceiling(), kept)

    def with_yardsticks(self, yardsticks: Yardsticks) -> Self:
        """The same result, which keeps the yardsticks, and their ceiling as :meth:`with_ceiling` does."""
        found = self.with_ceiling(yardsticks.ceiling)
        return replace(found, provenance={**found.provenance, KEY: yardsticks.unlabelled_values()})

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
        None,
        Transform.from_values(facts["transform"]) if facts.get("transform") else None,
    )
    return result if calibration is None else result.calibrated(calibration)
