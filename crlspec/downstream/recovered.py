"""The recovered SCM as a model: all that a compiled spec can, with the fit, its error, and queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from crlspec.disk.write import write_file
from crlspec.downstream.counterfactual import counterfactual
from crlspec.downstream.decoded import Code
from crlspec.downstream.design import Design
from crlspec.downstream.expectation import Moment
from crlspec.downstream.fitted import Fitted, quick_spec, spec_of
from crlspec.downstream.identified import identified
from crlspec.downstream.interventions import changes_of, intervened
from crlspec.downstream.query import Query, effects
from crlspec.generative.model import Model, compile
from crlspec.generative.program import NoiseSites, Program
from crlspec.generative.scm import SCM
from crlspec.typing import Latents

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec

__all__ = ["RecoveredModel", "recovered_model"]


@dataclass(frozen=True, eq=False)
class RecoveredModel(Model):
    """A :class:`Model` whose mechanisms were fitted to recovered latents. Built by ``result.model``.

    Latents are in observational standard deviations about their observational mean, or in the units of their anchors.

    code         encoder and decoder, of the latents as recovered, where the mixing is not linear
    fit          Dataset: for every mechanism and environment how well it fits, and notes in its attributes
    fitted       the mechanisms as plain declarations
    anchors      latent → the observed variable that fixes its sign and unit
    alternatives pairs of other fits, whose spread tells the error of this one: weight · Σ (f(a) − f(b))² is the
                 variance of a quantity f
    two_sided    whether the two of a pair stand on both sides of this fit, along one direction of its error
    errors       what standard errors hold: ``latents included`` (linear mechanisms), or ``given the latents``
    caveats      what queries say in the end
    """

    code: Code | None = None
    fit: xr.Dataset = field(default_factory=xr.Dataset)
    fitted: Fitted | None = None
    anchors: Mapping[str, str] = field(default_factory=dict)
    alternatives: tuple[tuple[Fitted, Fitted], ...] = ()
    weight: float = 0.25
    two_sided: bool = True
    errors: str = "given the latents"
    caveats: tuple[str, ...] = ()

    @property
    def design(self) -> Design:
        """The graph and the interventions that the mechanisms were fitted for."""
        assert self.fitted is not None
        return self.fitted.design

    @cached_property
    def variations(self) -> tuple[tuple[Model, Model], ...]:
        """The alternatives as models, each compiled once."""
        found = {id(fitted): fitted for pair in self.alternatives for fitted in pair}
        models = {key: compile(quick_spec(fitted, self.observed, self.code)) for key, fitted in found.items()}
        return tuple((models[id(a)], models[id(b)]) for a, b in self.alternatives)

    def do(self, interventions: Any, *, environment: str | None = None) -> Query:
        """The model under an intervention.

        interventions  latent → a number (do), ``"Normal(0, 2)"`` (stochastic, hard), ``"shift(1)"``,
                       ``"scale(0.5)"``, an equation over latents (soft), or a univariate distribution; the name of
                       an environment, for what it replaces; or a list of such, for all of them at once, seen
                       together or not
        environment    whose other mechanisms hold; by default the observational one

        Raises CrlspecError where an intervention cannot be read, or hits a latent twice.
        """
        within = self.observational if environment is None else self._known(environment)
        changes = changes_of(self, interventions)
        words = identified(self.design, changes, self.anchors, self.caveats)
        return Query(self, changes, intervened(self, changes, within), within, words)

    def effects(
        self,
        interventions: Sequence[Any],
        *,
        level: float = 0.95,
        moment: Moment = "mean",
        environment: str | None = None,
        samples: int = 20_000,
        seed: int = 0,
    ) -> xr.Dataset:
        """By how much each of several interventions moves the means (or standard deviations), all at once.

        interventions  a list; each as :meth:`do` takes it
        level          of the band: the probability that it covers every effect in the answer at the same time

        Returns ``z``, ``z_error``, ``z_low``, ``z_high`` (query, latent) and the same of ``x`` (query, observed). An
        error is that of one number alone; low and high lie about ``attrs["critical"]`` errors away, so that one may
        look at all of them, and at the largest, without being misled by their number.
        """
        queries = [self.do(one, environment=environment) for one in interventions]
        return effects(queries, level, moment, samples, seed)

    def counterfactual(
        self, x: np.ndarray | xr.DataArray | xr.Dataset, interventions: Any, *, environment: str | None = None
    ) -> xr.Dataset:
        """What these very samples would have been: see ``Result.counterfactual``."""
        return counterfactual(self, x, self.do(interventions, environment=environment))

    def observe(self, z: Latents, seed: int) -> np.ndarray:
        """Observations of latents (sample, latent) → (sample, observed), noise of the observations included."""
        with torch.no_grad():
            x = self.mixing(z).cpu().numpy()
        if self.observation_noise > 0:
            x = x + self.observation_noise * np.random.default_rng(seed).normal(size=x.shape)
        return np.asarray(x)

    def program_of(self, scm: SCM, noise: NoiseSites = "implicit") -> Program:
        """A Pyro program of another SCM seen through this model's mixing."""
        like = torch.empty(0, dtype=self.dtype, device=self.device)
        return Program(scm, self.mixing, like, noise, self.observation_noise)

    def to_spec(self) -> Spec:
        """The spec that declares this model: it compiles to it, and runs by itself."""
        return self.spec

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write the model as a YAML file, which ``crlspec.load`` and ``crlspec run`` take. Raises OutputExists."""
        from crlspec.spec.load import dump

        return write_file(path, dump(self.to_spec()), force)


def recovered_model(
    fitted: Fitted,
    observed: tuple[str, ...],
    name: str,
    samples: Mapping[str, int],
    noise: float,
    **known: Any,
) -> RecoveredModel:
    """A fitted model, compiled; ``known``: the further fields of :class:`RecoveredModel`."""
    model = compile(spec_of(fitted, observed, name, samples, noise, known.get("code")))
    same = {one.name: getattr(model, one.name) for one in fields(Model)}
    return RecoveredModel(**same, fitted=fitted, **known)
