"""bayesian(spec) → BayesianModel: numbers with priors as sites of one Pyro program over all environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import pyro
import pyro.distributions as dist
import torch

from crlspec.errors import CrlspecError, DataError
from crlspec.generative.model import Device, Model, build, compile
from crlspec.generative.posterior import arviz_tree
from crlspec.generative.program import Program
from crlspec.registry import Prior
from crlspec.spec.resolve import resolve_with, structure
from crlspec.typing import Latents, Observations, Tensor

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.spec.schema import Spec

Draws = Mapping[str, tuple[Latents, Observations]]


@dataclass(frozen=True, eq=False)
class BayesianModel:
    """A spec with priors: a distribution over models, to be inferred from data of several environments at once.

    Attributes:
        spec: the spec with graph, mixing and intervals drawn, priors left in place.
        priors: parameter → its prior. Parameters are called ``weight_z1_z2`` (parent, latent) and ``variance_z2``;
            those of what an environment replaces ``environment/variance_z2``.
        reference: the model with parameters drawn from the priors, as ``compile`` gives it.
        seed: of all that was drawn.
    """

    spec: Spec
    priors: Mapping[str, Prior]
    reference: Model
    seed: int

    def at(self, parameters: Mapping[str, float | Tensor]) -> Model:
        """The compiled model with these numbers for the parameters, e.g. means or one draw of a posterior.

        Raises:
            CrlspecError: a parameter is missing or unknown.
        """
        for name in parameters:
            if name not in self.priors:
                near = get_close_matches(name, self.priors, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "choose one of these."
                raise CrlspecError(
                    f"there is no parameter {name!r}; there are {', '.join(self.priors)}.", hint
                )
        absent = [name for name in self.priors if name not in parameters]
        if absent:
            raise CrlspecError(f"no number for {', '.join(absent)}.", remedy="give one for each of `priors`.")
        numbers = resolve_with(self.spec, self.seed, lambda name, _: float(parameters[name]))
        return compile(numbers, self.seed, self.reference.device, self.reference.dtype)

    def pyro(self, n: int | Mapping[str, int] | None = None) -> Callable[[], Draws]:
        """A Pyro program: parameters as sites, then the environments, each in a plate of its own.

        Sites are the parameters under their names, then for each environment the latents ``environment/z1`` and the
        observed variables ``environment/x`` inside the plate ``environment/_samples``, as in :meth:`Model.pyro`.

        Args:
            n: samples in each environment; or environment → samples, which also selects environments; by default
                what the spec says.

        Returns:
            A program without arguments; it returns environment → (z, x).

        Raises:
            CrlspecError: an unknown environment, or a number of samples below 1.
        """
        return BayesianProgram(self, self.reference._counts(self.spec.samples if n is None else n))

    def condition(self, data: xr.DataTree, on: Literal["x", "z"] = "x") -> Callable[[], Draws]:
        """The program given data of some or all environments, ready for SVI and NUTS.

        Args:
            data: a node for each environment, with ``x`` (sample, observed) or ``z`` (sample, latent).
            on: what was observed. Where x carries no noise it determines the latents (the mixing is known here),
                which are then conditioned on; the density is that of z, which differs by a constant.

        Raises:
            CrlspecError: an unknown environment; x without noise under a mixing that has no inverse in closed form.
            DataError: variables are missing, or x is not what the mixing makes of any z.
        """
        if on not in ("x", "z"):
            raise CrlspecError(f"on={on!r} is unknown.", remedy="choose x or z.")
        values: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        for name in data.children:
            found = self._array(data, str(name), on)
            counts[str(name)] = len(found)
            if on == "x" and self.reference.observation_noise > 0:
                values[f"{name}/x"] = found
                continue
            z = found if on == "z" else self._latents(str(name), found)
            mechanisms = self.reference.environments[self.reference._known(str(name))].scm.mechanisms
            for k, latent in enumerate(self.reference.latents):
                if not mechanisms[latent].clamped:
                    values[f"{name}/{latent}"] = z[:, k]
        conditioned: Callable[[], Draws] = pyro.condition(self.pyro(counts), data=values)
        return conditioned

    def posterior(self, draws: Any, prior: Mapping[str, Tensor] | None = None) -> xr.DataTree:
        """Draws of this model's program for xarray and ArviZ: see :func:`crlspec.generative.posterior.arviz_tree`."""
        return arviz_tree(draws, prior)

    def _array(self, data: xr.DataTree, environment: str, variable: str) -> Tensor:
        """A variable of one environment, (sample, latent) or (sample, observed), columns in the model's order."""
        node, model = data[environment], self.reference
        axis, names = ("latent", model.latents) if variable == "z" else ("observed", model.observed)
        if variable not in node:
            raise DataError(
                f"the environment {environment!r} of the data holds no {variable}.", "give it, or change on."
            )
        array = node[variable].transpose("sample", axis)
        if axis in array.coords and set(array[axis].values) >= set(names):
            array = array.sel({axis: list(names)})
        elif axis in array.coords or array.sizes[axis] != len(names):
            raise DataError(
                f"{variable} of {environment!r} has other columns than the model.",
                f"name them {', '.join(names)}.",
            )
        return torch.as_tensor(array.values, dtype=model.dtype, device=model.device)

    def _latents(self, environment: str, x: Observations) -> Latents:
        mixing = self.reference.mixing
        if not mixing.has_inverse:
            raise CrlspecError(
                f"{type(mixing).__name__} has no inverse in closed form, and x no noise.",
                remedy="condition on z, or declare noise: on the mixing.",
            )
        z = mixing.inverse(x)
        off = float((mixing(z) - x).abs().max() / x.std().clamp_min(1e-12))
        if not off < 1e-3:
            raise DataError(
                f"x of {environment!r} is not what the mixing of {self.spec.name!r} makes of any z.",
                "sample with the seed that `bayesian` got, give the mixing's numbers in the spec, or noise: on it.",
            )
        return z


