"""A query: an intervention on a recovered model, what follows from it, how surely, and what of it is identified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from crlspec.downstream.expectation import Moment, Statistic, statistic
from crlspec.downstream.interventions import Changes, intervened
from crlspec.downstream.uncertainty import Answer, answer, joint
from crlspec.errors import CrlspecError
from crlspec.generative.intervention import Environment
from crlspec.generative.program import NoiseSites, Program
from crlspec.results.encoder import labels

if TYPE_CHECKING:
    from crlspec.downstream.recovered import RecoveredModel
    from crlspec.generative.model import Model

__all__ = ["Query", "effects"]


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
            "z": (("sample", "latent"), z.cpu().numpy()),
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

    def answer(self, moment: Moment, difference: bool, samples: int = 20_000, seed: int = 0) -> Answer:
        """A moment of latents, then of observed variables (latent + observed,), or what the intervention changes in
        it, with all that makes up its error."""

        def of(m: Model) -> Statistic:
            changed = intervened(m, self.changes, self.within)
            baseline = m.environments[self.within] if difference else None
            return statistic(moment, changed, m.mixing, baseline, samples, seed)

        found = of(self.model)
        models = {id(m): m for pair in self.model.variations for m in pair}
        each = {key: np.concatenate([one.z, one.x]) for key, one in ((k, of(m)) for k, m in models.items())}
        pairs = [(each[id(a)], each[id(b)]) for a, b in self.model.variations]
        value = np.concatenate([found.z, found.x])
        simulated = np.concatenate([found.z_error, found.x_error])
        return answer(value, simulated, pairs, self.model.weight, self.model.two_sided)

    def _dataset(self, moment: Moment, difference: bool, samples: int, seed: int) -> xr.Dataset:
        found, n = self.answer(moment, difference, samples, seed), len(self.model.latents)
        arrays = {
            "z": ("latent", found.value[:n]),
            "z_error": ("latent", found.error[:n]),
            "x": ("observed", found.value[n:]),
            "x_error": ("observed", found.error[n:]),
        }
        return xr.Dataset(arrays, coords=self._coords(), attrs={"identified": self.identified})

    def _coords(self) -> dict[str, np.ndarray]:
        return {"latent": labels(self.model.latents), "observed": labels(self.model.observed)}


def effects(queries: Sequence[Query], level: float, moment: Moment, samples: int, seed: int) -> xr.Dataset:
    """What several queries of one model change, with intervals for all at once. See ``RecoveredModel.effects``."""
    if not queries or not 0 < level < 1:
        what = f"level={level!r} is no probability" if queries else "no intervention is asked for"
        raise CrlspecError(f"{what}.", remedy='call e.g. effects([{"z1": 1.0}, "do_z2"], level=0.95).')
    answers = [query.answer(moment, True, samples, seed) for query in queries]
    critical = joint(answers).critical(level, seed)
    n = len(queries[0].model.latents)
    value = np.stack([one.value for one in answers])
    error = np.stack([one.error for one in answers])
    width = np.stack([one.width(critical) for one in answers])
    low, high = value - width, value + width
    arrays = {
        f"{space}{name}": (("query", dim), array[:, part])
        for space, dim, part in (("z", "latent", slice(n)), ("x", "observed", slice(n, None)))
        for name, array in (("", value), ("_error", error), ("_low", low), ("_high", high))
    }
    coords = {**queries[0]._coords(), "query": labels(tuple(one.environment.name for one in queries))}
    notes = {"level": level, "critical": critical, "identified": "\n".join(q.identified for q in queries)}
    return xr.Dataset(arrays, coords=coords, attrs=notes)
