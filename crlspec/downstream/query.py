"""A query: an intervention on a recovered model, what follows from it, how surely, and what of it is identified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from crlspec.downstream.expectation import Moment, Statistic, statistic
from crlspec.downstream.interventions import Changes, intervened
from crlspec.errors import CrlspecError
from crlspec.generative.intervention import Environment
from crlspec.generative.program import NoiseSites, Program
from crlspec.results.encoder import labels

if TYPE_CHECKING:
    from crlspec.downstream.recovered import RecoveredModel
    from crlspec.generative.model import Model

__all__ = ["Query"]


@dataclass(frozen=True, eq=False)
class Query:
    """The recovered model under an intervention. Built by ``result.do`` or ``model.do``.

    model        the recovered model
    changes      what was put in place of which mechanism
    environment  the intervened SCM: ``sample``, ``log_density``, ``score`` on latents
    within       the environment whose other mechanisms hold, and which effects are measured from
    identified   in words: what of this the data can tell, and up to what
    """

    model: RecoveredModel
    changes: Changes
    environment: Environment
    within: str
    identified: str

    def sample(self, n: int = 10_000, seed: int = 0) -> xr.Dataset:
        """``n`` draws under the intervention: z (sample, latent) and x (sample, observed)."""
        if n < 1:
            raise CrlspecError(f"{n} samples were asked for.", remedy="ask for at least 1.")
        z = self.environment.sample(n, seed)
        arrays = {
            "z": (("sample", "latent"), z.numpy()),
            "x": (("sample", "observed"), self.model.observe(z, seed)),
        }
        return xr.Dataset(arrays, coords=self._coords())

    def pyro(self, noise: NoiseSites = "implicit") -> Program:
        """A plain Pyro program of the intervened model; see ``Model.pyro``."""
        return self.model.program_of(self.environment.scm, noise)

    def mean(self, samples: int = 20_000, seed: int = 0) -> xr.Dataset:
        """Means of latents and of observed variables under the intervention, with standard errors.

        samples, seed  of the simulation, which only nonlinear models need

        Returns ``z`` and ``z_error`` (latent,), in the units of the latents, ``x`` and ``x_error`` (observed,). The
        standard errors are those of the fitted model (see ``RecoveredModel``) and of the simulation together.
        """
        return self._dataset("mean", False, samples, seed)

    def deviation(self, samples: int = 20_000, seed: int = 0) -> xr.Dataset:
        """Standard deviations under the intervention, as :meth:`mean` gives means."""
        return self._dataset("deviation", False, samples, seed)

    def effect(self, moment: Moment = "mean", samples: int = 20_000, seed: int = 0) -> xr.Dataset:
        """By how much the intervention moves the means (or the standard deviations): with it, less without it."""
        return self._dataset(moment, True, samples, seed)

    def __str__(self) -> str:
        return f"{self.environment.name}\n{self.identified}"

    def _dataset(self, moment: Moment, difference: bool, samples: int, seed: int) -> xr.Dataset:
        def of(m: Model) -> Statistic:
            changed = intervened(m, self.changes, self.within)
            baseline = m.environments[self.within] if difference else None
            return statistic(moment, changed, m.mixing, baseline, samples, seed)

        found = of(self.model)
        models = {id(m): m for pair in self.model.variations for m in pair}
        each = {key: of(m) for key, m in models.items()}
        pairs = [(each[id(a)], each[id(b)]) for a, b in self.model.variations]
        z = _error([(a.z, b.z) for a, b in pairs], found.z_error, self.model.weight)
        x = _error([(a.x, b.x) for a, b in pairs], found.x_error, self.model.weight)
        arrays = {
            "z": ("latent", found.z),
            "z_error": ("latent", z),
            "x": ("observed", found.x),
            "x_error": ("observed", x),
        }
        return xr.Dataset(arrays, coords=self._coords(), attrs={"identified": self.identified})

    def _coords(self) -> dict[str, np.ndarray]:
        return {"latent": labels(self.model.latents), "observed": labels(self.model.observed)}


def _error(pairs: list[tuple[np.ndarray, np.ndarray]], simulated: np.ndarray, weight: float) -> np.ndarray:
    total = simulated**2
    for a, b in pairs:
        total = total + weight * (a - b) ** 2
    return np.asarray(np.sqrt(total))
