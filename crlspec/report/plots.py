"""The charts of a result on axes of one's own: what the report draws, drawn by the same functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crlspec.errors import DataError, EstimationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crlspec.report.drawing import Drawing
    from crlspec.report.palette import Palette
    from crlspec.results.record import Record

__all__ = ["Plots"]


@dataclass(frozen=True, repr=False)
class Plots:
    """``result.plot``: each method draws on ``ax``, or on a new figure of pyplot, and gives the matplotlib Axes.

    Colours follow the ground of the figure, light or dark.
    """

    result: Record

    def graph(self, ax: Axes | None = None) -> Axes:
        """The recovered graph: causes above effects, thicker edges stronger, open ones dashed.

        Raises EstimationError where no graph was estimated.
        """
        from crlspec.report.graph_picture import picture

        if self.result.graph == "not estimated":
            raise EstimationError(
                "this result has no graph: its estimator gives latents alone.",
                remedy="Choose an estimator that gives a graph, such as lscale-i or umni-crl.",
            )
        return _drawn(lambda palette: picture(self.result.standardised, palette), ax)

    def latents(self, latent: str | None = None, ax: Axes | None = None) -> Axes:
        """Each latent without intervention (filled) and in the environment that targets it (outline), as densities.

        latent  this one alone; its axis of densities has a common scale then

        Raises DataError for a name that is no latent.
        """
        from crlspec.report.charts import densities

        result = self.result.standardised
        if latent is not None and latent not in result.names:
            raise DataError(
                f"there is no latent '{latent}'", remedy=f"Choose one of {', '.join(result.names)}."
            )
        names = result.names if latent is None else (latent,)
        return _drawn(lambda palette: densities([_values(result, name) for name in names], palette), ax)

    def scores(self, ax: Axes | None = None) -> Axes:
        """How far each environment changes the score along each latent; frames where theory expects it.

        Raises EstimationError where the estimator used no scores.
        """
        from crlspec.report.evidence import score_map
        from crlspec.report.score_facts import score_facts

        facts = score_facts(self.result)
        if facts is None:
            raise EstimationError(
                "this result has no score differences: its estimator used none.",
                remedy="Choose an estimator that contrasts scores, such as lscale-i or gscale-i.",
            )
        return _drawn(lambda palette: score_map(facts, palette), ax)

    def loadings(self, ax: Axes | None = None) -> Axes:
        """The variables that move most with each latent: by how many of their standard deviations for one of its own.

        Raises EstimationError where loadings are not known, as with images.
        """
        from crlspec.report.carriers import loading_map
        from crlspec.results.loadings import LOADINGS

        if LOADINGS not in self.result.diagnostics:
            raise EstimationError(
                "this result has no loadings: images are observed, or it was not made by solve.",
                remedy="Look at result.traverse(latent, values) in their place.",
            )
        return _drawn(lambda palette: loading_map(self.result, palette), ax)

    def training(self, stage: str | None = None, ax: Axes | None = None) -> Axes:
        """The losses of the networks of a stage while they were trained; by default of the first stage.

        Raises EstimationError where nothing was trained, DataError for a stage that trained nothing.
        """
        from crlspec.report.evidence import training_curves
        from crlspec.report.training import trainings

        found = trainings(self.result)
        if not found:
            raise EstimationError(
                "nothing was trained for this result, or its losses were not recorded.",
                remedy="Look at result.stages for what was done.",
            )
        stages = list(dict.fromkeys(one.stage for one in found))
        if stage is not None and stage not in stages:
            raise DataError(
                f"the stage '{stage}' trained nothing.", remedy=f"Choose one of {', '.join(stages)}."
            )
        one = next(one for one in found if stage in (None, one.stage))
        environments = tuple(map(str, self.result.latents.children))
        return _drawn(lambda palette: training_curves(one, environments, palette), ax)

    def __repr__(self) -> str:
        return "<Plots: graph, latents, scores, loadings, training>"


def _drawn(draw: Callable[[Palette], Drawing], ax: Axes | None) -> Axes:
    """On the axes, or on a figure of pyplot, which a notebook shows at the end of its cell."""
    from matplotlib.colors import to_rgba

    from crlspec.report.on_axes import of_its_own, on_axes
    from crlspec.report.palette import palette_of

    if ax is not None:
        clear = to_rgba(ax.get_facecolor())[3] == 0
        ground = ax.figure.get_facecolor() if clear else ax.get_facecolor()
        return on_axes(draw(palette_of(ground)), ax)
    from matplotlib import pyplot, rcParams

    return of_its_own(draw(palette_of(rcParams["figure.facecolor"])), pyplot.figure)


def _values(result: Record, name: str) -> tuple[str, Any, Any]:
    """Name, values without intervention, values in the environment that shows the latent."""
    own = result.environment_of.get(name) or result.observational
    without, within = (
        result.latents.children[where].to_dataset()["z_hat"].sel(latent=name).values
        for where in (result.observational, own)
    )
    return name, without, within
