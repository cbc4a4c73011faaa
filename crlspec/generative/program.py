"""Pyro programs of one environment: latents as sites, or noise as sites and latents as functions of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyro
import torch
from torch.distributions.transforms import Transform

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import drawing_from, named_generator
from crlspec.generative.mixing import Mixing
from crlspec.generative.scm import SCM, Distribution, Mechanism, gather
from crlspec.handlers.computed import computed
from crlspec.typing import Latents, Node, Observations, Parents, Tensor

NoiseSites = Literal["implicit", "explicit"]


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """The Pyro program of ``scm`` seen through ``mixing``: called with the number of samples, it returns (z, x).

    Within plates of one's own the samples are a further dimension, the one that the plate ``_samples`` gets there. It
    can be pickled, so that chains run in processes of their own.

    Attributes:
        scm: the mechanisms.
        mixing: from z (*sample, latent) to x (*sample, observed).
        like: a tensor of their device and dtype.
        noise: ``implicit``, latents as sample sites; or ``explicit``, noise as sample sites.
        deviation: of normal noise on every observed variable; x is a sample site where it is above 0.
        prefix: before the names of all sites and of the plate.

    Raises:
        CrlspecError: ``noise`` is neither word, or explicit where a mechanism has no such form.
    """

    scm: SCM
    mixing: Mixing
    like: Tensor
    noise: NoiseSites = "implicit"
    deviation: float = 0.0
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.noise not in ("implicit", "explicit"):
            raise CrlspecError(f"noise={self.noise!r} is unknown.", remedy="choose implicit or explicit.")
        if self.noise == "explicit":
            _require_explicit(self.scm, self.like)

    def __call__(self, n: int = 1) -> tuple[Latents, Observations]:
        scm, prefix = self.scm, self.prefix
        node = _noise_site if self.noise == "explicit" else _latent_site
        columns: dict[str, Node] = {}
        plate = pyro.plate(f"{prefix}_samples", n, device=str(self.like.device))
        with plate:
            assert plate.dim is not None  # it is given one on entry
            root = self.like.new_empty((n, *(1,) * (-1 - plate.dim)))
            for name in scm.order:
                mechanism = scm.mechanisms[name]
                seen = torch.broadcast_tensors(*(columns[p] for p in mechanism.parents))
                values = dict(zip(mechanism.parents, seen))
                columns[name] = node(prefix + name, mechanism, gather(values, mechanism.parents, like=root))
            z = torch.stack(torch.broadcast_tensors(*(columns[name] for name in scm.latents)), dim=-1)
            return z, self._observed(z)

    def _observed(self, z: Latents) -> Observations:
        site = f"{self.prefix}x"
        if self.deviation > 0:
            noisy = pyro.distributions.Normal(self.mixing(z), self.deviation).to_event(1)
            drawn: Observations = pyro.sample(site, noisy)
            return drawn
        why = "it is computed from the latents without noise"
        way = (
            "take condition(data) of the model, which finds the latents."
            if self.prefix
            else "condition on the latents, which model.mixing.inverse(x) gives where it is known."
        )
        remedy = f"declare noise (mixing: {{noise: 0.1}}), or {way}"
        return computed(site, self.mixing(z), 1, why, remedy)

    def __repr__(self) -> str:
        return f"<Program of {len(self.scm.latents)} latents, {self.noise} noise>"


def abduct(scm: SCM, z: Latents) -> Mapping[str, Tensor]:
    """The noise that gave ``z`` (*sample, latent): site of the explicit program → values (*sample).

    Raises:
        CrlspecError: a mechanism has no form with explicit noise.
    """
    columns = dict(zip(scm.latents, z.unbind(-1)))
    found = {}
    for name in scm.order:
        mechanism = scm.mechanisms[name]
        if not mechanism.clamped:
            _, response = _explicit(name, mechanism, gather(columns, mechanism.parents))
            found[noise_site(name)] = response.inv(columns[name])
    return found


def predict(scm: SCM, noise: Mapping[str, Tensor], like: Tensor, seed: int = 0) -> Latents:
    """What ``scm`` makes of noise, site → values (sample,): z (sample, latent), the last step of a counterfactual.

    It is the explicit program conditioned on the noise, without Pyro, whose handlers belong to the whole process. A
    site that ``noise`` lacks is drawn from a stream of its own; ``like`` (sample,) has the place and dtype.

    Raises:
        CrlspecError: a mechanism has no form with explicit noise.
    """
    columns: dict[str, Node] = {}
    for name in scm.order:
        mechanism, site = scm.mechanisms[name], noise_site(name)
        parents = gather(columns, mechanism.parents, like=like)
        if mechanism.clamped:
            columns[name] = mechanism.distribution(parents).mean
            continue
        free, response = _explicit(name, mechanism, parents)
        values = noise.get(site)
        if values is None:
            with drawing_from(named_generator(seed, site, device=like.device)):
                values = free.sample()
        columns[name] = response(values)
    return torch.stack(torch.broadcast_tensors(*(columns[name] for name in scm.latents)), dim=-1)


def noise_site(latent: str) -> str:
    """The name of the site that holds the noise of a latent."""
    return f"{latent}_noise"


def _latent_site(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    distribution = mechanism.distribution(parents)
    if mechanism.clamped:
        return computed(name, distribution.mean, 0, "an intervention fixes it", "leave it out of the data.")
    drawn: Node = pyro.sample(name, distribution)
    return drawn


def _noise_site(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    if mechanism.clamped:
        return _latent_site(name, mechanism, parents)
    # Noise reads no parents: where those come in several worlds, it is the same in all of them.
    noise, _ = _explicit(name, mechanism, parents.new_zeros(1, parents.shape[-1]))
    _, response = _explicit(name, mechanism, parents)
    made = response(pyro.sample(noise_site(name), noise))
    remedy = "condition on the noise, which model.abduct(z) gives, or take the program with noise='implicit'."
    return computed(name, made, 0, "it is computed from its noise", remedy)


def _explicit(name: str, mechanism: Mechanism, parents: Parents) -> tuple[Distribution, Transform]:
    try:
        return mechanism.explicit(parents)
    except CrlspecError as error:
        raise CrlspecError(f"{name}: {error.message}", remedy=error.remedy) from None


def _require_explicit(scm: SCM, like: Tensor) -> None:
    for name, mechanism in scm.mechanisms.items():
        if noise_site(name) in scm.mechanisms:
            message = f"the latent {noise_site(name)!r} has the name of the noise of {name!r}."
            raise CrlspecError(message, remedy="rename one of them.")
        if not mechanism.clamped:
            _explicit(name, mechanism, like.new_zeros(1, len(mechanism.parents)))
