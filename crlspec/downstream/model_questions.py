"""What a recovered model can be asked: thin methods, the work is in :mod:`crlspec.downstream`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from crlspec.downstream.expectation import Moment
    from crlspec.downstream.fitting import Fit
    from crlspec.downstream.judging import Judged
    from crlspec.downstream.query import Query
    from crlspec.downstream.recovered import RecoveredModel
    from crlspec.generative.program import NoiseSites, Program
    from crlspec.results.record import Record
    from crlspec.spec.schema import Spec

__all__ = ["ModelQuestions"]


class ModelQuestions:
    """Methods of :class:`~crlspec.result.Result`.

    All is in observational standard deviations of the latents, calibrated or not, unless anchors say otherwise. Each
    raises SettingMismatch where no graph was estimated, and EstimationError where no decoder leads back to
    observations.
    """

    def model(self, anchor: Mapping[str, str] | None = None) -> RecoveredModel:
        """The recovered SCM as a model, its mechanisms fitted to the latents: sample, score, pyro, save, queries.

        anchor  latent → observed variable that fixes its sign and unit: one unit more of the latent is one unit
                more of that variable. Without, latents are in observational standard deviations

        Raises CrlspecError for an anchor that is not there.
        """
        from crlspec.downstream.fitting import model_of

        return model_of(cast("Record", self).standardised, self._fit, anchor or {})

    def to_spec(self) -> Spec:
        """The spec that declares :meth:`model`: it compiles to it and runs by itself; ``crlspec.dump`` writes it."""
        return self.model().to_spec()

    def goodness_of_fit(self) -> pd.DataFrame:
        """How well the mechanisms of :meth:`model` fit latents that were held out (every fifth): a row for each.

        latent, environment  whose mechanism; the environment that put it there, empty where nothing touches it
        parents, mean, noise  its arguments, and its family: constant, linear or network; normal or mixture
        scale, additive_p     how large its noise is: constant, or a network of the parents (location–scale), which is
                              taken where this p-value of one size for all, under additive noise, refutes it
        dependence            share of the noise, or of its square, that quadratics of the parents explain; p-value
                              ``dependence_p``
        distribution          Kolmogorov–Smirnov distance of the noise to the declared one; ``distribution_p``
        refuted               whether one of them is past p < .001 and more than a little
        """
        from crlspec.downstream.judging import mechanisms

        return mechanisms(self._judged)

    def pyro(self, environment: str | None = None, noise: NoiseSites = "implicit") -> Program:
        """The recovered SCM as a plain Pyro program of one environment; see ``Model.pyro``."""
        return self.model().pyro(environment, noise)

    def do(
        self, interventions: Any, *, environment: str | None = None, anchor: Mapping[str, str] | None = None
    ) -> Query:
        """An intervention on the recovered SCM: sample from it, ask for means and effects with standard errors.

        interventions  latent → a number (do), ``"Normal(0, 2)"`` (stochastic, hard), ``"shift(1)"``,
                       ``"scale(0.5)"``, an equation over latents (soft), or a univariate distribution; the name of
                       an environment, for what it replaces; or a list of such, for all of them at once, seen
                       together or not
        environment    whose other mechanisms hold; by default the observational one
        anchor         units and signs, see :meth:`model`

        ``query.identified`` says what of it the data can tell. Raises CrlspecError where an intervention cannot be
        read, or hits a latent twice.
        """
        return self.model(anchor).do(interventions, environment=environment)

    def effects(
        self,
        interventions: Sequence[Any],
        *,
        level: float = 0.95,
        moment: Moment = "mean",
        environment: str | None = None,
        anchor: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """Effects of several interventions, with intervals that hold for all of them at once.

        interventions  a list; each as :meth:`do` takes it; see ``RecoveredModel.effects`` for what comes back
        """
        return self.model(anchor).effects(interventions, level=level, moment=moment, environment=environment)

    def counterfactual(
        self,
        x: np.ndarray | xr.DataArray | xr.Dataset,
        interventions: Any,
        *,
        environment: str | None = None,
        anchor: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """What these very samples would have been under an intervention: abduction, action, prediction.

        x              (sample, observed), seen in ``environment`` (the observational one)
        interventions  as in :meth:`do`; under a distribution a unit keeps its own noise, standardised

        Returns ``z`` (sample, latent) and ``x`` (sample, observed) as they would have been, and ``z_factual``. What
        the mixing does not explain of a sample is kept. ``attrs["identified"]`` says what of it the data can tell.
        """
        return self.model(anchor).counterfactual(x, interventions, environment=environment)

    @cached_property
    def _judged(self) -> Judged:
        from crlspec.downstream.judging import judge

        return judge(cast("Record", self).standardised)

    @cached_property
    def _fit(self) -> Fit:
        from crlspec.downstream.fitting import fit

        return fit(self._judged)