@dataclass(frozen=True, eq=False, repr=False)
class BayesianProgram:
    """The program of :meth:`BayesianModel.pyro`, which can be pickled for chains in processes of their own.

    Attributes:
        model: the Bayesian model.
        counts: environment → samples.
    """

    model: BayesianModel
    counts: Mapping[str, int]

    def __call__(self) -> Draws:
        model, reference = self.model, self.model.reference
        like = torch.empty(0, dtype=reference.dtype, device=reference.device)
        spec = resolve_with(
            model.spec, model.seed, lambda name, prior: pyro.sample(name, _distribution(prior, like))
        )
        _, environments = build(spec, reference.device, reference.dtype)
        return {
            name: Program(
                environments[name].scm,
                reference.mixing,
                like,
                deviation=reference.observation_noise,
                prefix=f"{name}/",
            )(count)
            for name, count in self.counts.items()
        }

    def __repr__(self) -> str:
        return f"<BayesianProgram of {', '.join(self.counts)}>"


def bayesian(
    spec: Spec, seed: int = 0, device: Device = "cpu", dtype: torch.dtype = torch.float64
) -> BayesianModel:
    """The Bayesian model of a spec in which some numbers are priors, e.g. ``weight: Normal(0, 1)``.

    Args:
        spec: a spec with ``scm`` and ``mixing``, and priors for weights, variances, …
        seed: of what the spec leaves open otherwise: graph, intervals, mixing; as ``compile`` draws them.
        device: where densities are computed.
        dtype: their floating-point type.

    Raises:
        CrlspecError: the spec declares no model, or no priors, or two parameters would have one name.
        SpecError: a family cannot be drawn.
    """
    reference = compile(spec, seed, device, dtype)
    kept = structure(spec, seed)
    found: list[tuple[str, Prior]] = []

    def note(name: str, prior: Prior) -> float:
        found.append((name, prior))
        return 1.0

    resolve_with(kept, seed, note)
    if not found:
        raise CrlspecError(
            f"the spec {spec.name!r} has no priors.",
            remedy='put one in place of a number below scm: or environments:, e.g. weight: "Normal(0, 1)"; '
            "equations hold numbers only.",
        )
    twice = [name for name, count in Counter(name for name, _ in found).items() if count > 1]
    if twice:
        raise CrlspecError(f"two parameters are called {twice[0]}.", remedy="rename a latent.")
    return BayesianModel(kept, dict(found), reference, seed)


def _distribution(prior: Prior, like: Tensor) -> Any:
    """A prior in Pyro, in the dtype and on the device of ``like``."""
    arguments = {name: like.new_tensor(value) for name, value in prior.arguments.items()}
    return getattr(dist, prior.distribution)(**arguments)
